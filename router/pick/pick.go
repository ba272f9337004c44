package pick

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo/netmap"
)

// POP is an edge location.
type POP struct {
	Code string
	// N is its number in the catalogue, fixed for ever: the tie-break.
	N        int
	Lat, Lon float64
	// Class is the cheapest price class that contains it; 0 for a POP that none
	// contains (CloudFront China is a partition apart).
	Class cdn.PriceClass
}

// Edge is a registered edge node and what the checks say of it.
type Edge struct {
	Node    cdn.Node
	Healthy bool
	// Down says that the checks found it down, Draining that it said so itself. One that
	// is neither healthy nor down has not been checked yet.
	Down, Draining bool
	// LastGood is when a check last found it healthy; zero for never.
	LastGood time.Time

	seed uint64 // of its weights, see weight
}

// Family is the address family asked for.
type Family int

// The families, of A and of AAAA.
const (
	IPv4 Family = iota
	IPv6
)

// Of returns the node's identity address of the family; the zero Addr for none.
func (f Family) Of(n cdn.Node) netip.Addr {
	if f == IPv6 {
		return n.Addr6
	}
	return n.Addr
}

// goodTogether is how far apart edges may have been good for the last time and
// still count as lost together. Checks find the edges of a lost network down one
// after another within a few seconds; without the margin the last of them
// alone would be sent the whole world.
const goodTogether = 10 * time.Second

// Table is the edges of the network at one moment. It is immutable.
type Table struct {
	policy   Policy
	sites    []Site     // every POP, by number
	pools    [3][2]Pool // by price class, the cheapest first, and family
	unplaced []cdn.Node
}

// Pool is what may be answered for one price class and address family.
type Pool struct {
	sites []Site
	// Degraded says that no edge of the class is healthy and that the pool holds
	// those that were good last.
	Degraded bool
	// Overflow says that every edge of the class is down and that the pool holds
	// healthy ones outside it; see [Policy].
	Overflow bool
	// partition has the nearest site of every address, by its index, and locations where
	// it is; both are nil without a location table.
	partition *netmap.Partition
	locations *netmap.Map
	// ways are those that rows were made of, nil where viewers are ranked by distance; see
	// row.
	ways       *Ways
	rows       []row
	unmeasured []vector // POPs with edges of which no way is known
}

// Site is a POP with its edges: in a Table all that are registered, in a Pool
// those that may be answered.
type Site struct {
	POP
	at    vector
	edges []Edge
	seed  uint64 // of its weights, see weight
	// over is the part of what is nearest here that is sent on, in 2^-32: see sheds. The
	// sites of a Table and of a degraded Pool send nothing on.
	over uint64
}

// Policy is what the operator chose.
type Policy struct {
	// ClassOverflow lets viewers be sent outside the price class, which costs more, while
	// the checks find every edge within it down: --class-overflow.
	ClassOverflow bool
}

// Conditions are what decisions depend on besides the POPs and their edges.
type Conditions struct {
	// Locations is the location table; nil where there is none.
	Locations *netmap.Map
	// Spill is the part, from 0 to 1, of the blocks of viewers nearest to a POP that is sent
	// on to others because the POP is over its limit of load; by the POP's code.
	Spill map[string]float64
	// Ways are the measured round trips to rank POPs by; nil ranks them by distance.
	Ways *Ways
}

// New is Policy.Table of the policy that allows nothing, where no POP is over its limit.
func New(pops []POP, edges []Edge, locations *netmap.Map) *Table {
	return Policy{}.Table(pops, edges, Conditions{Locations: locations})
}

