package collapse

import (
	"hash/maphash"
	"strings"
	"sync"
)

// maxUnderWay is how many fetches of one key may wait for the origin at once: the
// one under way, and one for those who may not join it because it began too
// early. Whoever comes then waits for the next, all of them for the same.
const maxUnderWay = 2

// Group is the fetches that wait for an origin, by cache key. F is a pointer to a
// fetch.
type Group[F comparable] struct {
	seed   maphash.Seed
	shards [shards]shard[F]
}

const shards = 32

type shard[F comparable] struct {
	mu sync.Mutex
	m  map[string]*queue[F]
}

// NewGroup makes an empty one.
func NewGroup[F comparable]() *Group[F] {
	g := &Group[F]{seed: maphash.MakeSeed()}
	for i := range g.shards {
		g.shards[i].m = map[string]*queue[F]{}
	}
	return g
}

func (g *Group[F]) shard(key string) *shard[F] {
	return &g.shards[maphash.String(g.seed, key)%shards]
}

type queue[F comparable] struct {
	latest   F // the one that began last; none once it has landed
	underWay int
	next     F // waits for one to end
}

// Joining says what a request that lacks something does about it.
type Joining[F comparable] struct {
	// Accept says whether the request may wait for a fetch that has begun.
	Accept func(F) bool
	// Stored is asked, with the lock held, before a fetch is made: between the look
	// into the store and the call of Join one may have landed. It looks into memory,
	// and waits for nothing: other keys have the same lock.
	Stored func() bool
	// Make makes a fetch. Begin stamps and starts it; it is called with the lock
	// held, so that who looks at a fetch under way finds its stamp.
	Make  func() F
	Begin func(F)
}

// Join returns a fetch to wait for, and whether it was made for this request (it
// may have to wait for its turn). It is the zero F if Stored says that none is
// needed any more.
func (g *Group[F]) Join(key string, j Joining[F]) (f F, first bool) {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	var none F
	q := s.m[key]
	switch {
	case q != nil && q.latest != none && j.Accept(q.latest):
		return q.latest, false
	case q != nil && q.next != none:
		return q.next, false
	case j.Stored():
		return none, false
	}
	f = j.Make()
	switch {
	case q == nil:
		s.m[strings.Clone(key)] = &queue[F]{latest: f, underWay: 1}
		j.Begin(f)
	case q.underWay < maxUnderWay:
		q.latest = f
		q.underWay++
		j.Begin(f)
	default:
		q.next = f
	}
	return f, true
}

// Landed takes a fetch that Join made off its queue, and begins the one that
// waits. It is called when what the fetch brought is in the store, and before
// those who wait for it are told: who comes after finds it there.
func (g *Group[F]) Landed(key string, f F, begin func(F)) {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	var none F
	q := s.m[key]
	q.underWay--
	if q.latest == f {
		q.latest = none
	}
	if q.next != none {
		q.latest, q.next = q.next, none
		q.underWay++
		begin(q.latest)
	}
	if q.underWay == 0 {
		delete(s.m, key)
	}
}
