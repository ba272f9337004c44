package pick

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/warmfront/warmfront/cdn"
)

func block(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
}

// spilling is the pool of twelve cities some of which are over their limits.
func spilling(class cdn.PriceClass, spill map[string]float64) *Pool {
	return Policy{}.Table(twelve(), edges(twelve(), 1), Conditions{Spill: spill}).Pool(class, IPv4)
}

// TestBlocks: they are what is at one place, or a part of it, and never overlap.
func TestBlocks(t *testing.T) {
	for _, c := range []struct {
		addr string
		bits int
		want string
	}{
		{"203.0.113.77", 0, "203.0.113.0/24"},
		{"203.0.113.77", 24, "203.0.113.0/24"},
		{"203.0.113.77", 29, "203.0.113.72/29"},
		{"203.0.113.77", 32, "203.0.113.77/32"},
		{"2001:db8:1:2::3", 20, "2001:db8:1::/48"},
		{"2001:db8:1:2::3", 64, "2001:db8:1:2::/64"},
		{"::ffff:203.0.113.77", 96, "::/48"},
	} {
		if c.addr == "::ffff:203.0.113.77" {
			c.want = "::ffff:0:0/96"
		}
		if got := Block(netip.MustParseAddr(c.addr), c.bits); got.Masked() != netip.MustParsePrefix(c.want).Masked() || got != got.Masked() {
			t.Errorf("%s at one place with its /%d: %v, want %s", c.addr, c.bits, got, c.want)
		}
	}
}

// TestSpillMovesBlocksOnce: the more is sent on, the more blocks move, none twice to
// and fro, and when less is they return in the reverse order.
func TestSpillMovesBlocksOnce(t *testing.T) {
	const blocks = 4000
	tokyo := Point{35.69, 139.69}
	moved := func(part float64) (out []int) {
		p := spilling(cdn.PriceClassAll, map[string]float64{"NRT": part})
		for i := range blocks {
			c := p.Nearest(tokyo, block(i), "E1")
			switch {
			case c.Site.Code == "NRT" && c.From == nil:
			case c.Site.Code == "SIN" && c.From.Code == "NRT":
				out = append(out, i)
			default:
				t.Fatalf("block %d is given %s, from %v", i, c.Site.Code, c.From)
			}
			if part > 0 && c.Block != block(i) || part == 0 && c.Block.IsValid() {
				t.Fatalf("with %v sent on the choice is for %v", part, c.Block)
			}
		}
		return out
	}
	var before []int
	for _, part := range []float64{0, 0.1, 0.25, 0.5, 0.9} {
		now := moved(part)
		if n := float64(len(now)) / blocks; n < part-0.03 || n > part+0.03 {
			t.Errorf("%v of the blocks moved, want %v", n, part)
		}
		for _, i := range before {
			if !slices.Contains(now, i) {
				t.Fatalf("block %d returned when more was sent on", i)
			}
		}
		before = now
	}
	if got := moved(0.5); len(got) >= len(before) {
		t.Error("nothing returned")
	}
	if len(moved(1)) != blocks {
		t.Error("not all moved")
	}
	// Another distribution's blocks are others.
	p, same := spilling(cdn.PriceClassAll, map[string]float64{"NRT": 0.5}), 0
	for i := range blocks {
		if p.Nearest(tokyo, block(i), "E1").Site == p.Nearest(tokyo, block(i), "E2").Site {
			same++
		}
	}
	if same > blocks*6/10 {
		t.Errorf("of two distributions %d of %d blocks go the same way", same, blocks)
	}
}

// TestSpillGoesToWhoHasRoom: to the next in the ranking, within the class, not to another
// that sends the block on as well; and nowhere if nobody has room.
func TestSpillGoesToWhoHasRoom(t *testing.T) {
	tokyo, paris := Point{35.69, 139.69}, Point{48.85, 2.35}
	for _, c := range []struct {
		name  string
		from  Point
		class cdn.PriceClass
		spill map[string]float64
		want  string
	}{
		{"nothing is over its limit", tokyo, cdn.PriceClassAll, nil, "NRT"},
		{"another POP is", tokyo, cdn.PriceClassAll, map[string]float64{"SIN": 1}, "NRT"},
		{"the next", tokyo, cdn.PriceClassAll, map[string]float64{"NRT": 1}, "SIN"},
		{"the next has no room", tokyo, cdn.PriceClassAll, map[string]float64{"NRT": 1, "SIN": 1}, "BOM"},
		{"nobody has", paris, cdn.PriceClass100, map[string]float64{"LHR": 1, "FRA": 1, "IAD": 1, "SFO": 1, "QRO": 1}, "LHR"},
		{"only those outside the class have", paris, cdn.PriceClass100, map[string]float64{"LHR": 1, "FRA": 1, "IAD": 1, "SFO": 1, "QRO": 1, "SYD": 0}, "LHR"},
		{"the last of the class has", paris, cdn.PriceClass100, map[string]float64{"LHR": 1, "FRA": 1, "IAD": 1, "QRO": 1}, "SFO"},
		{"more than all is all", tokyo, cdn.PriceClassAll, map[string]float64{"NRT": 7}, "SIN"},
		{"less than nothing is nothing", tokyo, cdn.PriceClassAll, map[string]float64{"NRT": -1}, "NRT"},
	} {
		tab := Policy{}.Table(twelve(), edges(twelve(), 1), Conditions{Spill: c.spill})
		got := tab.Pool(c.class, IPv4).Nearest(c.from, block(1), "E1")
		if got.Site.Code != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.Site.Code, c.want)
		}
		ranked := tab.Rank(c.from, c.class, IPv4, "E1", got.Block)
		if first := ranked[slices.IndexFunc(ranked, func(r Ranked) bool { return r.Excluded == "" })]; first.Code != c.want {
			t.Errorf("%s: the ranking begins with %s", c.name, first.Code)
		}
	}
	list := edges(twelve(), 1)
	for i := range list {
		list[i].Healthy = false
	}
	degraded := Policy{}.Table(twelve(), list, Conditions{Spill: map[string]float64{"NRT": 1}}).Pool(cdn.PriceClassAll, IPv4)
	if got := degraded.Nearest(tokyo, block(1), "E1").Site.Code; got != "NRT" {
		t.Errorf("no edge is healthy, and load is believed: %s", got)
	}
}

