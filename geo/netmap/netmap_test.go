package netmap

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// layer is the naive form of a Layer: networks, in no special way.
type layer map[netip.Prefix]uint32

// randomLayer makes a layer of networks that do not overlap, most of them near one
// another and near the ends of the address space.
func randomLayer(rnd *rand.Rand, ids uint32) layer {
	out := layer{}
	for range rnd.IntN(60) {
		p := randomPrefix(rnd)
		free := true
		for q := range out {
			free = free && !q.Overlaps(p)
		}
		if free {
			out[p] = rnd.Uint32N(ids + 1)
		}
	}
	return out
}

func randomAddr(rnd *rand.Rand) netip.Addr {
	if rnd.IntN(2) == 0 {
		b := [4]byte{byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32())}
		switch rnd.IntN(4) {
		case 0:
			b = [4]byte{255, 255, 255, b[3]}
		case 1:
			b = [4]byte{0, 0, b[2] & 3, b[3]}
		case 2:
			b = [4]byte{10, 1, b[2] & 7, b[3]}
		}
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	switch rnd.IntN(4) {
	case 0:
		copy(b[:], []byte{255, 255, 255, 255, 255, 255, 255})
	case 1:
		copy(b[:], make([]byte, 7))
	case 2:
		copy(b[:], []byte{0x20, 1, 0xd, 0xb8, 0, 0})
	}
	return netip.AddrFrom16(b)
}

func randomPrefix(rnd *rand.Rand) netip.Prefix {
	a := randomAddr(rnd)
	most := 64
	if a.Is4() {
		most = 32
	}
	p, _ := a.Prefix(rnd.IntN(most + 1))
	if rnd.IntN(3) > 0 { // long ones are more telling
		p, _ = a.Prefix(most - rnd.IntN(8))
	}
	return p
}

// in returns what the layers say of an address.
func in(layers []layer, a netip.Addr) uint32 {
	for _, l := range layers {
		for p, id := range l {
			if p.Contains(a) {
				return id
			}
		}
	}
	return 0
}

