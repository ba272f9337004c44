package pick

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo"
)

// twelve are the POPs that run by default, on six continents.
func twelve() []POP { return catalogue("IAD SFO GRU LHR FRA JNB DXB BOM SIN NRT SYD QRO") }

// catalogue returns the POPs of the catalogue by their codes, or all metropolitan
// ones for "all".
func catalogue(codes string) (out []POP) {
	chosen, err := geo.BundledCatalogue().Select(strings.ReplaceAll(codes, " ", ","))
	if err != nil {
		panic(err)
	}
	for _, p := range chosen {
		class, err := cdn.ParsePriceClass(p.PriceClass)
		if err != nil {
			panic(err)
		}
		out = append(out, POP{p.Code, p.N, p.Lat, p.Lon, class})
	}
	return out
}

// edge returns a healthy IPv4 edge of a POP.
func edge(pop string, k int) Edge {
	return Edge{Node: cdn.Node{
		ID: fmt.Sprintf("%s-%d", pop, k), Role: cdn.RoleEdge, POP: pop, K: k,
		Addr: netip.AddrFrom4([4]byte{127, pop[0], pop[1], byte(k)}),
	}, Healthy: true}
}

func edges(pops []POP, perPOP int) (out []Edge) {
	for _, p := range pops {
		for k := range perPOP {
			out = append(out, edge(p.Code, k+1))
		}
	}
	return out
}

func TestNearest(t *testing.T) {
	all := edges(twelve(), 1)
	down := func(pops ...string) []Edge {
		out := slices.Clone(all)
		for i := range out {
			out[i].Healthy = !slices.Contains(pops, out[i].Node.POP)
		}
		return out
	}
	tokyo, sydney, saoPaulo, paris := Point{35.69, 139.69}, Point{-33.87, 151.21}, Point{-23.55, -46.63}, Point{48.85, 2.35}
	fiji, samoa := Point{-18, 178}, Point{-13.8, -171.8}
	for _, c := range []struct {
		name  string
		from  Point
		class cdn.PriceClass
		edges []Edge
		want  string
	}{
		{"its own city", tokyo, cdn.PriceClassAll, all, "NRT"},
		{"between two", paris, cdn.PriceClassAll, all, "LHR"},
		{"west of the date line", fiji, cdn.PriceClassAll, all, "SYD"},
		{"east of the date line", samoa, cdn.PriceClassAll, all, "SYD"},
		{"north pole", Point{90, 0}, cdn.PriceClassAll, all, "LHR"},
		{"down: the next nearest", tokyo, cdn.PriceClassAll, down("NRT"), "SIN"},
		{"class 200 excludes Sydney", sydney, cdn.PriceClass200, all, "SIN"},
		{"class 100 excludes Asia", sydney, cdn.PriceClass100, all, "SFO"},
		{"class 100, South America", saoPaulo, cdn.PriceClass100, all, "QRO"},
		{"class 100, its POP down: stays in the class", tokyo, cdn.PriceClass100, down("SFO"), "FRA"},
		{"nobody healthy in the class, others are", sydney, cdn.PriceClass100, down("IAD", "SFO", "QRO", "LHR", "FRA"), "SFO"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := New(twelve(), c.edges, nil).Pool(c.class, IPv4).Nearest(c.from, netip.Prefix{}, "E1").Site; got.Code != c.want {
				t.Errorf("got %s, want %s", got.Code, c.want)
			}
		})
	}
}

func TestLastKnownGood(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	list := edges(twelve(), 1)
	for i := range list {
		list[i].Healthy = false
		list[i].LastGood = now.Add(-time.Duration(i%4) * time.Second)
		if list[i].Node.POP == "NRT" {
			list[i].LastGood = now.Add(-time.Hour) // was down long before
		}
	}
	pool := New(twelve(), list, nil).Pool(cdn.PriceClassAll, IPv4)
	if !pool.Degraded {
		t.Error("not degraded, though no edge is healthy")
	}
	// All but Tokyo were lost together: the whole network is still answered, and
	// not the one edge whose last check came last.
	if got := pool.Nearest(Point{35.69, 139.69}, netip.Prefix{}, "E1").Site.Code; got != "SIN" {
		t.Errorf("a viewer in Tokyo is given %s, want SIN: Tokyo was down before", got)
	}
	if got := pool.Nearest(Point{-26, 28}, netip.Prefix{}, "E1").Site.Code; got != "JNB" {
		t.Errorf("a viewer in Johannesburg is given %s", got)
	}

	one := slices.Clone(list)
	one[slices.IndexFunc(one, func(e Edge) bool { return e.Node.POP == "GRU" })].Healthy = true
	tab := New(twelve(), one, nil)
	if p := tab.Pool(cdn.PriceClassAll, IPv4); p.Degraded || p.Nearest(Point{35, 139}, netip.Prefix{}, "E1").Site.Code != "GRU" {
		t.Error("the only healthy edge is not the only one answered")
	}
	if p := tab.Pool(cdn.PriceClass100, IPv4); !p.Degraded || p.Nearest(Point{-23, -46}, netip.Prefix{}, "E1").Site.Code == "GRU" {
		t.Error("a healthy edge outside the price class took the place of the class")
	}
}

