package router

import (
	"bytes"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/ratelimit"
)

// absent reports whether the name of a common query does not exist in the network's own
// zone. False is for what it cannot tell as well: names with an underscore may be those of
// services, and where the apex has capitals, or the question ends in a name that
// the SOA holds too, the library compresses the answer in another way.
func (s *snapshot) absent(c *common, packet []byte) bool {
	name, apex := c.FQDN(), s.zones[0].apex
	above := len(name) - len(apex)
	if s.state == nil || above < 2 || name[0] == '_' || name[above-1] != '.' || string(name[above:]) != apex {
		return false
	}
	if ends(name[:above], "ns1.") || ends(name[:above], "hostmaster.") {
		return false
	}
	if bytes.HasPrefix(name, []byte("pop-")) {
		return false // a distribution at one POP, perhaps
	}
	for _, b := range c.AsAsked(packet, len(apex)+1) {
		if b >= 'A' && b <= 'Z' {
			return false
		}
	}
	z := s.zones[0]
	return z.names[string(name)] == nil && !z.before[string(name)] && !s.before[string(name)]
}

func ends(name []byte, with string) bool {
	return len(name) >= len(with) && string(name[len(name)-len(with):]) == with
}

// respondAbsent answers a query for a name that does not exist. Most of a flood are such,
// and most answers to it are never sent.
func (r *Router) respondAbsent(s *snapshot, c *common, packet []byte, from netip.Addr, proto Proto, buf []byte) []byte {
	if c.HasSubnet() && !s.server.trusts(from.Unmap()) {
		c.ForgetSubnet()
	}
	if r.limits != nil && proto == UDP {
		c.judged, c.verdict = true, r.limits.Charge(from, dns.RcodeNameError, c.now)
		if c.verdict != ratelimit.Send {
			return nil
		}
	}
	z := s.zones[0]
	if c.DO && z.signing != nil {
		return nil // a denial takes the longer way
	}
	i := 0
	if c.Type == dns.TypeAAAA {
		i = 1
	}
	r.metrics.absent[proto][i].Inc()
	// On the wire a name has a byte more than in text: that of its first length.
	return c.Absent(buf[:0], packet, len(z.apex)+1, ttlNegative,
		[...]uint32{uint32(s.state.Version.Number), z.soa.Refresh, z.soa.Retry, z.soa.Expire, z.soa.Minttl})
}