// Table works out the pools, and with a location table which addresses are nearest to
// which POP. An edge whose POP is not among pops cannot be placed and is never
// answered; see [Table.Unplaced].
func (p Policy) Table(pops []POP, edges []Edge, under Conditions) *Table {
	t := &Table{policy: p}
	index := make(map[string]int, len(pops))
	pops = slices.Clone(pops)
	slices.SortFunc(pops, func(a, b POP) int { return cmp.Compare(a.N, b.N) })
	for i, p := range pops {
		index[p.Code] = i
		t.sites = append(t.sites, Site{POP: p, at: Point{p.Lat, p.Lon}.vector(), seed: seed(p.Code)})
	}
	edges = slices.Clone(edges)
	slices.SortFunc(edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Node.K, b.Node.K), cmp.Compare(a.Node.ID, b.Node.ID))
	})
	for _, e := range edges {
		e.seed = seed(e.Node.POP, e.Node.ID)
		if i, ok := index[e.Node.POP]; ok {
			t.sites[i].edges = append(t.sites[i].edges, e)
		} else {
			t.unplaced = append(t.unplaced, e.Node)
		}
	}
	for i, class := range [...]cdn.PriceClass{cdn.PriceClass100, cdn.PriceClass200, cdn.PriceClassAll} {
		for _, family := range [...]Family{IPv4, IPv6} {
			p := &t.pools[i][family]
			*p = t.pool(class, family)
			p.limit(under.Spill)
			p.measure(under.Ways, t.sites)
			p.divide(under.Locations)
		}
	}
	return t
}

// Unplaced returns the edges that name a POP the catalogue does not have.
func (t *Table) Unplaced() []cdn.Node { return t.unplaced }

func (t *Table) pool(class cdn.PriceClass, family Family) Pool {
	p := Pool{sites: t.choose(class, func(e Edge) bool { return e.Healthy && family.Of(e.Node).IsValid() })}
	if len(p.sites) > 0 {
		return p
	}
	if t.policy.ClassOverflow && t.lost(class, family) {
		p.sites = t.choose(cdn.PriceClassAll, func(e Edge) bool { return e.Healthy && family.Of(e.Node).IsValid() })
		if p.Overflow = len(p.sites) > 0; p.Overflow {
			return p
		}
	}
	var newest time.Time
	for _, s := range t.sites {
		for _, e := range s.edges {
			if included(class, s.Class) && family.Of(e.Node).IsValid() && e.LastGood.After(newest) {
				newest = e.LastGood
			}
		}
	}
	// Where no check ever succeeded newest is zero, and every registered edge of
	// the class qualifies: a router that has just started.
	p.sites = t.choose(class, func(e Edge) bool {
		return family.Of(e.Node).IsValid() && !e.LastGood.Before(newest.Add(-goodTogether))
	})
	p.Degraded = len(p.sites) > 0
	return p
}

// lost reports whether the checks found every edge of a class down. Before the first
// checks nothing is lost.
func (t *Table) lost(class cdn.PriceClass, family Family) bool {
	up := t.choose(class, func(e Edge) bool { return !e.Down && family.Of(e.Node).IsValid() })
	return len(up) == 0
}

// Overflowing returns the price classes whose viewers are sent outside them.
func (t *Table) Overflowing() (out []cdn.PriceClass) {
	for _, class := range [...]cdn.PriceClass{cdn.PriceClass100, cdn.PriceClass200, cdn.PriceClassAll} {
		if t.Pool(class, IPv4).Overflow || t.Pool(class, IPv6).Overflow {
			out = append(out, class)
		}
	}
	return out
}

