package eviction

import "sync/atomic"

// LRU evicts what was used least recently. It is here to compare with: every hit
// counts up one word that all cores share.
type LRU[V any] struct {
	ranked[V]
	clock atomic.Uint64
}

// NewLRU makes an LRU for capacity bytes.
func NewLRU[V any](capacity int64) *LRU[V] {
	p := &LRU[V]{}
	p.SetCapacity(capacity)
	p.key = func(e *Entry[V]) float64 { return float64(e.last.Load()) }
	return p
}

// Add implements Policy.
func (p *LRU[V]) Add(e *Entry[V], hash uint64, size int64) {
	p.in(e, hash, size)
	p.Use(e)
	p.add(e)
}

// Use implements Policy.
func (p *LRU[V]) Use(e *Entry[V]) { e.last.Store(p.clock.Add(1)) }

// Evict implements Policy.
func (p *LRU[V]) Evict() *Entry[V] {
	if !p.over() {
		return nil
	}
	e := p.least()
	p.Remove(e)
	return e
}
