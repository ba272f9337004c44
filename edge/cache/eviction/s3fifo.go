package eviction

// S3FIFO is S3-FIFO (Yang et al., SOSP 2023) by bytes: three queues in order of
// arrival. A newcomer goes into a small one of a tenth of the bytes and from there,
// if it was used, into the main one, else out, and its key among the ghosts, which
// stand for as many bytes as the capacity; who comes back from there goes into the
// main queue at once. There it stays for another round for each of up to three
// uses.
//
// Entries need one use to get from the small queue into the main one where the
// original asks for two: with so large a share of objects asked for but a few
// times as a CDN has, the second chance is worth more than the room.
type S3FIFO[V any] struct {
	account[V]
	small, main queue[V]
	ghosts      ghosts
}

// The places of an S3FIFO's entries.
const (
	inSmall = 1 + iota
	inMain
)

// NewS3FIFO makes an S3FIFO for capacity bytes.
func NewS3FIFO[V any](capacity int64) *S3FIFO[V] {
	p := &S3FIFO[V]{small: queue[V]{place: inSmall}, main: queue[V]{place: inMain}}
	p.SetCapacity(capacity)
	return p
}

func (p *S3FIFO[V]) queue(e *Entry[V]) *queue[V] {
	if e.place == inSmall {
		return &p.small
	}
	return &p.main
}

// Add implements Policy.
func (p *S3FIFO[V]) Add(e *Entry[V], hash uint64, size int64) {
	p.in(e, hash, size)
	p.ghosts.grow(p.entries)
	if p.ghosts.take(e.hash, p.capacity) {
		p.main.push(e)
	} else {
		p.small.push(e)
	}
}

// Use implements Policy.
func (p *S3FIFO[V]) Use(e *Entry[V]) { e.hit(3) }

// Resize implements Policy.
func (p *S3FIFO[V]) Resize(e *Entry[V], size int64) { p.queue(e).bytes += p.resize(e, size) }

// Replace implements Policy.
func (p *S3FIFO[V]) Replace(old, e *Entry[V], size int64) {
	p.replace(old, e)
	p.queue(e).replace(old, e)
	p.Resize(e, size)
}

// Remove implements Policy.
func (p *S3FIFO[V]) Remove(e *Entry[V]) {
	q := p.queue(e)
	p.out(e)
	q.remove(e)
}

// Evict implements Policy.
func (p *S3FIFO[V]) Evict() *Entry[V] {
	if !p.over() {
		return nil
	}
	for {
		if p.small.bytes > p.capacity/10 || p.main.oldest == nil {
			e := p.small.oldest
			if e.takeHits() > 0 {
				p.small.remove(e)
				p.main.push(e)
				continue
			}
			p.ghosts.add(e.hash, e.size)
			p.Remove(e)
			return e
		}
		e := p.main.oldest
		if hits := e.hits.Load(); hits > 0 {
			e.hits.Store(hits - 1)
			p.main.again(e)
			continue
		}
		p.Remove(e)
		return e
	}
}
