package netmap

import (
	"math/bits"
	"net/netip"
	"weak"
)

// Candidate is the number of one that addresses may be given to.
type Candidate uint8

// Nowhere is the candidate of addresses of which nobody knows where they are.
const Nowhere Candidate = 255

// Partition is which candidate every address is given, for one set of candidates.
// It is immutable.
type Partition struct {
	m      *Map
	chosen []Candidate // by id of point
	v4, v6 marks       // the intervals whose candidate is not that of the one before
}

// Partition divides the addresses by which candidate choose returns for their
// points. Key stands for the candidates and for choose: while somebody
// holds a partition, whoever asks for one with the same key is given the same.
func (m *Map) Partition(key string, choose func(Point) Candidate) *Partition {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.shared[key].Value(); p != nil {
		return p
	}
	for k, p := range m.shared {
		if p.Value() == nil {
			delete(m.shared, k)
		}
	}
	p := m.divide(choose)
	m.shared[key] = weak.Make(p)
	return p
}

func (m *Map) divide(choose func(Point) Candidate) *Partition {
	p := &Partition{m: m, chosen: make([]Candidate, len(m.points))}
	p.chosen[0] = Nowhere
	for id := 1; id < len(m.points); id++ {
		p.chosen[id] = choose(m.points[id])
	}
	p.v4, p.v6 = p.changes(m.v4.ids), p.changes(m.v6.ids)
	return p
}

func (p *Partition) changes(ids []uint32) marks {
	out := newMarks(len(ids))
	last := p.chosen[ids[0]]
	for i, id := range ids {
		if c := p.chosen[id]; c != last {
			out.set(i)
			last = c
		}
	}
	return out
}

// Find returns the candidate that an address is given, and the length of the
// shortest prefix that holds the address and within which all are given the
// same. IPv4-mapped addresses count as IPv6, for the prefix is one of IPv6: unmap
// them where they stand for IPv4.
func (p *Partition) Find(a netip.Addr) (Candidate, int) {
	if a.Is4() {
		return p.Find4(value4(a))
	}
	return p.Find6(value6(a))
}

// Find4 is Find for an IPv4 address.
func (p *Partition) Find4(a uint32) (Candidate, int) {
	i := p.m.find4.find(a)
	return p.chosen[p.m.v4.ids[i]], widest(p.m.v4.starts, &p.v4, i, a, 32)
}

// Find6 is Find for an IPv6 address of which these are the upper 64 bits.
func (p *Partition) Find6(a uint64) (Candidate, int) {
	i := p.m.find6.find(a)
	return p.chosen[p.m.v6.ids[i]], widest(p.m.v6.starts, &p.v6, i, a, 64)
}

// widest returns the length of the shortest prefix that holds a and none of
// the addresses before and after the run of intervals that i belongs to.
func widest[K key](starts []K, changes *marks, i int, a K, width int) int {
	return between(starts, changes.atOrBefore(i), changes.after(i), a, width)
}

// alone is widest for the run that is the interval i alone.
func alone[K key](starts []K, i int, a K, width int) int {
	next := i + 1
	if next == len(starts) {
		next = -1
	}
	if i == 0 {
		i = -1
	}
	return between(starts, i, next, a, width)
}

// between returns the length of the shortest prefix that holds a and lies within the run
// of intervals from first up to next; -1 stands for all before, or after.
func between[K key](starts []K, first, next int, a K, width int) int {
	free := width // how many of the last bits the prefix leaves open
	if first >= 0 {
		// Two addresses are in one network of 2^n if they differ in the last n bits
		// alone.
		free = min(free, bits.Len64(uint64(a^(starts[first]-1)))-1)
	}
	if next >= 0 {
		free = min(free, bits.Len64(uint64(a^starts[next]))-1)
	}
	return width - free
}