// edges returns all addresses at which what the layers say may change, and their
// neighbours: between two of them that follow one another nothing changes.
func edges(layers []layer) (out []netip.Addr) {
	add := func(a netip.Addr) {
		if a.IsValid() {
			out = append(out, a)
		}
	}
	for _, l := range layers {
		for p := range l {
			last := lastOf(p)
			add(p.Addr())
			add(p.Addr().Prev())
			add(last)
			add(last.Next())
		}
	}
	return append(out, netip.IPv4Unspecified(), netip.IPv6Unspecified())
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func build(t *testing.T, layers []layer, ids uint32) *Map {
	t.Helper()
	var b Builder
	for id := uint32(1); id <= ids; id++ {
		for range 2 { // the second time it is known
			if got := b.Point(Point{Lat: float64(id)}); got != id {
				t.Fatalf("point %d is numbered %d", id, got)
			}
		}
	}
	var built []*Layer
	for _, l := range layers {
		var prefixes []netip.Prefix
		for p := range l {
			prefixes = append(prefixes, p)
		}
		slices.SortFunc(prefixes, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
		out := &Layer{}
		for _, p := range prefixes {
			out.Add(p, l[p])
		}
		built = append(built, out)
	}
	m, err := b.Map(built...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPartition holds maps and partitions against what the networks say one by
// one: the scope contains the address, the answer is the same everywhere within, and
// in the next shorter prefix it is not. That scopes do not overlap follows, and
// is looked at all the same.
func TestPartition(t *testing.T) {
	const ids = 12
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		layers := make([]layer, rnd.IntN(4))
		for i := range layers {
			layers[i] = randomLayer(rnd, ids)
		}
		m := build(t, layers, ids)
		candidates := 1 + rnd.Uint32N(4)
		choice := func(id uint32) Candidate {
			if id == 0 {
				return Nowhere
			}
			return Candidate(id * 7 % candidates)
		}
		p := m.Partition("k", func(at Point) Candidate { return choice(uint32(at.Lat)) })
		special := edges(layers)
		asked := slices.Clone(special)
		for range 100 {
			asked = append(asked, randomAddr(rnd))
		}
		scopes := map[netip.Prefix]Candidate{}
		// Places are a partition in which each has a candidate of its own.
		places := m.Partition("places", func(at Point) Candidate { return Candidate(at.Lat) })
		for _, a := range asked {
			id := in(layers, a)
			_, want := places.Find(a)
			if at, known, bits := m.Place(a); known != (id != 0) || known && uint32(at.Lat) != id || bits != want {
				t.Fatalf("seed %d: %v is at %v, with its /%d; want %d, /%d", seed, a, at, bits, id, want)
			}
			if at, ok := m.Lookup(a); ok != (id != 0) || uint32(at.Lat) != id {
				t.Fatalf("seed %d: %v is at %v, want %d", seed, a, at, id)
			}
			got, bits := p.Find(a)
			if got != choice(id) {
				t.Fatalf("seed %d: %v is given %d, want %d", seed, a, got, choice(id))
			}
			same := func(bits int) bool {
				scope, err := a.Prefix(bits)
				if err != nil {
					t.Fatalf("seed %d: %v has a scope of %d", seed, a, bits)
				}
				// Where the scope begins is a place to look at even if no network
				// begins there.
				for _, b := range append(special, scope.Addr(), lastOf(scope)) {
					if scope.Contains(b) && choice(in(layers, b)) != choice(id) {
						return false
					}
				}
				return true
			}
			if !same(bits) {
				t.Fatalf("seed %d: in the scope of %v, /%d, some are not given %d", seed, a, bits, got)
			}
			if bits > 0 && same(bits-1) {
				t.Fatalf("seed %d: the scope of %v could be shorter than %d", seed, a, bits)
			}
			scope, _ := a.Prefix(bits)
			scopes[scope] = got
		}
		for s := range scopes {
			for o := range scopes {
				if s != o && s.Overlaps(o) {
					t.Fatalf("seed %d: the scopes %v and %v overlap", seed, s, o)
				}
			}
		}
	}
}

func TestMappedAddresses(t *testing.T) {
	m := build(t, []layer{{netip.MustParsePrefix("10.1.0.0/16"): 3}}, 3)
	if at, ok := m.Lookup(netip.MustParseAddr("::ffff:10.1.2.3")); !ok || at.Lat != 3 {
		t.Errorf("%v %v", at, ok)
	}
	p := m.Partition("k", func(Point) Candidate { return 9 })
	if c, bits := p.Find(netip.MustParseAddr("::ffff:10.1.2.3")); c != Nowhere || bits != 0 {
		t.Errorf("a scope of IPv6: %d/%d", c, bits)
	}
	if c, bits := p.Find(netip.MustParseAddr("2001:db8::")); c != Nowhere || bits != 0 {
		t.Errorf("IPv6, of which nothing is known: %d/%d", c, bits)
	}
}

// TestPartitionsAreShared: as many routers as want it hold one.
func TestPartitionsAreShared(t *testing.T) {
	m := build(t, []layer{{netip.MustParsePrefix("10.0.0.0/8"): 1}}, 1)
	choose := func(Point) Candidate { return 0 }
	a := m.Partition("FRA", choose)
	if m.Partition("FRA", choose) != a {
		t.Error("made twice")
	}
	if m.Partition("NRT", choose) == a {
		t.Error("two sets of candidates have one partition")
	}
}

func TestTooLarge(t *testing.T) {
	var b Builder
	var l Layer
	one, two := b.Point(Point{1, 1}), b.Point(Point{2, 2})
	for i := range uint64(MaxBytes/12 + 1) {
		l.Add6(i, 64, one+uint32(i)%(two-one+1))
	}
	if _, err := b.Map(&l); err != ErrTooLarge {
		t.Errorf("%d intervals: %v", l.Intervals(), err)
	}
}

func TestNoAllocation(t *testing.T) {
	m := build(t, []layer{{netip.MustParsePrefix("10.0.0.0/8"): 1, netip.MustParsePrefix("2001:db8::/32"): 1}}, 1)
	p := m.Partition("k", func(Point) Candidate { return 0 })
	v4, v6 := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("2001:db8::1")
	if n := testing.AllocsPerRun(100, func() { p.Find(v4); p.Find(v6) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
