package router

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/ratelimit"
	"github.com/warmfront/warmfront/router/wire"
)

// common is a common query and what becomes of it.
type common struct {
	wire.Common
	// now is when the packet was read.
	now time.Time
	// verdict is what the limits say, once they have been asked. The fast path only
	// sends what they let through.
	judged  bool
	verdict ratelimit.Verdict
	trace   trace // of what was answered
}

// respondCommon answers a common query in buf, which holds wire.MostBytes bytes: with the very
// bytes that answer, by way of the library, would. Nil is a packet that it
// leaves to answer. It allocates nothing and waits for nothing.
func (r *Router) respondCommon(s *snapshot, c *common, packet []byte, from netip.Addr, proto Proto, buf []byte) []byte {
	if !c.Read(packet) {
		return nil
	}
	t := s.index.find(c.Name())
	if t == nil {
		if s.absent(c, packet) {
			return r.respondAbsent(s, c, packet, from, proto, buf)
		}
		return nil
	}
	family := pick.IPv4
	if c.Type == dns.TypeAAAA {
		if family = pick.IPv6; !t.plan.IPv6 {
			return nil
		}
	}
	pool := s.table.Pool(t.plan.PriceClass, family)
	if pool.Empty() {
		return nil
	}
	if c.HasSubnet() && !s.server.trusts(from.Unmap()) {
		c.ForgetSubnet()
	}
	if r.limits != nil && proto == UDP {
		c.judged, c.verdict = true, r.limits.judgeCommon(c, from, c.now)
		if c.verdict != ratelimit.Send {
			return nil
		}
	}
	e := wire.EDNS{Viewer: c.Viewer}
	choice, outcome, scope := s.choose(&e, pool, t.plan, from)
	addrs := choice.Addresses(family, s.most)
	if !c.Fits(len(addrs.All())) {
		return nil
	}
	var signatures []dnssec.Signature
	if c.DO && t.signing != nil {
		// What is not signed yet takes the longer way, which keeps the signature.
		if signatures = c.Kept(t.signing, packet, addrs.All(), ttlAddress, dnssec.Use{Invented: t.wildcard}, c.now); signatures == nil {
			return nil
		}
	}
	out := c.Answer(buf[:0], packet, addrs.All(), signatures, ttlAddress, scope)
	if len(out) > min(c.Size, wire.Unproven(len(packet))) && proto == UDP {
		return nil // a common query has no cookie
	}
	c.trace = trace{pop: choice.Site.Code, distribution: t.plan.ID, geo: outcome}
	r.metrics.observeCommon(t, choice.Site, outcome, c.Type, proto)
	return out
}