// TestOverflow: outside the class only where the operator allows it, and only while the
// checks find every edge of the class down.
func TestOverflow(t *testing.T) {
	sydney := Point{-33.87, 151.21}
	make100 := func(change func(*Edge)) []Edge {
		list := edges(twelve(), 1)
		for i := range list {
			if slices.Contains([]string{"IAD", "SFO", "QRO", "LHR", "FRA"}, list[i].Node.POP) {
				list[i].Healthy = false
				change(&list[i])
			}
		}
		return list
	}
	down := make100(func(e *Edge) { e.Down = true })
	unknown := make100(func(e *Edge) { e.Down = e.Node.POP != "FRA" })
	for _, c := range []struct {
		name     string
		policy   Policy
		edges    []Edge
		want     string
		overflow bool
	}{
		{"not allowed", Policy{}, down, "SFO", false},
		{"allowed", Policy{ClassOverflow: true}, down, "SYD", true},
		{"allowed, but one has not been checked yet", Policy{ClassOverflow: true}, unknown, "SFO", false},
		{"allowed, and nothing is wrong", Policy{ClassOverflow: true}, edges(twelve(), 1), "SFO", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab := c.policy.Table(twelve(), c.edges, Conditions{})
			p := tab.Pool(cdn.PriceClass100, IPv4)
			if got := p.Nearest(sydney, netip.Prefix{}, "E1").Site; got.Code != c.want || p.Overflow != c.overflow {
				t.Errorf("%s, overflow %v", got.Code, p.Overflow)
			}
			if got := len(tab.Overflowing()) > 0; got != c.overflow {
				t.Errorf("overflowing: %v", tab.Overflowing())
			}
			ranked := tab.Rank(sydney, cdn.PriceClass100, IPv4, "E1", netip.Prefix{})
			if first := ranked[slices.IndexFunc(ranked, func(r Ranked) bool { return r.Excluded == "" })]; first.Code != c.want {
				t.Errorf("the ranking begins with %s", first.Code)
			}
		})
	}
	drained := edges(twelve(), 1)
	drained[0].Healthy, drained[0].Down, drained[0].Draining = false, true, true
	for _, r := range New(twelve(), drained, nil).Rank(sydney, cdn.PriceClassAll, IPv4, "E1", netip.Prefix{}) {
		if want := map[bool]Reason{true: Draining}[r.Code == drained[0].Node.POP]; r.Excluded != want {
			t.Errorf("%s: %q, want %q", r.Code, r.Excluded, want)
		}
	}
}

func TestNeverChecked(t *testing.T) {
	list := edges(twelve(), 1)
	for i := range list {
		list[i].Healthy = false
	}
	if got := New(twelve(), list, nil).Pool(cdn.PriceClassAll, IPv4).Nearest(Point{35.69, 139.69}, netip.Prefix{}, "E1").Site; got == nil || got.Code != "NRT" {
		t.Errorf("before the first check: %v, want NRT", got)
	}
}

func TestNothingToAnswer(t *testing.T) {
	outside := POP{"PEK", 151, 39.9, 116.4, 0} // in no class
	onlySydney := New(append(twelve(), outside), []Edge{edge("SYD", 1), edge("PEK", 1), edge("XXX", 1)}, nil)
	if p := onlySydney.Pool(cdn.PriceClass200, IPv4); !p.Empty() || p.Nearest(Point{}, netip.Prefix{}, "E1").Site != nil {
		t.Error("class 200 is answered by Sydney or Beijing")
	}
	if p := onlySydney.Pool(cdn.PriceClassAll, IPv4); p.Tailored() || p.Nearest(Point{39.9, 116.4}, netip.Prefix{}, "E1").Site.Code != "SYD" {
		t.Error("the class All is not Sydney alone")
	}
	if u := onlySydney.Unplaced(); len(u) != 1 || u[0].POP != "XXX" {
		t.Errorf("unplaced: %v", u)
	}
	if p := onlySydney.Pool(cdn.PriceClassAll, IPv6); !p.Empty() {
		t.Error("an edge without an IPv6 address is answered for AAAA")
	}
}

func TestTieGoesToTheLowerNumber(t *testing.T) {
	pops := []POP{{"AAA", 9, 0, 10, cdn.PriceClass100}, {"BBB", 3, 0, -10, cdn.PriceClass100}}
	for range 2 {
		if got := New(pops, edges(pops, 1), nil).Pool(cdn.PriceClass100, IPv4).Nearest(Point{0, 0}, netip.Prefix{}, "E1").Site; got.Code != "BBB" {
			t.Errorf("got %s", got.Code)
		}
		slices.Reverse(pops)
	}
}

