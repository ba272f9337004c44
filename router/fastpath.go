package router

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/ratelimit"
)

// The sizes and offsets of the wire format (RFC 1035, section 4.1; RFC 6891, section
// 6.1.2).
const (
	headerSize   = 12
	maxName      = 255
	maxLabel     = 63
	optFixed     = 11 // root, type, class, TTL, length
	subnetHeader = 4  // family, source and scope prefix lengths
	// fastMost is the longest answer of the fast path, for that is what everybody takes by
	// UDP. It has room for the SOA of a name that does not exist. Who wants signatures may
	// take more.
	fastMost = dns.MinMsgSize
	// mostAddresses is how many one answer has at most (Config.Addresses).
	mostAddresses = 8
)

// common is a query of the kind that nearly all are: one question for an address
// in class IN, and at most an OPT with at most a client subnet. Its fields are
// positions in the packet, so that nothing is copied.
type common struct {
	question int // where the question ends
	qtype    uint16
	edns     bool
	do, co   bool   // see edns
	size     int    // of the answer at most, by UDP
	subnet   []byte // the data of the option, nil for none
	viewer   netip.Prefix
	// name is the canonical name without its final dot.
	name   [maxName]byte
	length int
	// now is when the packet was read.
	now time.Time
	// verdict is what the limits say, once they have been asked. The fast path only
	// sends what they let through.
	judged  bool
	verdict ratelimit.Verdict
	trace   trace // of what was answered
}

// read reports whether a packet is a common query. Everything else, whatever is wrong
// or unusual, is for those who look closer.
func (c *common) read(packet []byte) bool {
	// An opcode of QUERY, one question, no records but one additional at most. What
	// the other bits say does not matter.
	if len(packet) < headerSize+5 || packet[2]&0xf8 != 0 || packet[4] != 0 || packet[5] != 1 ||
		binary.BigEndian.Uint32(packet[6:]) != 0 || packet[10] != 0 || packet[11] > 1 {
		return false
	}
	at := c.readName(packet)
	if at == 0 || len(packet) < at+4 {
		return false
	}
	c.qtype = binary.BigEndian.Uint16(packet[at:])
	if c.qtype != dns.TypeA && c.qtype != dns.TypeAAAA || binary.BigEndian.Uint16(packet[at+2:]) != dns.ClassINET {
		return false
	}
	c.question = at + 4
	c.edns, c.do, c.co, c.size, c.subnet, c.viewer = false, false, false, dns.MinMsgSize, nil, netip.Prefix{}
	if packet[11] == 0 {
		return len(packet) == c.question
	}
	return c.readOPT(packet[c.question:])
}

// readName reads the name of the question and returns where it ends, 0 for one that
// is not plain letters, digits, hyphens and underscores.
func (c *common) readName(packet []byte) (end int) {
	at, n := headerSize, 0
	for {
		if at >= len(packet) {
			return 0
		}
		length := int(packet[at])
		at++
		if length == 0 {
			break
		}
		if length > maxLabel || at+length > len(packet) || n+length+1 >= maxName {
			return 0
		}
		for _, b := range packet[at : at+length] {
			switch {
			case b >= 'A' && b <= 'Z':
				b += 'a' - 'A'
			case b >= 'a' && b <= 'z', b >= '0' && b <= '9', b == '-', b == '_':
			default:
				return 0
			}
			c.name[n] = b
			n++
		}
		c.name[n] = '.'
		n++
		at += length
	}
	// Names with an underscore first are about other names.
	if n == 0 || c.name[0] == '_' {
		return 0
	}
	c.length = n - 1
	return at
}

// readOPT reads what follows the question: an OPT of version 0 and nothing else.
func (c *common) readOPT(opt []byte) bool {
	if len(opt) < optFixed || opt[0] != 0 || binary.BigEndian.Uint16(opt[1:]) != dns.TypeOPT ||
		opt[5] != 0 || opt[6] != 0 || int(binary.BigEndian.Uint16(opt[9:])) != len(opt)-optFixed {
		return false
	}
	c.edns, c.do, c.co = true, opt[7]&0x80 != 0, opt[7]&0x40 != 0
	c.size = min(max(int(binary.BigEndian.Uint16(opt[3:])), dns.MinMsgSize), udpSize)
	options := opt[optFixed:]
	if len(options) == 0 {
		return true
	}
	if len(options) < 4+subnetHeader || binary.BigEndian.Uint16(options) != dns.EDNS0SUBNET ||
		int(binary.BigEndian.Uint16(options[2:])) != len(options)-4 {
		return false
	}
	c.subnet = options[4:]
	return c.readSubnet()
}

// readSubnet checks the option as edns.readSubnet does.
func (c *common) readSubnet() bool {
	family, source, scope, address := binary.BigEndian.Uint16(c.subnet), int(c.subnet[2]), c.subnet[3], c.subnet[subnetHeader:]
	if scope != 0 || len(address) != (source+7)/8 || family != 1 && family != 2 {
		return false
	}
	if source == 0 {
		return true
	}
	if n := len(address); source%8 != 0 && address[n-1]<<(source%8) != 0 {
		return false
	}
	if family == 1 {
		var b [4]byte
		if source > 32 {
			return false
		}
		copy(b[:], address)
		c.viewer = netip.PrefixFrom(netip.AddrFrom4(b), source)
		return true
	}
	var b [16]byte
	if source > 128 {
		return false
	}
	copy(b[:], address)
	c.viewer = netip.PrefixFrom(netip.AddrFrom16(b), source)
	return true
}

