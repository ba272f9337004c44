package eviction

// ranked is a heap of entries, least rank first. A hit only raises a rank, so an
// entry's rank in the heap is a lower bound of its true one: it is enough to
// compute it anew when the entry comes up to be evicted, and to let the entry
// sink if it no longer is the least. What leaves is what would have left if every
// hit had moved its entry, yet hits do not touch the heap and need no lock.
type ranked[V any] struct {
	account[V]
	heap []*Entry[V] // an entry's place is its index here plus one
	// key is an entry's true rank, which falls only if the entry grows.
	key func(e *Entry[V]) float64
}

// add puts an entry in whose rank is computed.
func (r *ranked[V]) add(e *Entry[V]) {
	r.heap = append(r.heap, e)
	e.rank = r.key(e)
	r.up(len(r.heap)-1, e)
}

// Remove implements Policy.
func (r *ranked[V]) Remove(e *Entry[V]) {
	i := int(e.place) - 1
	r.out(e)
	n := len(r.heap) - 1
	last := r.heap[n]
	r.heap[n] = nil
	r.heap = r.heap[:n]
	if i < n {
		r.fix(i, last)
	}
}

// Resize implements Policy.
func (r *ranked[V]) Resize(e *Entry[V], size int64) {
	if r.resize(e, size) != 0 {
		e.rank = r.key(e)
		r.fix(int(e.place)-1, e)
	}
}

// Replace implements Policy.
func (r *ranked[V]) Replace(old, e *Entry[V], size int64) {
	r.replace(old, e)
	r.heap[e.place-1] = e
	r.Resize(e, size)
}

// least returns the entry of least rank; there must be one.
func (r *ranked[V]) least() *Entry[V] {
	for {
		e := r.heap[0]
		rank := r.key(e)
		if rank <= e.rank {
			return e
		}
		e.rank = rank
		r.down(0, e)
	}
}

// arity is how many children a node has: with four there are half the levels to
// sink through that there are with two.
const arity = 4

// fix puts e at i, or where it belongs.
func (r *ranked[V]) fix(i int, e *Entry[V]) {
	if i > 0 && e.rank < r.heap[(i-1)/arity].rank {
		r.up(i, e)
		return
	}
	r.down(i, e)
}

func (r *ranked[V]) up(i int, e *Entry[V]) {
	for i > 0 {
		parent := (i - 1) / arity
		p := r.heap[parent]
		if p.rank <= e.rank {
			break
		}
		r.set(i, p)
		i = parent
	}
	r.set(i, e)
}

func (r *ranked[V]) down(i int, e *Entry[V]) {
	for {
		first := i*arity + 1
		if first >= len(r.heap) {
			break
		}
		least := first
		for c := first + 1; c < min(first+arity, len(r.heap)); c++ {
			if r.heap[c].rank < r.heap[least].rank {
				least = c
			}
		}
		child := r.heap[least]
		if e.rank <= child.rank {
			break
		}
		r.set(i, child)
		i = least
	}
	r.set(i, e)
}

func (r *ranked[V]) set(i int, e *Entry[V]) {
	r.heap[i] = e
	e.place = int32(i + 1)
}
