package router

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/ratelimit"
)

// absent reports whether the name of a common query does not exist in the network's own
// zone. False is for what it cannot tell as well: names with an underscore may be those of
// services, and where the apex has capitals, or the question ends in a name that
// the SOA holds too, the library compresses the answer in another way.
func (s *snapshot) absent(c *common, packet []byte) bool {
	name, apex := c.name[:c.length+1], s.zones[0].apex
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
	for _, b := range packet[c.apex(apex) : c.question-4] {
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

// apex returns where in the packet the apex of the name begins. On the wire a name
// has a byte more than in text: that of its first length.
func (c *common) apex(apex string) int { return c.question - 4 - (len(apex) + 1) }

// respondAbsent answers a query for a name that does not exist. Most of a flood are such,
// and most answers to it are never sent.
func (r *Router) respondAbsent(s *snapshot, c *common, packet []byte, from netip.Addr, proto Proto, buf []byte) []byte {
	if c.subnet != nil && !s.server.trusts(from.Unmap()) {
		c.subnet, c.viewer = nil, netip.Prefix{}
	}
	if r.limits != nil && proto == UDP {
		c.judged, c.verdict = true, r.limits.Charge(from, dns.RcodeNameError, c.now)
		if c.verdict != ratelimit.Send {
			return nil
		}
	}
	z := s.zones[0]
	if c.do && z.signing != nil {
		return nil // a denial takes the longer way
	}
	i := 0
	if c.qtype == dns.TypeAAAA {
		i = 1
	}
	r.metrics.absent[proto][i].Inc()
	out := c.header(buf[:0], packet, dns.RcodeNameError, 0, 1)
	at := c.apex(z.apex)
	high, low := 0xc0|byte(at>>8), byte(at)
	const dataSize = 4 + 2 + 11 + 2 + 20
	out = append(out, high, low, 0, byte(dns.TypeSOA), 0, dns.ClassINET, 0, 0, 0, ttlNegative, 0, dataSize)
	out = append(append(out, "\x03ns1"...), high, low)
	out = append(append(out, "\x0ahostmaster"...), high, low)
	for _, v := range [...]uint32{uint32(s.state.Version.Number), z.soa.Refresh, z.soa.Retry, z.soa.Expire, z.soa.Minttl} {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return c.opt(out, 0, false)
}
