package eviction

// TinyLFU is W-TinyLFU (Einziger, Friedman and Manes 2017) with size-aware
// admission (Einziger et al. 2022): a newcomer waits in a window, a queue of a
// tenth of the bytes, and goes from there into the main part only if it was used
// more often than all those together who would have to leave for it. The main
// part is a segmented queue: who is used while on probation becomes protected.
//
// Where the original moves an entry at each hit, here hits are counted in the
// entry and it is moved when its turn to leave comes.
type TinyLFU[V any] struct {
	account[V]
	window, probation, protected queue[V]
	sketch                       sketch
}

// The places of a TinyLFU's entries.
const (
	inWindow = 1 + iota
	onProbation
	inProtected
)

// NewTinyLFU makes a TinyLFU for capacity bytes.
func NewTinyLFU[V any](capacity int64) *TinyLFU[V] {
	p := &TinyLFU[V]{
		window:    queue[V]{place: inWindow},
		probation: queue[V]{place: onProbation},
		protected: queue[V]{place: inProtected},
	}
	p.SetCapacity(capacity)
	return p
}

func (p *TinyLFU[V]) queue(e *Entry[V]) *queue[V] {
	switch e.place {
	case inWindow:
		return &p.window
	case onProbation:
		return &p.probation
	}
	return &p.protected
}

// mainLimit is how many bytes the main part may have.
func (p *TinyLFU[V]) mainLimit() int64 { return p.capacity - p.capacity/10 }

// protectedLimit is how many of them may be protected.
func (p *TinyLFU[V]) protectedLimit() int64 { return p.mainLimit() / 5 * 4 }

func (p *TinyLFU[V]) mainBytes() int64 { return p.probation.bytes + p.protected.bytes }

// Add implements Policy.
func (p *TinyLFU[V]) Add(e *Entry[V], hash uint64, size int64) {
	p.in(e, hash, size)
	p.sketch.grow(p.entries)
	p.count(e, 1)
	p.window.push(e)
}

// Use implements Policy.
func (p *TinyLFU[V]) Use(e *Entry[V]) { e.hit(maxCount) }

// Resize implements Policy.
func (p *TinyLFU[V]) Resize(e *Entry[V], size int64) { p.queue(e).bytes += p.resize(e, size) }

// Replace implements Policy.
func (p *TinyLFU[V]) Replace(old, e *Entry[V], size int64) {
	p.replace(old, e)
	p.queue(e).replace(old, e)
	p.Resize(e, size)
}

// Remove implements Policy.
func (p *TinyLFU[V]) Remove(e *Entry[V]) {
	p.count(e, e.takeHits())
	q := p.queue(e)
	p.out(e)
	q.remove(e)
}

// Evict implements Policy. The main part is too large once a newcomer has won.
func (p *TinyLFU[V]) Evict() *Entry[V] {
	if !p.over() {
		return nil
	}
	for p.mainBytes() <= p.mainLimit() {
		e := p.window.oldest
		switch hits := e.takeHits(); {
		case hits > 0:
			p.count(e, hits)
			p.window.again(e)
		case p.wins(e):
			p.window.remove(e)
			p.probation.push(e)
		default:
			p.Remove(e)
			return e
		}
	}
	e := p.next(nil)
	p.Remove(e)
	return e
}

func (p *TinyLFU[V]) count(e *Entry[V], hits uint32) {
	if hits > 0 {
		p.sketch.raise(e.hash, p.sketch.estimate(e.hash)+hits)
	}
}

// wins reports whether a newcomer was used more often than all who would have to
// leave for it. They then are the oldest, in that order; if it does not win, they
// become the newest, so that the next newcomer meets others: those whose time is
// past would else guard the door for all until their counts have faded.
func (p *TinyLFU[V]) wins(newcomer *Entry[V]) bool {
	need := p.mainBytes() + newcomer.size - p.mainLimit()
	uses := p.sketch.estimate(newcomer.hash)
	var victim *Entry[V]
	for theirs, looked := uint32(0), 1; need > 0; looked++ {
		if victim = p.next(victim); victim == nil {
			break // it displaces all, if it is that large
		}
		// Each counts for one at least, which bounds how many are looked at.
		if theirs += max(1, p.sketch.estimate(victim.hash)); theirs >= uses {
			p.spare(looked)
			return false
		}
		need -= victim.size
	}
	return true
}

// spare makes the n oldest on probation the newest.
func (p *TinyLFU[V]) spare(n int) {
	for ; n > 0 && p.probation.oldest != nil; n-- {
		p.probation.again(p.probation.oldest)
	}
}

// next returns the entry of the main part that is to leave after the given one,
// nil after the last; after nil, the first. Those used since they were last
// looked at are moved out of the way.
func (p *TinyLFU[V]) next(e *Entry[V]) *Entry[V] {
	for {
		n := p.probation.oldest
		if e != nil {
			n = e.newer
		}
		if n == nil && (e == nil || e.place == onProbation) {
			n = p.protected.oldest
		}
		if n == nil || !p.promote(n) {
			return n
		}
	}
}

// promote makes an entry that was used the newest of the protected, who make room
// for it, and reports whether it was.
func (p *TinyLFU[V]) promote(e *Entry[V]) bool {
	hits := e.takeHits()
	if hits == 0 {
		return false
	}
	p.count(e, hits)
	p.queue(e).remove(e)
	p.protected.push(e)
	for p.protected.bytes > p.protectedLimit() && p.protected.oldest != e {
		demoted := p.protected.oldest
		p.protected.remove(demoted)
		p.probation.push(demoted)
	}
	return true
}