// TestNearestIsGreatCircle holds the chord against the distance that the rest of
// the network uses, over the whole catalogue.
func TestNearestIsGreatCircle(t *testing.T) {
	metro, pops := geo.BundledCatalogue().Metro(), catalogue("all")
	tab := New(pops, edges(pops, 1), nil)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		lat, lon := rnd.Float64()*180-90, rnd.Float64()*360-180
		want, km := geo.Nearest(lat, lon, metro)
		ranked := tab.Rank(Point{lat, lon}, cdn.PriceClassAll, IPv4, "E1", netip.Prefix{})
		got := tab.Pool(cdn.PriceClassAll, IPv4).Nearest(Point{lat, lon}, netip.Prefix{}, "E1").Site
		if got.Code != want.Code || ranked[0].Code != want.Code {
			t.Fatalf("%f %f: nearest %s, ranked first %s, geo says %s", lat, lon, got.Code, ranked[0].Code, want.Code)
		}
		if d := ranked[0].Km - km; d > 0.001 || d < -0.001 {
			t.Fatalf("%f %f: %f km, geo says %f", lat, lon, ranked[0].Km, km)
		}
	}
}

func TestRankExplains(t *testing.T) {
	list := edges(twelve(), 2)
	list = slices.DeleteFunc(list, func(e Edge) bool { return e.Node.POP == "DXB" })
	for i := range list {
		switch list[i].Node.ID {
		case "NRT-1", "NRT-2", "SIN-1":
			list[i].Healthy = false
		case "BOM-1", "BOM-2":
			list[i].Node.Addr, list[i].Node.Addr6 = netip.Addr{}, netip.MustParseAddr("fd77:7f::b")
		}
	}
	tab := New(twelve(), list, nil)
	ranked := tab.Rank(Point{35.69, 139.69}, cdn.PriceClass200, IPv4, "E1", netip.Prefix{})
	want := map[string]Reason{
		"NRT": Unhealthy, "SYD": OutsidePriceClass, "GRU": OutsidePriceClass, "DXB": NoEdge, "BOM": NoAddress,
	}
	if len(ranked) != 12 {
		t.Fatalf("%d POPs ranked", len(ranked))
	}
	last := -1.0
	for _, r := range ranked {
		if r.Excluded != want[r.Code] {
			t.Errorf("%s: %q, want %q", r.Code, r.Excluded, want[r.Code])
		}
		if r.Km < last {
			t.Errorf("%s is at %f km, after %f", r.Code, r.Km, last)
		}
		last = r.Km
		if r.Code == "SIN" && (len(r.Edges) != 2 || r.Edges[0].Node.ID != "SIN-2") {
			t.Errorf("Singapore's edges: %v; the healthy one comes first", r.Edges)
		}
	}
	first := ranked[slices.IndexFunc(ranked, func(r Ranked) bool { return r.Excluded == "" })]
	choice := tab.Pool(cdn.PriceClass200, IPv4).Nearest(Point{35.69, 139.69}, netip.Prefix{}, "E1")
	if first.Code != choice.Site.Code || first.Edges[0].Node != choice.Nodes(1)[0] {
		t.Errorf("the ranking begins with %s %v, the answer is %s %v", first.Code, first.Edges[0].Node, choice.Site.Code, choice.Nodes(1))
	}
}

// TestWeightsAreFixed: releases run side by side and must agree.
func TestWeightsAreFixed(t *testing.T) {
	for _, c := range []struct {
		distribution, block, pop, node string
		want                           uint64
	}{
		{"EDFDVBD6EXAMPLE", "203.0.113.0/24", "NRT", "NRT-1", 0x5701f2a0aa9b5a39},
		{"EDFDVBD6EXAMPLE", "203.0.113.0/24", "NRT", "NRT-2", 0xacba07a643575825},
		{"EDFDVBD6EXAMPLE", "2001:db8::/48", "NRT", "NRT-1", 0x2046baef0b6b433},
		{"EDFDVBD6EXAMPLE", "", "NRT", "NRT-1", 0xb9b5f5ab5f05e6f6},
	} {
		var block netip.Prefix
		if c.block != "" {
			block = netip.MustParsePrefix(c.block)
		}
		if got := weight(hash(c.distribution, block), seed(c.pop, c.node)); got != c.want {
			t.Errorf("%s %s %s: %#x, want %#x", c.distribution, c.block, c.node, got, c.want)
		}
	}
}

func BenchmarkNearest(b *testing.B) {
	pops := catalogue("all")
	pool := New(pops, edges(pops, 1), nil).Pool(cdn.PriceClassAll, IPv4)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c := pool.Nearest(Point{float64(i % 90), float64(i % 180)}, netip.Prefix{}, "EDFDVBD6EXAMPLE")
		c.Addresses(IPv4, 4)
	}
}
