package pick

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// Reason says why a POP was passed over.
type Reason string

// The reasons; the empty one is a POP that may be answered.
const (
	OutsidePriceClass Reason = "outside the distribution's price class"
	NoEdge            Reason = "no edge is registered here"
	NoAddress         Reason = "no edge here has an address of this family"
	Unhealthy         Reason = "every edge here fails its health checks"
	Draining          Reason = "every edge here drains or fails its health checks"
	Loaded            Reason = "over its limit of load: sends on this block of viewers"
)

// Ranked is a POP in the order of distance.
type Ranked struct {
	POP
	Km float64
	// Excluded is empty for a POP that may be answered; the first such is.
	Excluded Reason
	// Edges are those registered here, the one that would be answered first.
	Edges []Edge
	// RoundTrip is that from the POP that the viewer is taken to be at, Measured whether it is
	// more than a model's; 0 where POPs are ranked by distance.
	RoundTrip time.Duration
	Measured  bool
	// Spill is the part of the blocks of viewers nearest here that is sent on, from 0 to 1.
	Spill float64
}

// Rank returns every POP by its distance from a point, or by its round trip where the
// answer goes by those, with the reason for each
// that was passed over by viewers in a block. The first one without is what [Pool.Nearest]
// returns, and the first of its edges is the first that [Choice.Addresses] returns.
func (t *Table) Rank(from Point, class cdn.PriceClass, family Family, distribution string, block netip.Prefix) []Ranked {
	pool := t.Pool(class, family)
	h := hash(distribution, block)
	room := pool.withRoom(from, h) >= 0
	at := from.vector()
	by := t.taken(pool, at)
	out := make([]Ranked, 0, len(t.sites))
	chords := make(map[int]float64, len(t.sites))
	for i := range t.sites {
		s := &t.sites[i]
		chords[s.N] = s.at.chord2(at)
		r := Ranked{POP: s.POP, Km: kilometres(chords[s.N]), Excluded: s.excluded(class, family)}
		if by != nil {
			r.RoundTrip, r.Measured = pool.ways.between(by, s)
		}
		answered := s.edges
		if i := slices.IndexFunc(pool.sites, func(p Site) bool { return p.N == s.N }); i >= 0 {
			p := &pool.sites[i]
			r.Excluded, answered, r.Spill = "", p.edges, float64(p.over)/(1<<32)
			if room && block.IsValid() && p.sheds(h) {
				r.Excluded = Loaded
			}
		}
		r.Edges = s.order(h, answered)
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b Ranked) int {
		if by != nil {
			return cmp.Compare(a.RoundTrip, b.RoundTrip) // of the same, the lower number is first already
		}
		return cmp.Compare(chords[a.N], chords[b.N])
	})
	return out
}

// At returns the code of the POP that viewers at a place are taken to be at, "" where POPs
// are ranked by their distance from the place itself.
func (t *Table) At(from Point, class cdn.PriceClass, family Family) string {
	if s := t.taken(t.Pool(class, family), from.vector()); s != nil {
		return s.Code
	}
	return ""
}

// taken is the site whose row a place is ranked by, nil for none.
func (t *Table) taken(p *Pool, at vector) *Site {
	r := p.row(at)
	if r == nil {
		return nil
	}
	return &t.sites[slices.IndexFunc(t.sites, func(s Site) bool { return s.at == r.at && len(s.edges) > 0 && p.ways.covers(s.Code) })]
}

// excluded says why a site that is in no pool is not.
func (s *Site) excluded(class cdn.PriceClass, family Family) Reason {
	switch {
	case !included(class, s.Class):
		return OutsidePriceClass
	case len(s.edges) == 0:
		return NoEdge
	case !slices.ContainsFunc(s.edges, func(e Edge) bool { return family.Of(e.Node).IsValid() }):
		return NoAddress
	}
	if slices.ContainsFunc(s.edges, func(e Edge) bool { return e.Draining }) {
		return Draining
	}
	return Unhealthy
}

// order returns all edges of the site: those that may be answered first, each
// part by falling score.
func (s *Site) order(h uint64, answered []Edge) []Edge {
	may := func(e Edge) int {
		if slices.ContainsFunc(answered, func(a Edge) bool { return a.Node.ID == e.Node.ID }) {
			return 0
		}
		return 1
	}
	out := slices.Clone(s.edges)
	slices.SortStableFunc(out, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(may(a), may(b)),
			cmp.Compare(weight(h, b.seed), weight(h, a.seed)))
	})
	return out
}