// choose returns the sites of a class that have an edge which satisfies may, with
// those edges only.
func (t *Table) choose(class cdn.PriceClass, may func(Edge) bool) []Site {
	var out []Site
	for _, s := range t.sites {
		if !included(class, s.Class) {
			continue
		}
		s.edges = slices.DeleteFunc(slices.Clone(s.edges), func(e Edge) bool { return !may(e) })
		if len(s.edges) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func included(class, pop cdn.PriceClass) bool { return pop != 0 && class.Includes(pop) }

// Pool returns what may be answered for a class and a family; an empty pool
// where the class has no edge with such an address.
func (t *Table) Pool(class cdn.PriceClass, family Family) *Pool {
	switch class {
	case cdn.PriceClass100:
		return &t.pools[0][family]
	case cdn.PriceClass200:
		return &t.pools[1][family]
	case cdn.PriceClassAll:
		return &t.pools[2][family]
	}
	return &Pool{}
}

// Empty reports that there is nothing to answer.
func (p *Pool) Empty() bool { return len(p.sites) == 0 }

// At returns the choice of the site with that code, the same for all viewers; false where the
// pool has none.
func (p *Pool) At(code, distribution string) (Choice, bool) {
	if code == "" {
		return Choice{}, false
	}
	for i := range p.sites {
		if p.sites[i].Code == code {
			return Choice{Site: &p.sites[i], hash: hash(distribution, netip.Prefix{})}, true
		}
	}
	return Choice{}, false
}

// Tailored reports whether the answer depends on where the viewer is.
func (p *Pool) Tailored() bool { return len(p.sites) > 1 }

// Nearest returns the choice for viewers at a place, of whom a distribution is asked for by
// a block: the site at the least great-circle distance, or by the least round trip where those
// are measured, that has room for the block, and the nearest where none has. Its Site is nil for an empty pool.
func (p *Pool) Nearest(from Point, block netip.Prefix, distribution string) Choice {
	if p.Empty() {
		return Choice{}
	}
	return p.choose(&p.sites[p.nearest(from)], from, block, distribution)
}

func (p *Pool) nearest(from Point) (best int) {
	at := from.vector()
	if r := p.row(at); r != nil {
		return r.best
	}
	least := math.Inf(1)
	// Sites are in the order of their numbers, so that "less than" is also the
	// tie-break.
	for i := range p.sites {
		if d := p.sites[i].at.chord2(at); d < least {
			best, least = i, d
		}
	}
	return best
}

// withRoom returns the nearest site that does not send on what has the hash h, -1 where
// all do.
func (p *Pool) withRoom(from Point, h uint64) int {
	at := from.vector()
	best, least := -1, math.Inf(1)
	if r := p.row(at); r != nil {
		for i := range p.sites {
			if d := float64(r.times[i]); d < least && !p.sites[i].sheds(h) {
				best, least = i, d
			}
		}
		return best
	}
	for i := range p.sites {
		if d := p.sites[i].at.chord2(at); d < least && !p.sites[i].sheds(h) {
			best, least = i, d
		}
	}
	return best
}

// divide finds out which addresses are nearest to which site. Pools with the same
// sites, of other classes, families and routers too, share what is found.
func (p *Pool) divide(locations *netmap.Map) {
	if locations == nil || !p.Tailored() || len(p.sites) > int(netmap.Nowhere) {
		return
	}
	key := make([]byte, 0, 2*len(p.sites)+2*len(p.rows)+16)
	if p.ways != nil { // rows are of those POPs that run, in the pool or not
		for _, r := range p.rows {
			key = fmt.Append(key, r.at)
		}
		for _, u := range p.unmeasured {
			key = fmt.Append(key, u)
		}
		key = append(key, p.ways.key...)
	}
	for _, s := range p.sites {
		key = binary.BigEndian.AppendUint16(key, uint16(s.N))
	}
	p.locations = locations
	p.partition = locations.Partition(string(key), func(at netmap.Point) netmap.Candidate {
		return netmap.Candidate(p.nearest(Point(at)))
	})
}

// limit has sites send on what they are to. Those of a degraded pool cannot be told how
// loaded they are.
func (p *Pool) limit(spill map[string]float64) {
	if p.Degraded {
		return
	}
	for i := range p.sites {
		p.sites[i].over = uint64(math.Min(math.Max(spill[p.sites[i].Code], 0), 1) * (1 << 32))
	}
}

// Divided reports whether Find may be called.
func (p *Pool) Divided() bool { return p.partition != nil }

// Find returns the choice for a viewer's address, and the length of the shortest prefix
// around it within which that is the same for all. Site is nil where nobody knows the
// addresses within the prefix.
func (p *Pool) Find(a netip.Addr, distribution string) (c Choice, bits int) {
	i, bits := p.partition.Find(a)
	if i == netmap.Nowhere {
		return Choice{}, bits
	}
	near := &p.sites[i]
	if !near.particular() {
		return Choice{Site: near}, bits
	}
	at, _, alone := p.locations.Place(a)
	block := Block(a, alone)
	return p.choose(near, Point(at), block, distribution), block.Bits()
}
