package eviction

import (
	"math/rand/v2"
	"testing"
)

// model checks a policy against what the simplest account of the same calls says.
type model struct {
	t        *testing.T
	name     string
	policy   Policy[int]
	capacity int64
	entries  [64]Entry[int]
	sizes    map[int]int64 // of those that are in
}

func newModel(t *testing.T, name string, capacity int64) *model {
	p, err := New[int](name, capacity)
	if err != nil {
		t.Fatal(err)
	}
	m := &model{t: t, name: name, policy: p, capacity: capacity, sizes: map[int]int64{}}
	for i := range m.entries {
		m.entries[i].Value = i
	}
	return m
}

// step does with entry i what op says, as far as that is allowed.
func (m *model) step(op byte, i, j int, size int64) {
	i, j = i%len(m.entries), j%len(m.entries)
	e, other := &m.entries[i], &m.entries[j]
	switch op % 8 {
	case 0, 1, 2:
		if !e.In() {
			m.policy.Add(e, uint64(i), size)
			m.sizes[i] = size
		}
	case 3, 4:
		m.policy.Use(e) // whether it is in or not
	case 5:
		if e.In() {
			m.policy.Resize(e, size)
			m.sizes[i] = size
		}
	case 6:
		if e.In() && !other.In() {
			m.policy.Replace(e, other, size)
			delete(m.sizes, i)
			m.sizes[j] = size
		}
	case 7:
		switch {
		case i == 0:
			m.capacity = 10 * size
			m.policy.SetCapacity(m.capacity)
		case e.In():
			m.policy.Remove(e)
			delete(m.sizes, i)
		}
	}
	for v := m.policy.Evict(); v != nil; v = m.policy.Evict() {
		if _, in := m.sizes[v.Value]; !in {
			m.t.Fatalf("%s: %d was evicted that is not in", m.name, v.Value)
		}
		if v.In() {
			m.t.Fatalf("%s: %d was evicted and says it is in", m.name, v.Value)
		}
		delete(m.sizes, v.Value)
	}
	m.check()
}

func (m *model) check() {
	var bytes int64
	for _, size := range m.sizes {
		bytes += size
	}
	if m.policy.Bytes() != bytes || m.policy.Len() != len(m.sizes) {
		m.t.Fatalf("%s: %d bytes in %d entries, want %d in %d", m.name, m.policy.Bytes(), m.policy.Len(), bytes, len(m.sizes))
	}
	if bytes > m.capacity {
		m.t.Fatalf("%s: %d bytes in, capacity %d", m.name, bytes, m.capacity)
	}
	for i := range m.entries {
		e := &m.entries[i]
		size, in := m.sizes[i]
		if e.In() != in || in && e.Size() != size {
			m.t.Fatalf("%s: entry %d says in %t of %d bytes, want %t of %d", m.name, i, e.In(), e.Size(), in, size)
		}
	}
	m.checkStructure()
}

// checkStructure checks that all that is in is linked, and counted, where it says
// it is.
func (m *model) checkStructure() {
	switch p := m.policy.(type) {
	case *LRU[int]:
		m.checkHeap(&p.ranked)
	case *GDSF[int]:
		m.checkHeap(&p.ranked)
	case *Sieve[int]:
		m.checkQueues(&p.queue)
	case *S3FIFO[int]:
		m.checkQueues(&p.small, &p.main)
	case *TinyLFU[int]:
		m.checkQueues(&p.window, &p.probation, &p.protected)
	default:
		m.t.Fatalf("%T is not checked", p)
	}
}

func (m *model) checkHeap(r *ranked[int]) {
	if len(r.heap) != len(m.sizes) {
		m.t.Fatalf("%s: %d in the heap, %d are in", m.name, len(r.heap), len(m.sizes))
	}
	for i, e := range r.heap {
		if int(e.place) != i+1 {
			m.t.Fatalf("%s: entry %d is at %d and says %d", m.name, e.Value, i, e.place-1)
		}
		if parent := r.heap[(i-1)/arity]; i > 0 && parent.rank > e.rank {
			m.t.Fatalf("%s: entry %d ranks below its parent", m.name, e.Value)
		}
		if e.rank > r.key(e) {
			m.t.Fatalf("%s: entry %d has rank %v in the heap, above its own, %v", m.name, e.Value, e.rank, r.key(e))
		}
	}
}

func (m *model) checkQueues(queues ...*queue[int]) {
	n := 0
	for _, q := range queues {
		var bytes int64
		var older *Entry[int]
		for e := q.oldest; e != nil; e = e.newer {
			if e.place != q.place || e.older != older {
				m.t.Fatalf("%s: entry %d is badly linked in queue %d", m.name, e.Value, q.place)
			}
			bytes += e.size
			older = e
			n++
		}
		if q.newest != older || q.bytes != bytes {
			m.t.Fatalf("%s: queue %d has %d bytes and says %d, or ends badly", m.name, q.place, bytes, q.bytes)
		}
	}
	if n != len(m.sizes) {
		m.t.Fatalf("%s: %d in queues, %d are in", m.name, n, len(m.sizes))
	}
}

func TestAccounts(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, name, 1000)
			r := rand.New(rand.NewPCG(11, 11))
			for range 30_000 {
				m.step(byte(r.Uint32()), r.IntN(64), r.IntN(64), r.Int64N(300))
			}
		})
	}
}

func FuzzAccounts(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x50\x03\x01\x00\x00\x00\x02\x00\xff\x06\x01\x03\x20\x07\x00\x00\x01"))
	f.Add([]byte("\x00\x05\x00\x00\x07\x00\x00\x00\x00\x06\x00\xff\x05\x05\x00\xff"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		ops = ops[:min(len(ops), 4000)]
		for _, name := range Names() {
			m := newModel(t, name, 500)
			for o := ops; len(o) >= 4; o = o[4:] {
				m.step(o[0], int(o[1]), int(o[2]), int64(o[3]))
			}
		}
	})
}

// TestLazyRanks holds the classic GDSF, whose heap knows nothing of hits, to one
// written down as it is defined, which computes every rank at every hit.
func TestLazyRanks(t *testing.T) {
	const objects, capacity = 300, 5000
	p := NewClassicGDSF[int](capacity)
	entries := make([]Entry[int], objects)
	type plain struct {
		rank, uses float64
		size       int64
	}
	in := map[int]*plain{}
	var clock float64
	var bytes int64
	r := rand.New(rand.NewPCG(5, 5))
	sizes := make([]int64, objects)
	for i := range sizes {
		// No two alike: a tie may go either way.
		sizes[i] = int64(10*i) + 1 + r.Int64N(9)
		entries[i].Value = i
	}
	for n := range 50_000 {
		i := int(objects * r.Float64() * r.Float64())
		if o := in[i]; o != nil {
			o.uses++
			o.rank = clock + o.uses/float64(o.size+1)
			p.Use(&entries[i])
			continue
		}
		in[i] = &plain{clock + 1/float64(sizes[i]+1), 1, sizes[i]}
		bytes += sizes[i]
		p.Add(&entries[i], uint64(i), sizes[i])
		for v := p.Evict(); v != nil; v = p.Evict() {
			least := v.Value
			for j, o := range in {
				if o.rank < in[least].rank {
					least = j
				}
			}
			if least != v.Value {
				t.Fatalf("request %d: %d was evicted, want %d", n, v.Value, least)
			}
			clock = in[least].rank
			bytes -= in[least].size
			delete(in, least)
		}
		if bytes > capacity {
			t.Fatalf("request %d: nothing more was evicted with %d bytes in", n, bytes)
		}
	}
}
