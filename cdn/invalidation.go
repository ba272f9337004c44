package cdn

import (
	"strings"
	"time"
)

// Invalidation is a request to stop serving what matches its paths.
type Invalidation struct {
	ID              string    `json:"id"`
	Distribution    string    `json:"distribution"`
	CallerReference string    `json:"caller_reference"`
	Paths           []string  `json:"paths"`
	CreateTime      time.Time `json:"create_time"`
	// Version is the journal version of the change that made it.
	Version Version `json:"-"`
}

// CheckInvalidationPath applies CloudFront's rules: at most 4,000 characters,
// "/" first ("*" alone stands for "/*"), "*" only at the end, printable ASCII
// (anything else is to be URL-encoded).
func CheckInvalidationPath(path string) error {
	const code = "InvalidArgument"
	switch {
	case path == "*":
		return nil
	case !strings.HasPrefix(path, "/"):
		return Errorf(code, "Your request contains an invalid invalidation path: %q must start with a slash (/).", path)
	case len(path) > 4000:
		return Errorf(code, "Your request contains an invalid invalidation path: it has %d characters, at most 4,000 are allowed.", len(path))
	case strings.Contains(strings.TrimSuffix(path, "*"), "*"):
		return Errorf(code, "Your request contains an invalid invalidation path: in %q the wildcard (*) is not the last character.", path)
	}
	for i := range len(path) {
		if path[i] <= ' ' || path[i] >= 0x7f {
			return Errorf(code, "Your request contains an invalid invalidation path: %q has a character that must be URL-encoded.", path)
		}
	}
	return nil
}

// Invalidations is what was invalidated in one distribution: an immutable index
// that answers for one URI, in time that depends neither on how many
// invalidations there were nor on how many objects are cached. The zero value is
// empty.
//
// It is a stack of segments whose sizes at least halve upwards (a log-structured
// merge), so that adding one of n paths copies O(log n) of them on average and a
// State that shares the older segments stays valid.
type Invalidations struct {
	segments []*invalidated
	// floor is the version below which the index no longer knows: what is
	// stored at or before it is to be confirmed by the origin.
	floor Version
}

type invalidated struct {
	exact  map[string]Version
	prefix map[string]Version
	// lengths has one entry for each length that occurs in prefix.
	lengths map[int]struct{}
}

func (s *invalidated) size() int { return len(s.exact) + len(s.prefix) }

func (s *invalidated) add(path string, v Version) {
	if p, ok := strings.CutSuffix(path, "*"); ok {
		s.prefix[p] = s.prefix[p].Max(v)
		s.lengths[len(p)] = struct{}{}
		return
	}
	s.exact[path] = s.exact[path].Max(v)
}

func newInvalidated(size int) *invalidated {
	return &invalidated{make(map[string]Version, size), map[string]Version{}, map[int]struct{}{}}
}

func mergeInvalidated(a, b *invalidated) *invalidated {
	m := newInvalidated(len(a.exact) + len(b.exact))
	for _, s := range []*invalidated{a, b} {
		for p, v := range s.exact {
			m.exact[p] = m.exact[p].Max(v)
		}
		for p, v := range s.prefix {
			m.prefix[p] = m.prefix[p].Max(v)
			m.lengths[len(p)] = struct{}{}
		}
	}
	return m
}

// With returns the index with paths invalidated at version v added, each as it is
// written and in its normal form (see NormalURI).
func (x Invalidations) With(paths []string, v Version) Invalidations {
	s := newInvalidated(len(paths))
	for _, p := range paths {
		if p == "*" {
			p = "/*"
		}
		s.add(p, v)
		s.add(normalInvalidationPath(p), v)
	}
	segments := append([]*invalidated(nil), x.segments...)
	for len(segments) > 0 && segments[len(segments)-1].size() <= 2*s.size() {
		s = mergeInvalidated(segments[len(segments)-1], s)
		segments = segments[:len(segments)-1]
	}
	return Invalidations{segments: append(segments, s), floor: x.floor}
}

// WithFloor returns the index with its floor raised to v: used where the journal
// was compacted and the invalidations up to v are no longer known one by one.
func (x Invalidations) WithFloor(v Version) Invalidations {
	x.floor = x.floor.Max(v)
	return x
}

// Floor is the version at or below which stored objects must be confirmed by the
// origin before they are served.
func (x Invalidations) Floor() Version { return x.floor }

// Newest returns the version of the newest invalidation that matches uri (the
// path and, where it is part of the cache key, "?" and the query string; who asks
// for its normal form too finds invalidations of all its equivalents), or the
// floor if that is newer. An object whose birth version is before it must not be
// served without the origin's word.
func (x Invalidations) Newest(uri string) Version {
	newest := x.floor
	for _, s := range x.segments {
		newest = newest.Max(s.exact[uri])
		for n := range s.lengths {
			if n <= len(uri) {
				newest = newest.Max(s.prefix[uri[:n]])
			}
		}
	}
	return newest
}
