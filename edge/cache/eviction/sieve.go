package eviction

// Sieve is SIEVE (Zhang et al., NSDI 2024): one queue in order of arrival and a
// hand that moves from its old end to the new, sparing once what was used since
// it last passed.
type Sieve[V any] struct {
	account[V]
	queue queue[V]
	hand  *Entry[V]
}

// NewSieve makes a Sieve for capacity bytes.
func NewSieve[V any](capacity int64) *Sieve[V] {
	p := &Sieve[V]{queue: queue[V]{place: 1}}
	p.SetCapacity(capacity)
	return p
}

// Add implements Policy.
func (p *Sieve[V]) Add(e *Entry[V], hash uint64, size int64) {
	p.in(e, hash, size)
	p.queue.push(e)
}

// Use implements Policy.
func (p *Sieve[V]) Use(e *Entry[V]) { e.hit(1) }

// Resize implements Policy.
func (p *Sieve[V]) Resize(e *Entry[V], size int64) { p.queue.bytes += p.resize(e, size) }

// Replace implements Policy.
func (p *Sieve[V]) Replace(old, e *Entry[V], size int64) {
	p.replace(old, e)
	p.queue.replace(old, e)
	if p.hand == old {
		p.hand = e
	}
	p.Resize(e, size)
}

// Remove implements Policy.
func (p *Sieve[V]) Remove(e *Entry[V]) {
	p.out(e)
	if p.hand == e {
		p.hand = e.newer
	}
	p.queue.remove(e)
}

// Evict implements Policy.
func (p *Sieve[V]) Evict() *Entry[V] {
	if !p.over() {
		return nil
	}
	for {
		e := p.hand
		if e == nil {
			e = p.queue.oldest
		}
		p.hand = e.newer
		if e.takeHits() == 0 {
			p.Remove(e)
			return e
		}
	}
}
