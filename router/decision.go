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
	// Ranking is every POP by distance; the first that is not excluded is the
	// one answered, with the first of its edges.
	Ranking []pick.Ranked
	// Degraded says that no edge of the price class is healthy and that the
	// answer is one that was good last.
	Degraded bool

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
	s := r.current()
	canonical := dns.CanonicalName(name)
	var plan *cdn.Plan
	if z := s.zones.of(canonical); z != nil {
		plan, _ = s.plan(canonical, z.names[canonical])
	}
	if plan == nil {
		return Decision{}, fmt.Errorf("%s: %w", name, ErrNoSuchName)
	}
	d := Decision{Distribution: plan.ID, PriceClass: plan.PriceClass, TTL: ttlAddress}
	place, outcome := s.place(&edns{}, viewer)
	d.Place, d.Located = place, outcome != "unknown"
	at := pick.Point{Lat: place.Lat, Lon: place.Lon}
	d.Ranking = s.table.Rank(at, plan.PriceClass, family, plan.ID)
	pool := s.table.Pool(plan.PriceClass, family)
	site := pool.Nearest(at)
	if site == nil || family == pick.IPv6 && !plan.IPv6 {
		return d, fmt.Errorf("%s, %s: %w", name, plan.PriceClass, ErrNoEdge)
	}
	d.Degraded, d.POP, d.Node = pool.Degraded, site.POP, site.Node(plan.ID)
	d.Addr = family.Of(d.Node)
	return d, nil
}
