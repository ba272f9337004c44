package explore

import (
	"fmt"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// Claim is what the checker holds a world to.
type Claim string

// The claims. The first two are the guarantee; the others are what it rests on.
const (
	// Fresh: what was asked for after an invalidation was Completed is not older.
	Fresh Claim = "nothing older than a Completed invalidation is served"
	// Whole: what is served is of one version of the origin's.
	Whole Claim = "an answer is of one version"
	// Kept: what was reported as Completed stays so.
	Kept Claim = "Completed never goes back"
	// Forward: what a node has applied never goes back.
	Forward Claim = "a node never goes back"
	// Once: a version is given to one change.
	Once Claim = "a version is one change's"
	// Recovers: when nothing goes wrong any more every node is served by control, and
	// every invalidation Completed.
	Recovers Claim = "the network recovers"
	// Works: what is played here works at all.
	Works Claim = "the network works"
)

// Violation is how a claim was broken.
type Violation struct {
	Claim Claim `json:"claim"`
	// At is the virtual time.
	At   time.Duration `json:"at_ns"`
	What string        `json:"what"`
}

func (v Violation) String() string { return fmt.Sprintf("at %.3fs: %s", v.At.Seconds(), v.What) }

// checker holds a world to the guarantee. It knows what nobody in it knows.
type checker struct {
	violation *Violation
	pending   []*invalidation // made, and not reported as Completed
	completed map[string]cdn.Version
	needs     []need
}

// invalidation is one that was made, with what the origin had then.
type invalidation struct {
	version      cdn.Version
	distribution string
	paths        []string
	had          []int64 // by item
	made         time.Duration
}

// need is the oldest version that an answer to a URI may be made of.
type need struct {
	distribution, uri string

	version int64
	by      cdn.Version
}

func (w *world) violated(c Claim, format string, args ...any) {
	if w.check.violation == nil {
		w.check.violation = &Violation{c, w.now, fmt.Sprintf(format, args...)}
		w.tell("VIOLATION", "%s", w.check.violation.What)
	}
}

// made notes an invalidation that is in the journal from now on.
func (w *world) made(v cdn.Version, distribution string, paths []string) {
	w.Invalidations++
	had := append([]int64(nil), w.origin.newest...)
	w.check.pending = append(w.check.pending, &invalidation{v, distribution, paths, had, w.now})
	w.tell("store", "%v invalidates %v of %s, when the origins had %v", v, paths, distribution, had)
}

// restored forgets what is lost with the journal's end.
func (w *world) restored(head cdn.Version) {
	kept := w.check.pending[:0]
	for _, i := range w.check.pending {
		if !head.Before(i.version) {
			kept = append(kept, i)
		}
	}
	w.check.pending = kept
	clear(w.check.completed)
}

// reported notes that everything up to a version is Completed of a distribution.
func (w *world) reported(distribution string, v cdn.Version) {
	if before := w.check.completed[distribution]; v.Before(before) {
		w.violated(Kept, "Completed went back from %v to %v for %s", before, v, distribution)
		return
	}
	w.check.completed[distribution] = v
	kept := w.check.pending[:0]
	for _, i := range w.check.pending {
		if i.distribution != distribution || v.Before(i.version) {
			kept = append(kept, i)
			continue
		}
		w.Completed++
		w.tell("checker", "invalidation %v of %v is Completed after %.3fs", i.version, i.paths, (w.now - i.made).Seconds())
		w.require(i)
		w.askAfter(i)
	}
	w.check.pending = kept
}

func (w *world) require(i *invalidation) {
	for n, it := range w.items {
		if it.distribution != i.distribution {
			continue
		}
		for _, uris := range it.uris {
			for _, uri := range uris {
				for _, path := range i.paths {
					if matches(path, uri) {
						w.raise(i.distribution, uri, i.had[n], i.version)
					}
				}
			}
		}
	}
}

func (w *world) raise(distribution, uri string, version int64, by cdn.Version) {
	for k := range w.check.needs {
		if n := &w.check.needs[k]; n.distribution == distribution && n.uri == uri {
			if n.version < version {
				n.version, n.by = version, by
			}
			return
		}
	}
	w.check.needs = append(w.check.needs, need{distribution, uri, version, by})
}

// needed is what an answer to a request that starts now needs to be.
func (w *world) needed(distribution string, uris []string) (strictest need) {
	for _, uri := range uris {
		for _, n := range w.check.needs {
			if n.distribution == distribution && n.uri == uri && n.version > strictest.version {
				strictest = n
			}
		}
	}
	return strictest
}

// read holds an answer to what it had to be.
func (w *world) read(who string, uris []string, n need, versions []int64) {
	w.Reads++
	for _, v := range versions {
		switch {
		case v < n.version:
			w.violated(Fresh, "%s answered %s with version %d of the origin's, but version %d was there when invalidation %v was made, which was Completed when the request started",
				who, uris[0], v, n.version, n.by)
		case v != versions[0]:
			w.violated(Whole, "%s answered %s with a mixture of the origin's versions %v", who, uris[0], versions)
		}
	}
}
