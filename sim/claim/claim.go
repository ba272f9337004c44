// Package claim is what a run of faults is held to: once an invalidation was seen to be Completed, no
// request that starts later gets what was stored before the invalidation.
//
// It needs an origin whose objects carry versions that only rise, and which never confirms an old one: then the claim
// can be checked from outside. Whoever makes an invalidation asks for its [Floor] first (the versions that were
// current then) and reports when it was seen to be Completed; a response to a request that started after that must be
// of that version at least. All instants are of one clock, the checker's.
package claim

import (
	"sort"
	"strings"
	"sync"
	"time"
)

// History is what is known of the objects' versions and of the invalidations that were completed. It is safe for
// concurrent use.
type History struct {
	mu      sync.Mutex
	objects map[string]*object
}

type object struct {
	version int
	raised  time.Time
	// demands are the invalidations that may match a URI of the object, by path pattern.
	demands map[string][]demand
}

// demand says that requests which start at or after an instant must get at least a version. In a list both rise.
type demand struct {
	from    time.Time
	version int
	by      *Invalidation
}

// New returns the history of objects that all are at version 1.
func New(paths []string, now time.Time) *History {
	h := &History{objects: map[string]*object{}}
	for _, p := range paths {
		h.objects[p] = &object{version: 1, raised: now, demands: map[string][]demand{}}
	}
	return h
}

// Current returns an object's version: 0 for one that there is not.
func (h *History) Current(path string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o := h.objects[path]; o != nil {
		return o.version
	}
	return 0
}

// Raise makes an object's next version current and returns it.
func (h *History) Raise(path string, now time.Time) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.objects[path]
	o.version++
	o.raised = now
	return o.version
}

// Raised says when an object's version became current.
func (h *History) Raised(path string) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.objects[path].raised
}

// Invalidation is one as its maker saw it.
type Invalidation struct {
	ID        string
	Paths     []string
	Created   time.Time // when the API answered
	Completed time.Time // when it was first seen to be Completed
	// Floor are the versions that were current before the API was asked.
	Floor Floor
}

// Floor are the versions of the objects that an invalidation may concern.
type Floor map[string]int

// Floor returns the versions that are current now of whatever any of the path patterns may match. It is asked for
// before the invalidation is made: what became current while it was being made need not be invalidated by it.
func (h *History) Floor(patterns []string) Floor {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := Floor{}
	for path, o := range h.objects {
		for _, p := range patterns {
			if concerns(p, path) {
				f[path] = o.version
			}
		}
	}
	return f
}

// Complete says that an invalidation was just seen to be Completed and returns the instant from which it binds. That
// is read inside, so that instants rise in the order of the calls; it is late by no more than the wait for the lock,
// and a late instant only excuses requests.
func (h *History) Complete(inv *Invalidation, now func() time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	inv.Completed = now()
	for path, version := range inv.Floor {
		for _, p := range inv.Paths {
			if !concerns(p, path) {
				continue
			}
			o := h.objects[path]
			d := demand{inv.Completed, version, inv}
			if n := len(o.demands[p]); n > 0 && o.demands[p][n-1].version > version {
				continue // the one before demands more already
			}
			o.demands[p] = append(o.demands[p], d)
		}
	}
	return inv.Completed
}

// Demand returns the version that a request for a URI (a path, with "?" and the query if the query counts) which
// started at an instant must get at least, and the invalidation that says so; 0 and nil where nothing does.
func (h *History) Demand(uri string, started time.Time) (int, *Invalidation) {
	path, _, _ := strings.Cut(uri, "?")
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.objects[path]
	if o == nil {
		return 0, nil
	}
	version, by := 0, (*Invalidation)(nil)
	for pattern, list := range o.demands {
		if !Matches(pattern, uri) {
			continue
		}
		n := sort.Search(len(list), func(i int) bool { return list[i].from.After(started) })
		if n > 0 && list[n-1].version > version {
			version, by = list[n-1].version, list[n-1].by
		}
	}
	return version, by
}

// Matches reports whether an invalidation's path matches a URI: a "*" at its end stands for anything, a query counts.
func Matches(pattern, uri string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(uri, prefix)
	}
	return pattern == uri
}

// concerns reports whether a pattern may match a URI with a path.
func concerns(pattern, path string) bool {
	exact, _, _ := strings.Cut(pattern, "?")
	return exact == path || Matches(pattern, path)
}
