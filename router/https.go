package router

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/health"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/svcb"
	"github.com/warmfront/warmfront/router/wire"
)

// standardHTTPS is the port that HTTPS records at a name itself are about.
const standardHTTPS = 443

// otherPorts are the ports beside 443 at which edges speak HTTPS.
func otherPorts(edges []health.Edge) map[uint16]bool {
	ports := map[uint16]bool{}
	for _, e := range edges {
		if n := e.Node; n.HTTPSPort != 0 && n.HTTPSPort != standardHTTPS {
			ports[n.HTTPSPort] = true
		}
	}
	return ports
}

// service returns the distribution that a name of svcb.Prefix's form belongs to,
// nil where it does not exist.
func (s *snapshot) service(name string) (plan *cdn.Plan, port uint16) {
	if name == "" || name[0] != '_' || s.state == nil {
		return nil, 0
	}
	port, rest, ok := svcb.Prefix(name)
	if !ok || port == 0 && len(s.ports) == 0 || port != 0 && !s.ports[port] {
		return nil, 0
	}
	z := s.zones.of(rest)
	if z == nil || z.hosted != nil {
		return nil, 0
	}
	plan, _ = s.plan(rest, z.names[rest])
	return plan, port
}

// answerHTTPS answers with how the edge for the viewer is spoken to (RFC 9460): by
// which protocols, at which port, and with the addresses that A and AAAA have, so
// that one question does for three. Port is that of the question, 443 for the
// name itself.
func (s *snapshot) answerHTTPS(r *dns.Msg, e *wire.EDNS, plan *cdn.Plan, port uint16, from netip.Addr) (t trace) {
	var addrs [2][]netip.Addr
	var at uint16 // the port of the edge
	for _, family := range []pick.Family{pick.IPv4, pick.IPv6} {
		pool := s.table.Pool(plan.PriceClass, family)
		if family == pick.IPv6 && !plan.IPv6 || pool.Empty() {
			continue
		}
		choice, outcome, scope := s.choose(e, pool, plan, from)
		for _, node := range choice.Nodes(s.most) {
			if at != 0 && node.HTTPSPort != at {
				continue // the record has but one port
			}
			at, addrs[family] = node.HTTPSPort, append(addrs[family], family.Of(node))
		}
		if addrs[family] != nil {
			t, e.Scope = trace{pop: choice.Site.Code, distribution: plan.ID, geo: outcome}, max(e.Scope, scope)
		}
	}
	if at == 0 || port != standardHTTPS && at != port {
		if s.table.Pool(plan.PriceClass, pick.IPv4).Empty() && s.table.Pool(plan.PriceClass, pick.IPv6).Empty() {
			r.Authoritative = false
			e.NotReady(r, "no edge is registered in "+plan.PriceClass.String())
		}
		return trace{}
	}
	owner := r.Question[0].Name
	rr := &dns.HTTPS{SVCB: dns.SVCB{Hdr: header(dns.TypeHTTPS, ttlAddress), Priority: 1, Target: "."}}
	rr.Hdr.Name = owner
	if port != standardHTTPS {
		// Two labels below the name that has the addresses.
		skip, _ := dns.NextLabel(owner, 0)
		skip, _ = dns.NextLabel(owner, skip)
		// In small letters, so that it is signed once.
		rr.Target = dns.CanonicalName(owner[skip:])
	}
	rr.Value = svcb.Parameters(plan.HTTPVersion, at, port, addrs[pick.IPv4], addrs[pick.IPv6])
	r.Answer = []dns.RR{rr}
	r.Extra = append(r.Extra, s.addresses(rr.Target, owner, addrs)...)
	return t
}

// addresses are those of a record's target, for the additional section (RFC 9460,
// section 4.1).
func (s *snapshot) addresses(target, owner string, addrs [2][]netip.Addr) (out []dns.RR) {
	if target == "." {
		target = owner
	}
	for _, a := range slices.Concat(addrs[pick.IPv4], addrs[pick.IPv6]) {
		rr := addressRecord(a, ttlAddress)
		rr.Header().Name = target
		out = append(out, rr)
	}
	return out
}
