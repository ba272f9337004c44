package eviction

import (
	"math"
	"sync/atomic"
)

// GDSF is GreedyDual-Size-Frequency (Cherkasova, HP Labs 1998): what leaves is
// the entry of least rank, which is how often it was used for its size, plus the
// rank of the last victim when it was last used. So what is not used any more is
// overtaken in time, whatever its past.
//
// It departs from the original in two ways, which docs/performance.md shows the
// worth of. A key's uses are remembered beyond its eviction, in a sketch, so that
// what comes back outranks what comes the first time. And use counts by its
// square root, size by its power of 3/4: the original keeps so many small objects
// that few bytes are hits.
type GDSF[V any] struct {
	ranked[V]
	clock  atomic.Uint64 // a float64: the rank of the last victim
	sketch *sketch       // nil in the original
}

// NewGDSF makes a GDSF for capacity bytes.
func NewGDSF[V any](capacity int64) *GDSF[V] {
	p := &GDSF[V]{sketch: &sketch{}}
	p.SetCapacity(capacity)
	p.key = func(e *Entry[V]) float64 {
		root := math.Sqrt(float64(e.size + 1))
		return lastUsed(e) + math.Sqrt(float64(e.hits.Load()))/(root*math.Sqrt(root))
	}
	return p
}

// NewClassicGDSF makes the original GDSF, to compare with.
func NewClassicGDSF[V any](capacity int64) *GDSF[V] {
	p := &GDSF[V]{}
	p.SetCapacity(capacity)
	p.key = func(e *Entry[V]) float64 {
		return lastUsed(e) + float64(e.hits.Load())/float64(e.size+1)
	}
	return p
}

func lastUsed[V any](e *Entry[V]) float64 { return math.Float64frombits(e.last.Load()) }

// maxUses is how many uses count, so that no object, however small and popular,
// moves the clock on by more than what the others are worth together.
const maxUses = 1<<16 - 1

// Add implements Policy. Its uses are those of its key before it left, and this.
func (p *GDSF[V]) Add(e *Entry[V], hash uint64, size int64) {
	p.in(e, hash, size)
	uses := uint32(1)
	if p.sketch != nil {
		p.sketch.grow(p.entries)
		uses += p.sketch.estimate(e.hash)
	}
	e.hits.Store(uses)
	e.last.Store(p.clock.Load())
	p.add(e)
}

// Use implements Policy.
func (p *GDSF[V]) Use(e *Entry[V]) {
	e.hit(maxUses)
	if now := p.clock.Load(); e.last.Load() != now {
		e.last.Store(now)
	}
}

// Remove implements Policy. How popular a key is outlives its being purged.
func (p *GDSF[V]) Remove(e *Entry[V]) {
	p.ranked.Remove(e)
	if p.sketch != nil {
		p.sketch.raise(e.hash, e.hits.Load())
	}
}

// Evict implements Policy.
func (p *GDSF[V]) Evict() *Entry[V] {
	if !p.over() {
		return nil
	}
	e := p.least()
	// Who has grown may rank below those who left before: time does not go back.
	if e.rank > math.Float64frombits(p.clock.Load()) {
		p.clock.Store(math.Float64bits(e.rank))
	}
	p.Remove(e)
	return e
}
