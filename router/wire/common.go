package wire

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/transport"
)

// The sizes and offsets of the wire format (RFC 1035, section 4.1; RFC 6891, section
// 6.1.2).
const (
	headerSize   = 12
	maxName      = 255
	maxLabel     = 63
	optFixed     = 11 // root, type, class, TTL, length
	subnetHeader = 4  // family, source and scope prefix lengths
)

// Limits of answers to common queries.
const (
	// MostBytes is the longest, for that is what everybody takes by UDP. It has room for
	// the SOA of a name that does not exist. Who wants signatures may take more.
	MostBytes = dns.MinMsgSize
	// MostAddresses is how many one has at most.
	MostAddresses = 8
)

// Common is a query of the kind that nearly all are: one question for an address
// in class IN, and at most an OPT with at most a client subnet. Its fields are
// positions in the packet, so that nothing is copied.
type Common struct {
	question int // where the question ends
	// Type is that of the question, A or AAAA.
	Type   uint16
	edns   bool
	DO, CO bool   // see EDNS
	Size   int    // of the answer at most, by UDP, in bytes
	subnet []byte // the data of the option, nil for none
	// Viewer is the network of the option, see EDNS.
	Viewer netip.Prefix
	// name is the canonical name with its final dot.
	name   [maxName]byte
	length int // of it without the dot
}

// Name is the canonical name of the question without its final dot. It is c's own: who
// changes it puts it back.
func (c *Common) Name() []byte { return c.name[:c.length] }

// FQDN is Name with the final dot.
func (c *Common) FQDN() []byte { return c.name[:c.length+1] }

// HasSubnet reports whether a client subnet was sent and is to be answered.
func (c *Common) HasSubnet() bool { return c.subnet != nil }

// ForgetSubnet has the client subnet not be looked at, and left out of the answer.
func (c *Common) ForgetSubnet() { c.subnet, c.Viewer = nil, netip.Prefix{} }

// AsAsked returns the last n bytes of the name of the question as they are in the packet: n is
// what a domain above it takes on the wire, its root included.
func (c *Common) AsAsked(packet []byte, n int) []byte { return packet[c.question-4-n : c.question-4] }

// Read reports whether a packet is a common query. Everything else, whatever is wrong
// or unusual, is for those who look closer.
func (c *Common) Read(packet []byte) bool {
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
	c.Type = binary.BigEndian.Uint16(packet[at:])
	if c.Type != dns.TypeA && c.Type != dns.TypeAAAA || binary.BigEndian.Uint16(packet[at+2:]) != dns.ClassINET {
		return false
	}
	c.question = at + 4
	c.edns, c.DO, c.CO, c.Size, c.subnet, c.Viewer = false, false, false, dns.MinMsgSize, nil, netip.Prefix{}
	if packet[11] == 0 {
		return len(packet) == c.question
	}
	return c.readOPT(packet[c.question:])
}

