package eviction

import "sync/atomic"

// Entry is an object as a Policy knows it, embedded in what is stored. The zero
// Entry is ready to be added, and one that is out may be added again; it must not
// be copied. With a Value of 8 bytes it takes 64.
type Entry[V any] struct {
	// Value is the owner's: the way from a victim back to what is stored.
	Value V

	hash uint64
	size int64

	newer, older *Entry[V]     // in a queue
	last         atomic.Uint64 // the clock of a ranked policy at the last hit
	rank         float64       // in a heap, as last computed
	hits         atomic.Uint32 // as far as the policy has not drawn its conclusions from them
	place        int32         // which queue, or where in the heap
}

// out is the place of an entry that no policy has.
const out = 0

// Size is what the entry counts for, in bytes.
func (e *Entry[V]) Size() int64 { return e.size }

// In reports whether a policy has the entry. It is called under the owner's lock.
func (e *Entry[V]) In() bool { return e.place != out }

// hit counts a hit, up to limit. The count is read first: storing it on every hit
// would pass a popular object's cache line from core to core for nothing. Hits
// that meet may be counted as one.
func (e *Entry[V]) hit(limit uint32) {
	if n := e.hits.Load(); n < limit {
		e.hits.Store(n + 1)
	}
}

// takeHits returns the hits counted, to count from 0 again.
func (e *Entry[V]) takeHits() uint32 {
	if e.hits.Load() == 0 {
		return 0
	}
	return e.hits.Swap(0)
}