// TestSpilledPartly: where the next POP sends a part on as well, each part goes on by its
// own hash.
func TestSpilledPartly(t *testing.T) {
	p := spilling(cdn.PriceClassAll, map[string]float64{"NRT": 0.5, "SIN": 0.5})
	count := map[string]int{}
	const blocks = 4000
	for i := range blocks {
		count[p.Nearest(Point{35.69, 139.69}, block(i), "E1").Site.Code]++
	}
	for pop, part := range map[string]float64{"NRT": 0.5, "SIN": 0.25, "BOM": 0.25} {
		if n := float64(count[pop]) / blocks; n < part-0.03 || n > part+0.03 {
			t.Errorf("%s has %v of the blocks, want %v", pop, n, part)
		}
	}
}

// TestAddresses: as many as are asked for and healthy, spread over blocks, and a
// node that goes takes only its own away.
func TestAddresses(t *testing.T) {
	const nodes, blocks = 6, 6000
	pop := twelve()[:1]
	with := New(pop, edges(pop, nodes), nil).Pool(cdn.PriceClass100, IPv4)
	without := New(pop, edges(pop, nodes)[:nodes-1], nil).Pool(cdn.PriceClass100, IPv4)
	gone := edge(pop[0].Code, nodes).Node.Addr
	first := map[netip.Addr]int{}
	for i := range blocks {
		c := with.Nearest(Point{}, block(i), "E1")
		a, again := c.Addresses(IPv4, 4), c.Addresses(IPv4, 4)
		if len(a.All()) != 4 || a != again || c.Block != block(i) {
			t.Fatalf("%v, then %v, for %v", a.All(), again.All(), c.Block)
		}
		if sorted := slices.SortedFunc(slices.Values(a.All()), netip.Addr.Compare); len(slices.Compact(sorted)) != 4 {
			t.Fatalf("%v has one twice", a.All())
		}
		for j, n := range c.Nodes(4) {
			if n.Addr != a.All()[j] {
				t.Fatalf("nodes %v, addresses %v", c.Nodes(4), a.All())
			}
		}
		one := c.Addresses(IPv4, 1)
		if !slices.Equal(one.All(), a.All()[:1]) {
			t.Fatalf("the first alone is %v, of four it is %v", one.All(), a.All())
		}
		first[a.All()[0]]++
		less := without.Nearest(Point{}, block(i), "E1")
		b := less.Addresses(IPv4, 4)
		kept := slices.DeleteFunc(slices.Clone(a.All()), func(x netip.Addr) bool { return x == gone })
		if !slices.Equal(b.All()[:len(kept)], kept) {
			t.Fatalf("%v became %v when %v went", a.All(), b.All(), gone)
		}
	}
	for a, n := range first {
		if n < blocks/nodes*9/10 || n > blocks/nodes*11/10 {
			t.Errorf("%v is first for %d of %d blocks", a, n, blocks)
		}
	}
	few := New(pop, edges(pop, 2), nil).Pool(cdn.PriceClass100, IPv4).Nearest(Point{}, block(1), "E1")
	if a := few.Addresses(IPv4, 99); len(a.All()) != 2 {
		t.Errorf("of two nodes: %v", a.All())
	}
	many := with.Nearest(Point{}, block(1), "E1")
	if a := many.Addresses(IPv4, 99); len(a.All()) != nodes {
		t.Errorf("of six nodes: %v", a.All())
	}
	if a := many.Addresses(IPv6, 4); a.All()[0].IsValid() {
		t.Errorf("IPv6 addresses that nobody has: %v", a.All())
	}
}

func TestChoosingDoesNotAllocate(t *testing.T) {
	pops := catalogue("all")
	p := Policy{}.Table(pops, edges(pops, 5), Conditions{Spill: map[string]float64{"NRT": 0.5}}).Pool(cdn.PriceClassAll, IPv4)
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		c := p.Nearest(Point{35.69, 139.69}, block(i), "EDFDVBD6EXAMPLE")
		if a := c.Addresses(IPv4, 4); len(a.All()) != 4 {
			t.Error("not four addresses")
		}
		i++
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