// respondCommon answers a common query in buf, which holds fastMost bytes: with the very
// bytes that answer, by way of the library, would. Nil is a packet that it
// leaves to answer. It allocates nothing and waits for nothing.
func (r *Router) respondCommon(s *snapshot, c *common, packet []byte, from netip.Addr, proto Proto, buf []byte) []byte {
	if !c.read(packet) {
		return nil
	}
	t := s.index.find(c.name[:c.length])
	if t == nil {
		if s.absent(c, packet) {
			return r.respondAbsent(s, c, packet, from, proto, buf)
		}
		return nil
	}
	family := pick.IPv4
	if c.qtype == dns.TypeAAAA {
		if family = pick.IPv6; !t.plan.IPv6 {
			return nil
		}
	}
	pool := s.table.Pool(t.plan.PriceClass, family)
	if pool.Empty() {
		return nil
	}
	if c.subnet != nil && !s.server.trusts(from.Unmap()) {
		c.subnet, c.viewer = nil, netip.Prefix{}
	}
	if r.limits != nil && proto == UDP {
		c.judged, c.verdict = true, r.limits.judgeCommon(c, from, c.now)
		if c.verdict != ratelimit.Send {
			return nil
		}
	}
	e := edns{viewer: c.viewer}
	choice, outcome, scope := s.choose(&e, pool, t.plan, from)
	addrs := choice.Addresses(family, s.most)
	const record = 12 + 16
	if c.question+len(addrs.All())*record+optFixed+4+len(c.subnet) > fastMost {
		return nil
	}
	var signatures []dnssec.Signature
	if c.do && t.signing != nil {
		// What is not signed yet takes the longer way, which keeps the signature.
		if signatures = c.kept(t, packet, addrs.All(), c.now); signatures == nil {
			return nil
		}
	}
	out := c.write(buf[:0], packet, addrs.All(), signatures, scope)
	if len(out) > c.size && proto == UDP {
		return nil
	}
	c.trace = trace{pop: choice.Site.Code, distribution: t.plan.ID, geo: outcome}
	r.metrics.observeCommon(t, choice.Site, outcome, c.qtype, proto)
	return out
}

// write makes the answer.
func (c *common) write(out, packet []byte, addrs []netip.Addr, signatures []dnssec.Signature, scope uint8) []byte {
	out = c.header(out, packet, dns.RcodeSuccess, byte(len(addrs)+len(signatures)), 0)
	for _, a := range addrs {
		out = c.record(append(out, 0xc0, headerSize), a)
	}
	for i := range signatures {
		data := signatures[i].Data
		out = append(out, 0xc0, headerSize, 0, byte(dns.TypeRRSIG), 0, dns.ClassINET, 0, 0, 0, ttlAddress, byte(len(data)>>8), byte(len(data)))
		out = append(out, data...)
	}
	return c.opt(out, scope, c.co && signatures != nil)
}

// record writes the record of an address behind its owner.
func (c *common) record(out []byte, a netip.Addr) []byte {
	out = append(out, byte(c.qtype>>8), byte(c.qtype), 0, dns.ClassINET, 0, 0, 0, ttlAddress)
	if c.qtype == dns.TypeA {
		b := a.As4()
		return append(append(out, 0, 4), b[:]...)
	}
	b := a.As16()
	return append(append(out, 0, 16), b[:]...)
}

// kept returns the signatures of the answer, if there are any yet: those of its canonical
// form (dnssec.Canonical).
func (c *common) kept(t *target, packet []byte, addrs []netip.Addr, now time.Time) []dnssec.Signature {
	var name [maxName]byte
	owner := append(name[:0], packet[headerSize:c.question-4]...)
	for i, b := range owner { // a length is never a letter
		if b >= 'A' && b <= 'Z' {
			owner[i] = b + 'a' - 'A'
		}
	}
	var sorted [mostAddresses]netip.Addr
	order := append(sorted[:0], addrs...)
	slices.SortFunc(order, netip.Addr.Compare)
	var canonical [mostAddresses * (maxName + 10 + 16)]byte
	out := canonical[:0]
	for _, a := range order {
		out = c.record(append(out, owner...), a)
	}
	return t.signing.Kept(out, dnssec.Use{Invented: t.wildcard}, now)
}

// header begins an answer: the header and the question.
func (c *common) header(out, packet []byte, rcode, answers, authority byte) []byte {
	const response, authoritative, recursionDesired = 0x80, 0x04, 0x01
	additional := byte(0)
	if c.edns {
		additional = 1
	}
	out = append(out, packet[0], packet[1], response|authoritative|packet[2]&recursionDesired,
		rcode, 0, 1, 0, answers, 0, authority, 0, additional)
	return append(out, packet[headerSize:c.question]...)
}

// opt ends an answer with the OPT, if one was sent.
func (c *common) opt(out []byte, scope uint8, compact bool) []byte {
	if !c.edns {
		return out
	}
	do, length := byte(0), 0
	if c.do {
		do = 0x80
	}
	if compact {
		do |= 0x40
	}
	if c.subnet != nil {
		length = 4 + len(c.subnet)
	}
	out = append(out, 0, 0, byte(dns.TypeOPT), udpSize>>8, udpSize&0xff, 0, 0, do, 0, byte(length>>8), byte(length))
	if c.subnet == nil {
		return out
	}
	out = append(out, 0, dns.EDNS0SUBNET, 0, byte(len(c.subnet)))
	at := len(out)
	out = append(out, c.subnet...)
	out[at+3] = scope
	return out
}
