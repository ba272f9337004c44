package router

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/pick"
)

// Decision says which edge a viewer is given for a name, and why.
type Decision struct {
	Distribution string // its id
	PriceClass   cdn.PriceClass
	// Place is where the viewer was taken to be; Located is false where that is the
	// router's Home, because nobody knows the address.
	Place   Place
	Located bool
	// By says how the viewer was placed: by "subnet", by "address", or "unknown".
	By string
	// Ranking is every POP by distance; the first that is not excluded is the
	// one answered, with the first of its edges.
	Ranking []pick.Ranked
	// Degraded says that no edge of the price class is healthy and that the
	// answer is one that was good last.
	Degraded bool
	// Overflow says that every edge of the price class is down and that the answer is
	// outside it.
	Overflow bool

	POP  pick.POP
	Node cdn.Node
	Addr netip.Addr // what DNS answers
	TTL  uint32     // seconds
}

// The types that Resolve decides on, for those who do not import the DNS library.
const (
	TypeA    = dns.TypeA
	TypeAAAA = dns.TypeAAAA
)

// The errors of Resolve.
var (
	ErrNoSuchName = errors.New("the name belongs to no distribution")
	ErrNoEdge     = errors.New("no edge can be answered")
)

// Resolve decides as Answer does for a viewer at an address: qtype is TypeA or TypeAAAA.
// It serves commands that explain, and what runs in the same process.
func (r *Router) Resolve(name string, qtype uint16, viewer netip.Addr) (Decision, error) {
	family := pick.IPv4
	switch qtype {
	case dns.TypeA:
	case dns.TypeAAAA:
		family = pick.IPv6
	default:
		return Decision{}, fmt.Errorf("type %s is not A or AAAA", dns.Type(qtype))
	}
	return r.current().decide(dns.CanonicalName(name), family, &edns{}, viewer)
}

// decide is Resolve for a query that may say where the viewer is; it sets the scope as
// an answer does. Name is canonical.
func (s *snapshot) decide(name string, family pick.Family, e *edns, from netip.Addr) (Decision, error) {
	var plan *cdn.Plan
	if z := s.zones.of(name); z != nil {
		plan, _ = s.plan(name, z.names[name])
	}
	if plan == nil {
		return Decision{}, fmt.Errorf("%s: %w", name, ErrNoSuchName)
	}
	d := Decision{Distribution: plan.ID, PriceClass: plan.PriceClass, TTL: ttlAddress}
	d.Place, d.By = s.place(e, from)
	d.Located = d.By != "unknown"
	d.Ranking = s.table.Rank(pick.Point{Lat: d.Place.Lat, Lon: d.Place.Lon}, plan.PriceClass, family, plan.ID)
	pool := s.table.Pool(plan.PriceClass, family)
	if pool.Empty() || family == pick.IPv6 && !plan.IPv6 {
		return d, fmt.Errorf("%s, %s: %w", name, plan.PriceClass, ErrNoEdge)
	}
	var site *pick.Site
	site, _, e.scope = s.nearest(e, pool, from)
	d.Overflow = pool.Overflow
	d.Degraded, d.POP, d.Node = pool.Degraded, site.POP, site.Node(plan.ID)
	d.Addr = family.Of(d.Node)
	return d, nil
}
