package router

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/wire"
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
	// Ranking is every POP by distance, or by measured ways; the first that is not excluded is the
	// one answered, with the first of its edges.
	Ranking []pick.Ranked
	// At is the code of the POP that the viewer is taken to be at, from which the ways in the
	// ranking are; "" where that is by distance.
	At string
	// Degraded says that no edge of the price class is healthy and that the
	// answer is one that was good last.
	Degraded bool
	// Overflow says that every edge of the price class is down and that the answer is
	// outside it.
	Overflow bool

	POP   pick.POP
	Nodes []cdn.Node // of which DNS answers the addresses
	Node  cdn.Node   // the first of them
	Addr  netip.Addr // its address
	TTL   uint32     // seconds
	// Block is the viewers for whom the answer was made, the zero Prefix where it is the
	// same for all who are nearest to the POP.
	Block netip.Prefix
	// From is the code of the nearest POP where that is over its limit of load and the
	// block is sent on from there; "" otherwise.
	From string
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
	return r.current().decide(dns.CanonicalName(name), family, &wire.EDNS{}, viewer)
}

// decide is Resolve for a query that may say where the viewer is; it sets the scope as
// an answer does. Name is canonical.
func (s *snapshot) decide(name string, family pick.Family, e *wire.EDNS, from netip.Addr) (Decision, error) {
	var plan *cdn.Plan
	switch z := s.zones.of(name); {
	case z == nil:
	case z.hosted != nil:
		plan = s.aliasOf(z, name, typeOf(family))
	default:
		plan, _ = s.plan(name, z.names[name])
	}
	if plan == nil {
		return Decision{}, fmt.Errorf("%s: %w", name, ErrNoSuchName)
	}
	d := Decision{Distribution: plan.ID, PriceClass: plan.PriceClass, TTL: ttlAddress}
	d.Place, d.By = s.place(e, from)
	d.Located = d.By != "unknown"
	pool := s.table.Pool(plan.PriceClass, family)
	if pool.Empty() || family == pick.IPv6 && !plan.IPv6 {
		d.Ranking = s.table.Rank(d.Place.point(), plan.PriceClass, family, plan.ID, netip.Prefix{})
		return d, fmt.Errorf("%s, %s: %w", name, plan.PriceClass, ErrNoEdge)
	}
	d.At = s.table.At(d.Place.point(), plan.PriceClass, family)
	choice, _, shared := s.choose(e, pool, plan, from)
	e.Scope = shared
	d.Ranking = s.table.Rank(d.Place.point(), plan.PriceClass, family, plan.ID, choice.Block)
	d.Overflow, d.Degraded = pool.Overflow, pool.Degraded
	d.POP, d.Nodes, d.Block = choice.Site.POP, choice.Nodes(s.most), choice.Block
	d.Node = d.Nodes[0]
	d.Addr = family.Of(d.Node)
	if choice.From != nil {
		d.From = choice.From.Code
	}
	return d, nil
}
