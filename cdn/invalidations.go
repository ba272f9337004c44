package cdn

import (
	"maps"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn/paths"
)

const (
	// maxInvalidated is how many paths the index of one distribution holds, each as
	// it is written and in its normal form, and maxInvalidatedBytes how many bytes
	// of them.
	maxInvalidated      = 100_000
	maxInvalidatedBytes = 32 << 20
	// fullSegment is how many paths a segment may have and be merged with another.
	fullSegment = maxInvalidated / 8
)

// Invalidations is what was invalidated in one distribution: an immutable index
// that answers for one URI or cache tag, in time that depends neither on how many
// invalidations there were nor on how many objects are cached. The zero value is
// empty.
//
// An invalidation of everything ("/*") is one version, and forgets all that is
// older. The rest is a stack of segments, the newest last, each of a span of time
// of its own, whose sizes at least halve upwards (a log-structured merge): adding
// one of n paths copies O(log n) of them on average, and a State that shares the
// older segments stays valid. A full segment is not merged any more, so that no
// addition copies more than it holds. Where they hold too much the oldest is
// dropped, and the floor is raised to the newest version in it: what was stored
// before that is confirmed by the origin (P).
type Invalidations struct {
	segments []*invalidated
	// everything is the newest invalidation of all there is, tagged that of any tag.
	everything, tagged Version
	// floor is the version below which the index no longer knows: what is
	// stored at or before it is to be confirmed by the origin.
	floor Version
}

type invalidated struct {
	exact  map[string]Version
	prefix map[string]Version
	// lengths are those that occur in prefix, in order.
	lengths []int
	bytes   int // of all paths
	newest  Version
}

func newInvalidated(paths int) *invalidated {
	return &invalidated{exact: make(map[string]Version, paths), prefix: map[string]Version{}}
}

func (s *invalidated) size() int { return len(s.exact) + len(s.prefix) }

func (s *invalidated) add(path string, v Version) {
	if p, ok := strings.CutSuffix(path, "*"); ok {
		s.addPrefix(p, v)
		return
	}
	s.addExact(path, v)
}

func (s *invalidated) addExact(path string, v Version) {
	old, found := s.exact[path]
	if !found {
		s.bytes += len(path)
	}
	s.exact[path], s.newest = old.Max(v), s.newest.Max(v)
}

func (s *invalidated) addPrefix(p string, v Version) {
	old, found := s.prefix[p]
	if !found {
		s.bytes += len(p)
	}
	s.prefix[p], s.newest = old.Max(v), s.newest.Max(v)
	if i, found := slices.BinarySearch(s.lengths, len(p)); !found {
		s.lengths = slices.Insert(s.lengths, i, len(p))
	}
}

// find returns the newest version at which uri was invalidated, zero if it was not.
func (s *invalidated) find(uri string) Version {
	v := s.exact[uri]
	if NamesCacheTag(uri) {
		return v
	}
	for _, n := range s.lengths {
		if n > len(uri) {
			break
		}
		v = v.Max(s.prefix[uri[:n]])
	}
	return v
}

// merged returns what older and s hold; older is others' too.
func (s *invalidated) merged(older *invalidated) *invalidated {
	m := &invalidated{
		exact: maps.Clone(older.exact), prefix: maps.Clone(older.prefix), lengths: slices.Clone(older.lengths),
		bytes: older.bytes, newest: older.newest,
	}
	for p, v := range s.exact {
		m.addExact(p, v)
	}
	for p, v := range s.prefix {
		m.addPrefix(p, v)
	}
	return m
}

// everything is the path of an invalidation of all there is.
const everything = "/*"

// With returns the index with items, paths and tags, invalidated at version v added, each as it is
// written and in its normal form (see paths.Normal); tags begin with "#".
// Versions only rise.
func (x Invalidations) With(items []string, v Version) Invalidations {
	if slices.Contains(items, "*") || slices.Contains(items, everything) {
		return Invalidations{everything: x.everything.Max(v), tagged: x.tagged, floor: x.floor}
	}
	s := newInvalidated(2 * len(items))
	for _, p := range items {
		if NamesCacheTag(p) {
			x.tagged = x.tagged.Max(v)
			s.addExact(strings.ToLower(p), v)
			continue
		}
		s.add(p, v)
		s.add(paths.NormalInvalidation(p), v)
	}
	if s.size() == 0 {
		return x
	}
	segments := slices.Clone(x.segments)
	for len(segments) > 0 {
		last := segments[len(segments)-1]
		if last.size() > 2*s.size() || last.size() >= fullSegment {
			break
		}
		s = s.merged(last)
		segments = segments[:len(segments)-1]
	}
	x.segments = append(segments, s)
	return x.bounded()
}

// bounded drops the oldest segments until no more is held than may be.
func (x Invalidations) bounded() Invalidations {
	paths, bytes := 0, 0
	for _, s := range x.segments {
		paths, bytes = paths+s.size(), bytes+s.bytes
	}
	for paths > maxInvalidated || bytes > maxInvalidatedBytes {
		oldest := x.segments[0]
		paths, bytes = paths-oldest.size(), bytes-oldest.bytes
		x.floor = x.floor.Max(oldest.newest)
		x.segments = x.segments[1:]
	}
	return x
}

// WithFloor returns the index with its floor raised to v: used where the journal
// was compacted and the invalidations up to v are no longer known one by one.
func (x Invalidations) WithFloor(v Version) Invalidations {
	x.floor = x.floor.Max(v)
	for len(x.segments) > 0 && !x.floor.Before(x.segments[0].newest) {
		x.segments = x.segments[1:] // it says nothing that the floor does not
	}
	return x
}

// Floor is the version at or below which stored objects must be confirmed by the
// origin before they are served.
func (x Invalidations) Floor() Version { return x.floor }

// Latest is the version of the newest invalidation of anything, or the floor:
// whatever was born since was not invalidated.
func (x Invalidations) Latest() Version {
	v := x.floor.Max(x.everything)
	if n := len(x.segments); n > 0 {
		v = v.Max(x.segments[n-1].newest)
	}
	return v
}

// Tagged is the version of the newest invalidation of any tag, as far as that is
// not below the floor. Who asks for an object does not know its tags yet.
func (x Invalidations) Tagged() Version { return x.tagged }

// Newest returns the version of the newest invalidation that matches uri (a tag as
// CacheTags returns it, or the path and, where it is part of the cache key, "?" and the query string; who asks
// for its normal form too finds invalidations of all its equivalents), or the
// floor if that is newer. An object whose birth version is before it must not be
// served without the origin's word.
func (x Invalidations) Newest(uri string) Version {
	least := x.floor.Max(x.everything)
	for i := len(x.segments) - 1; i >= 0; i-- {
		// All that older segments hold is older.
		if v := x.segments[i].find(uri); !v.IsZero() {
			return v.Max(least)
		}
	}
	return least
}
