package router

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/hosted"
	"github.com/warmfront/warmfront/router/pick"
)

// Hosted zones are made by Route 53's API and are in the journal. In them exists what
// they have record sets for, and an alias of a distribution is answered where a record
// set says so, as at Route 53: that the distribution has the alias is not enough.

// withHosted returns the zones of the configuration and those of a state. One of
// --zone-for-aliases that is hosted, too, is what is hosted; the network's own cannot
// be, control refuses it. Configured are all that the configuration gives.
func (r *Router) withHosted(state *cdn.State, configured zones, before *snapshot) zones {
	all, own := slices.Clone(configured), configured[0].apex
	if state == nil {
		return all
	}
	for _, res := range state.ResourcesOf(cdn.ResourceHostedZone) {
		z := before.hosted(res)
		if z == nil {
			var err error
			if z, err = r.hostedZone(res); err != nil {
				r.cfg.Logger.Error("a hosted zone is not served", "zone", res.Name, "err", err)
				continue
			}
		}
		if dns.IsSubDomain(own, z.apex) || dns.IsSubDomain(z.apex, own) {
			r.cfg.Logger.Warn("a hosted zone is not served: it overlaps the network's own", "zone", res.Name)
			continue
		}
		if above := configured.of(z.apex); above != nil && above.signing != nil {
			// Its answers would have no signature, and nothing that says that they need none.
			r.cfg.Logger.Error("a hosted zone is not served: hosted zones are not signed, and it is in one that is", "zone", res.Name, "signed", above.apex)
			continue
		}
		all = slices.DeleteFunc(all, func(o *zone) bool { return o.apex == z.apex })
		all = append(all, z)
	}
	return all
}

// hosted returns the zone that was made of a resource before, nil if it was not:
// resources are immutable, so that one pointer is one zone.
func (s *snapshot) hosted(res *cdn.Resource) *zone {
	for _, z := range s.zones {
		if z.resource == res {
			return z
		}
	}
	return nil
}

// hostedZone makes a zone of its resource.
func (r *Router) hostedZone(res *cdn.Resource) (*zone, error) {
	doc, err := account.ParseZone(res.Document)
	if err != nil {
		return nil, err
	}
	cfg := r.cfg
	cfg.CAA = nil
	z, err := emptyZone(cfg, &dnssec.Signer{}, dns.Fqdn(res.Name))
	if err != nil {
		return nil, err
	}
	z.resource = res
	z.hosted, err = hosted.New(z.apex, doc)
	return z, err
}

// aliasOf returns the distribution as which a name of a hosted zone is answered to a
// question of a type, nil for none.
func (s *snapshot) aliasOf(z *zone, name string, qtype uint16) *cdn.Plan {
	found, _ := z.hosted.Find(name)
	target := found.Aliases[qtype]
	if target == "" || s.state == nil {
		return nil
	}
	if p := s.state.PlanFor(target); p != nil && p.Domain == target {
		return p
	}
	return nil // deleted since
}

// resolveHosted fills in the answer to the question of p for a name in a hosted zone.
func (s *snapshot) resolveHosted(p *reply, z *zone, name string, from netip.Addr) {
	r, e := p.msg, &p.edns
	q := r.Question[0]
	r.Authoritative = true
	found, exists := z.hosted.Find(name)
	switch {
	case !exists:
		r.Rcode = dns.RcodeNameError
	case q.Qtype == dns.TypeANY:
		r.Answer = []dns.RR{minimalANY(q.Name)}
	case q.Qtype == dns.TypeSOA && name == z.apex:
		r.Answer = []dns.RR{s.soa(z, q.Name)}
	case len(z.names[name][q.Qtype]) > 0: // of every zone
		s.answerHeld(r, z.names[name][q.Qtype])
	case len(found.Records[q.Qtype]) > 0:
		s.answerHeld(r, found.Records[q.Qtype])
	case len(found.Records[dns.TypeCNAME]) > 0:
		s.answerHeld(r, found.Records[dns.TypeCNAME])
	default:
		plan := s.aliasOf(z, name, q.Qtype)
		switch {
		case plan == nil:
		case q.Qtype == dns.TypeHTTPS:
			p.trace = s.answerHTTPS(r, e, plan, standardHTTPS, from)
		default:
			p.trace = s.steer(r, e, plan, from, "")
		}
	}
	s.negative(r, z)
}

// typeOf is the type of question that asks for addresses of a family.
func typeOf(f pick.Family) uint16 {
	if f == pick.IPv6 {
		return dns.TypeAAAA
	}
	return dns.TypeA
}

// sameHosted reports whether two states have the same hosted zones.
func sameHosted(a, b *cdn.State) bool {
	return maps.Equal(a.ResourcesOf(cdn.ResourceHostedZone), b.ResourcesOf(cdn.ResourceHostedZone))
}