// readName reads the name of the question and returns where it ends, 0 for one that
// is not plain letters, digits, hyphens and underscores.
func (c *Common) readName(packet []byte) (end int) {
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
func (c *Common) readOPT(opt []byte) bool {
	if len(opt) < optFixed || opt[0] != 0 || binary.BigEndian.Uint16(opt[1:]) != dns.TypeOPT ||
		opt[5] != 0 || opt[6] != 0 || int(binary.BigEndian.Uint16(opt[9:])) != len(opt)-optFixed {
		return false
	}
	c.edns, c.DO, c.CO = true, opt[7]&0x80 != 0, opt[7]&0x40 != 0
	c.Size = min(max(int(binary.BigEndian.Uint16(opt[3:])), dns.MinMsgSize), transport.UDPSize)
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

// readSubnet checks the option as EDNS.readSubnet does.
func (c *Common) readSubnet() bool {
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
		c.Viewer = netip.PrefixFrom(netip.AddrFrom4(b), source)
		return true
	}
	var b [16]byte
	if source > 128 {
		return false
	}
	copy(b[:], address)
	c.Viewer = netip.PrefixFrom(netip.AddrFrom16(b), source)
	return true
}

// recordSize is the most that one address takes of an answer: of what Answer writes before the
// address, and 16 bytes.
const recordSize = 12 + 16

// Fits reports whether an answer with n addresses has at most MostBytes.
func (c *Common) Fits(n int) bool {
	return c.question+n*recordSize+optFixed+4+len(c.subnet) <= MostBytes
}

// Answer writes the answer with addresses of the type asked for, their signatures, if there are any, and
// the scope of the client subnet, behind out.
func (c *Common) Answer(out, packet []byte, addrs []netip.Addr, signatures []dnssec.Signature, ttl uint8, scope uint8) []byte {
	out = c.header(out, packet, dns.RcodeSuccess, byte(len(addrs)+len(signatures)), 0)
	for _, a := range addrs {
		out = c.record(append(out, 0xc0, headerSize), a, ttl)
	}
	for i := range signatures {
		data := signatures[i].Data
		out = append(out, 0xc0, headerSize, 0, byte(dns.TypeRRSIG), 0, dns.ClassINET, 0, 0, 0, ttl, byte(len(data)>>8), byte(len(data)))
		out = append(out, data...)
	}
	return c.opt(out, scope, c.CO && signatures != nil)
}

// Absent writes the answer that the name does not exist, behind out: with the SOA of the zone whose
// apex is the last n bytes of the name, root included, and whose primary is ns1 and whose
// mailbox is hostmaster there. Numbers are those of the SOA, from the serial on.
func (c *Common) Absent(out, packet []byte, n int, ttl uint8, numbers [5]uint32) []byte {
	out = c.header(out, packet, dns.RcodeNameError, 0, 1)
	at := c.question - 4 - n
	high, low := 0xc0|byte(at>>8), byte(at)
	const dataSize = 4 + 2 + 11 + 2 + 20
	out = append(out, high, low, 0, byte(dns.TypeSOA), 0, dns.ClassINET, 0, 0, 0, ttl, 0, dataSize)
	out = append(append(out, "\x03ns1"...), high, low)
	out = append(append(out, "\x0ahostmaster"...), high, low)
	for _, v := range numbers {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return c.opt(out, 0, false)
}

// record writes the record of an address behind its owner.
func (c *Common) record(out []byte, a netip.Addr, ttl uint8) []byte {
	out = append(out, byte(c.Type>>8), byte(c.Type), 0, dns.ClassINET, 0, 0, 0, ttl)
	if c.Type == dns.TypeA {
		b := a.As4()
		return append(append(out, 0, 4), b[:]...)
	}
	b := a.As16()
	return append(append(out, 0, 16), b[:]...)
}

// Kept returns the signatures that a zone keeps of an answer with such addresses, nil where there are
// none yet: those of its canonical form (dnssec.Canonical).
func (c *Common) Kept(z *dnssec.Zone, packet []byte, addrs []netip.Addr, ttl uint8, use dnssec.Use, now time.Time) []dnssec.Signature {
	var name [maxName]byte
	owner := append(name[:0], packet[headerSize:c.question-4]...)
	for i, b := range owner { // a length is never a letter
		if b >= 'A' && b <= 'Z' {
			owner[i] = b + 'a' - 'A'
		}
	}
	var sorted [MostAddresses]netip.Addr
	order := append(sorted[:0], addrs...)
	slices.SortFunc(order, netip.Addr.Compare)
	var canonical [MostAddresses * (maxName + 10 + 16)]byte
	out := canonical[:0]
	for _, a := range order {
		out = c.record(append(out, owner...), a, ttl)
	}
	return z.Kept(out, use, now)
}

// header begins an answer: the header and the question.
func (c *Common) header(out, packet []byte, rcode, answers, authority byte) []byte {
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
func (c *Common) opt(out []byte, scope uint8, compact bool) []byte {
	if !c.edns {
		return out
	}
	do, length := byte(0), 0
	if c.DO {
		do = 0x80
	}
	if compact {
		do |= 0x40
	}
	if c.subnet != nil {
		length = 4 + len(c.subnet)
	}
	out = append(out, 0, 0, byte(dns.TypeOPT), transport.UDPSize>>8, transport.UDPSize&0xff, 0, 0, do, 0, byte(length>>8), byte(length))
	if c.subnet == nil {
		return out
	}
	out = append(out, 0, dns.EDNS0SUBNET, 0, byte(len(c.subnet)))
	at := len(out)
	out = append(out, c.subnet...)
	out[at+3] = scope
	return out
}
