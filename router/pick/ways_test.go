package pick

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo/netmap"
)

// TestMeasuredWays: a viewer is taken to be at the nearest POP that has measured, and POPs
// are ranked by the ways from there.
func TestMeasuredWays(t *testing.T) {
	const ms = time.Millisecond
	tokyo, sydney, rome := Point{35.69, 139.69}, Point{-33.87, 151.21}, Point{41.9, 12.5}
	down := edges(twelve(), 1)
	down[slices.IndexFunc(down, func(e Edge) bool { return e.Node.POP == "NRT" })].Healthy = false
	far := map[string]map[string]time.Duration{"NRT": {"SIN": 200 * ms, "SYD": 90 * ms, "BOM": 300 * ms, "SFO": 80 * ms}}
	for _, c := range []struct {
		name  string
		times map[string]map[string]time.Duration
		from  Point
		class cdn.PriceClass
		edges []Edge
		spill map[string]float64
		want  string
	}{
		{"nothing is measured", nil, tokyo, cdn.PriceClassAll, down, nil, "SIN"},
		{"its own POP is no way at all", far, tokyo, cdn.PriceClassAll, edges(twelve(), 1), nil, "NRT"},
		{"nor is one that takes no time", map[string]map[string]time.Duration{"NRT": {"IAD": 0, "SIN": 0}}, tokyo, cdn.PriceClassAll, edges(twelve(), 1), nil, "NRT"},
		{"the shortest way, not the nearest", far, tokyo, cdn.PriceClassAll, down, nil, "SFO"},
		{"within the class", far, tokyo, cdn.PriceClass200, down, map[string]float64{"SFO": 1}, "DXB"}, // by the model: nobody measured it
		{"and who has room", far, tokyo, cdn.PriceClassAll, down, map[string]float64{"SFO": 1}, "SYD"},
		{"the other POP has measured it", map[string]map[string]time.Duration{"SYD": {"NRT": 20 * ms}}, tokyo, cdn.PriceClassAll, down, nil, "SYD"},
		{"a class without its POP", map[string]map[string]time.Duration{"SYD": {"FRA": 5 * ms}}, sydney, cdn.PriceClass100, edges(twelve(), 1), nil, "FRA"},
		{"a nearer POP has measured nothing", far, rome, cdn.PriceClassAll, edges(twelve(), 1), nil, "FRA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab := Policy{}.Table(twelve(), c.edges, Conditions{Spill: c.spill, Ways: NewWays(c.times)})
			got := tab.Pool(c.class, IPv4).Nearest(c.from, block(1), "E1")
			if got.Site.Code != c.want {
				t.Errorf("%s, want %s", got.Site.Code, c.want)
			}
			ranked := tab.Rank(c.from, c.class, IPv4, "E1", got.Block)
			if first := ranked[slices.IndexFunc(ranked, func(r Ranked) bool { return r.Excluded == "" })]; first.Code != c.want {
				t.Errorf("the ranking begins with %s", first.Code)
			}
			at := tab.At(c.from, c.class, IPv4)
			for _, r := range ranked {
				if at == "" && (r.RoundTrip != 0 || r.Measured) {
					t.Errorf("ranked by distance, and %+v", r)
				}
				if way, ok := c.times[at][r.Code]; ok && (r.RoundTrip != max(way, leastWay) || !r.Measured) {
					t.Errorf("%s is %v from %s, want %v", r.Code, r.RoundTrip, at, way)
				}
			}
		})
	}
}

// TestMeasuredWaysAreDivided: what a location table says is what the ranking says.
func TestMeasuredWaysAreDivided(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var builder netmap.Builder
	var layer netmap.Layer
	for i := range 250 {
		p := netmap.Point{Lat: rnd.Float64()*180 - 90, Lon: rnd.Float64()*360 - 180}
		layer.Add(netip.PrefixFrom(netip.AddrFrom4([4]byte{9, byte(i), 0, 0}), 16), builder.Point(p))
	}
	m, err := builder.Map(&layer)
	if err != nil {
		t.Fatal(err)
	}
	random := func() *Ways {
		times := map[string]map[string]time.Duration{}
		for _, a := range twelve() {
			for _, b := range twelve() {
				if a.N < b.N && rnd.IntN(3) > 0 {
					if times[a.Code] == nil {
						times[a.Code] = map[string]time.Duration{}
					}
					times[a.Code][b.Code] = time.Duration(rnd.IntN(300)) * time.Millisecond
				}
			}
		}
		return NewWays(times)
	}
	differ := 0
	for range 5 {
		list := edges(twelve(), 1)
		for i := range list {
			list[i].Healthy = rnd.IntN(3) > 0
		}
		tab := Policy{}.Table(twelve(), list, Conditions{Locations: m, Ways: random()})
		byDistance := New(twelve(), list, m)
		for i := range 250 {
			a := netip.AddrFrom4([4]byte{9, byte(i), 3, 4})
			at, _, _ := m.Place(a)
			p := tab.Pool(cdn.PriceClassAll, IPv4)
			got, _ := p.Find(a, "E1")
			want := p.Nearest(Point(at), netip.Prefix{}, "E1")
			if got.Site.Code != want.Site.Code {
				t.Fatalf("%v is given %s, its place %s", a, got.Site.Code, want.Site.Code)
			}
			if near, _ := byDistance.Pool(cdn.PriceClassAll, IPv4).Find(a, "E1"); near.Site.Code != got.Site.Code {
				differ++
			}
		}
	}
	if differ == 0 {
		t.Error("measured ways change nothing: the test says little")
	}
}

func TestWaysHaveAKey(t *testing.T) {
	a := NewWays(map[string]map[string]time.Duration{"A": {"B": 1, "C": 2}, "B": {"C": 3}})
	b := NewWays(map[string]map[string]time.Duration{"B": {"C": 3}, "A": {"C": 2, "B": 1}})
	c := NewWays(map[string]map[string]time.Duration{"A": {"B": 1, "C": 2}, "B": {"C": 4}})
	if a.key != b.key || a.key == c.key || a.Len() != 3 || (*Ways)(nil).Len() != 0 {
		t.Errorf("%x %x %x", a.key, b.key, c.key)
	}
}

func BenchmarkTableOfMeasuredWays(b *testing.B) {
	pops := catalogue("all")
	times := map[string]map[string]time.Duration{}
	for _, from := range pops {
		times[from.Code] = map[string]time.Duration{}
		for _, to := range pops {
			times[from.Code][to.Code] = time.Duration(from.N*to.N) * time.Microsecond
		}
	}
	ways, list := NewWays(times), edges(pops, 1)
	for b.Loop() {
		Policy{}.Table(pops, list, Conditions{Ways: ways})
	}
}
