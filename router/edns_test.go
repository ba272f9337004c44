package router

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo"
)

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// wireAnswer answers a message as it comes over the wire.
func wireAnswer(t testing.TB, r *Router, packet []byte, proto Proto) *dns.Msg {
	t.Helper()
	out := r.respond(packet, viewer(t, "FRA"), proto, nil, r.cfg.Now())
	if out == nil {
		return nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(out); err != nil {
		t.Fatalf("the answer does not parse: %v\n%x", err, out)
	}
	return m
}

func pack(t testing.TB, q *dns.Msg) []byte {
	t.Helper()
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// subnetOption is a raw client subnet option.
func subnetOption(family, source, scope byte, address ...byte) *dns.EDNS0_LOCAL {
	return &dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: append([]byte{0, family, source, scope}, address...)}
}

func withOptions(q *dns.Msg, options ...dns.EDNS0) *dns.Msg {
	q.SetEdns0(1232, false)
	q.IsEdns0().Option = options
	return q
}

// popOf is the POP whose edge a message names.
func popOf(m *dns.Msg) string {
	n := 0
	for _, rr := range m.Answer {
		switch a := rr.(type) {
		case *dns.A:
			n = int(a.A.To4()[1])
		case *dns.AAAA:
			n = int(a.AAAA[3])
		}
	}
	p, _ := geo.BundledCatalogue().ByNumber(n)
	return p.Code
}

func subnetOf(m *dns.Msg) *dns.EDNS0_SUBNET {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if s, ok := o.(*dns.EDNS0_SUBNET); ok {
				return s
			}
		}
	}
	return nil
}

// TestClientSubnet follows RFC 7871, sections 6, 7.1.2 and 7.2.1.
func TestClientSubnet(t *testing.T) {
	r := newRouter(t, nil)
	mark(r)
	const name = "dall.warmfront.test."
	for _, c := range []struct {
		title  string
		name   string
		qtype  uint16
		option *dns.EDNS0_LOCAL
		rcode  int
		pop    string // whose address is the answer; "" for none
		scope  uint8
	}{
		{"a /24 in a /20 of the data", name, dns.TypeA, subnetOption(1, 24, 0, 203, 0, 113), 0, "NRT", 20},
		{"the prefix itself", name, dns.TypeA, subnetOption(1, 20, 0, 203, 0, 112), 0, "NRT", 20},
		{"a lab network", name, dns.TypeA, subnetOption(1, 24, 0, 127, 120, 3), 0, "NRT", 16},
		{"longer data than asked", name, dns.TypeA, subnetOption(1, 25, 0, 198, 51, 100, 128), 0, "SYD", 25},
		{"one address", name, dns.TypeA, subnetOption(1, 32, 0, 203, 0, 113, 77), 0, "NRT", 20},
		{"a short prefix", name, dns.TypeA, subnetOption(1, 8, 0, 8), 0, "IAD", 6},
		{"odd bits", name, dns.TypeA, subnetOption(1, 21, 0, 203, 0, 112), 0, "NRT", 20},
		{"IPv6", name, dns.TypeA, subnetOption(2, 56, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0), 0, "GRU", 32},
		{"IPv6 for AAAA", name, dns.TypeAAAA, subnetOption(2, 48, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 1), 0, "GRU", 32},
		{"nobody knows it, and how far: the asking address, as far as asked", name, dns.TypeA, subnetOption(1, 24, 0, 192, 0, 2), 0, "FRA", 24},
		{"private: the asking address, within the private range", name, dns.TypeA, subnetOption(1, 24, 0, 192, 168, 7), 0, "FRA", 16},
		{"opted out: the asking address", name, dns.TypeA, subnetOption(1, 0, 0), 0, "FRA", 0},
		{"opted out, IPv6", name, dns.TypeA, subnetOption(2, 0, 0), 0, "FRA", 0},
		{"opted out, no family: dig +subnet=0", name, dns.TypeA, subnetOption(0, 0, 0), 0, "FRA", 0},

		{"does not depend on place: SOA", "warmfront.test.", dns.TypeSOA, subnetOption(1, 24, 0, 203, 0, 113), 0, "", 0},
		{"does not depend on place: ANY", name, dns.TypeANY, subnetOption(1, 24, 0, 203, 0, 113), 0, "", 0},
		{"does not depend on place: NODATA", name, dns.TypeTXT, subnetOption(1, 24, 0, 203, 0, 113), 0, "", 0},
		{"does not depend on place: NXDOMAIN", "nope.warmfront.test.", dns.TypeA, subnetOption(1, 24, 0, 203, 0, 113), dns.RcodeNameError, "", 0},
		{"REFUSED", "example.com.", dns.TypeA, subnetOption(1, 24, 0, 203, 0, 113), dns.RcodeRefused, "", 0},

		{"scope in a query", name, dns.TypeA, subnetOption(1, 24, 24, 203, 0, 113), dns.RcodeFormatError, "", 0},
		{"too few octets", name, dns.TypeA, subnetOption(1, 24, 0, 203, 0), dns.RcodeFormatError, "", 0},
		{"too many octets", name, dns.TypeA, subnetOption(1, 24, 0, 203, 0, 113, 0), dns.RcodeFormatError, "", 0},
		{"octets for an opt-out", name, dns.TypeA, subnetOption(1, 0, 0, 0), dns.RcodeFormatError, "", 0},
		{"bits beyond the prefix", name, dns.TypeA, subnetOption(1, 20, 0, 203, 0, 113), dns.RcodeFormatError, "", 0},
		{"prefix too long", name, dns.TypeA, subnetOption(1, 33, 0, 203, 0, 113, 0, 0), dns.RcodeFormatError, "", 0},
		{"IPv6 prefix too long", name, dns.TypeA, subnetOption(2, 129, 0, 1), dns.RcodeFormatError, "", 0},
		{"unknown family", name, dns.TypeA, subnetOption(3, 8, 0, 1), dns.RcodeFormatError, "", 0},
		{"no family, a prefix", name, dns.TypeA, subnetOption(0, 8, 0, 1), dns.RcodeFormatError, "", 0},
		{"cut off", name, dns.TypeA, &dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: []byte{0, 1}}, dns.RcodeFormatError, "", 0},
	} {
		t.Run(c.title, func(t *testing.T) {
			m := wireAnswer(t, r, pack(t, withOptions(question(c.name, c.qtype), c.option)), UDP)
			if m.Rcode != c.rcode {
				t.Fatalf("rcode %s, want %s", dns.RcodeToString[m.Rcode], dns.RcodeToString[c.rcode])
			}
			if got := popOf(m); got != c.pop {
				t.Errorf("answered %q, want %q", got, c.pop)
			}
			s := subnetOf(m)
			if c.rcode == dns.RcodeFormatError {
				if s != nil {
					t.Errorf("a malformed option comes back: %v", s)
				}
				return
			}
			if s == nil {
				t.Fatal("no client subnet option in the answer")
			}
			if s.Family != uint16(c.option.Data[1]) || s.SourceNetmask != c.option.Data[2] || s.SourceScope != c.scope {
				t.Errorf("got family %d, source %d, scope %d; want %d, %d, %d",
					s.Family, s.SourceNetmask, s.SourceScope, c.option.Data[1], c.option.Data[2], c.scope)
			}
			if sent := c.option.Data[4:]; !bytes.Contains(s.Address, sent) {
				t.Errorf("address %v, sent %v", s.Address, sent)
			}
		})
	}
}

// TestSubnetOfAnother: the asking address does not matter where a subnet is sent,
// and what is sent does not where only one edge can be answered.
func TestSubnetDecides(t *testing.T) {
	r := newRouter(t, nil)
	mark(r)
	q := withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, 113))
	for _, from := range []string{"127.64.9.9", "8.8.8.8", "2001:db8::1", "192.0.2.1"} {
		out := r.respond(pack(t, q), netip.MustParseAddr(from), UDP, nil, r.cfg.Now())
		m := new(dns.Msg)
		if err := m.Unpack(out); err != nil || popOf(m) != "NRT" {
			t.Errorf("asked by %s: %v %v", from, err, m)
		}
	}
	nrt, _ := geo.BundledCatalogue().ByCode("NRT")
	s := state(t, distributions(), []cdn.Node{edgeOf(nrt, 1)})
	r = newRouter(t, func(c *Config) { c.State = func() *cdn.State { return s } })
	if got := subnetOf(wireAnswer(t, r, pack(t, q), UDP)); got == nil || got.SourceScope != 0 {
		t.Errorf("one edge for all the world: %v, want scope 0", got)
	}
}

// TestScopeIsTrue: whatever address within the scope is asked about, the answer is
// the same.
func TestScopeIsTrue(t *testing.T) {
	r := newRouter(t, nil)
	mark(r)
	ask := func(a netip.Addr) (string, int) {
		b := a.As4()
		m := wireAnswer(t, r, pack(t, withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 32, 0, b[:]...))), UDP)
		return popOf(m), int(subnetOf(m).SourceScope)
	}
	for _, s := range []string{"203.0.113.9", "127.120.9.9", "8.8.8.8", "198.51.100.200", "192.168.3.3"} {
		a := netip.MustParseAddr(s)
		pop, scope := ask(a)
		prefix, err := a.Prefix(scope)
		if err != nil {
			t.Fatal(err)
		}
		first, last := prefix.Addr().As4(), prefix.Addr().As4()
		for bit := scope; bit < 32; bit++ {
			last[bit/8] |= 0x80 >> (bit % 8)
		}
		for _, b := range [][4]byte{first, last} {
			if p, sc := ask(netip.AddrFrom4(b)); p != pop || sc != scope {
				t.Errorf("%v is %s/%d, but %v in the same scope is %s/%d", a, pop, scope, netip.AddrFrom4(b), p, sc)
			}
		}
	}
}

// TestEDNS follows RFC 6891 and the checks of RFC 8906, section 8.2.
func TestEDNS(t *testing.T) {
	r := newRouter(t, nil)
	mark(r)
	soa := func(size uint16, do bool) *dns.Msg {
		return question("warmfront.test.", dns.TypeSOA).SetEdns0(size, do)
	}
	opt := func(m *dns.Msg) *dns.OPT {
		t.Helper()
		o := m.IsEdns0()
		if o == nil {
			t.Fatalf("no OPT: %v", m)
		}
		return o
	}
	m := wireAnswer(t, r, pack(t, soa(4096, true)), UDP)
	if o := opt(m); o.UDPSize() != 1232 || !o.Do() || o.Version() != 0 || len(o.Option) != 0 || len(m.Answer) != 1 {
		t.Errorf("plain: %v", m)
	}
	if o := opt(wireAnswer(t, r, pack(t, soa(512, false)), TCP)); o.Do() {
		t.Error("DO was not sent and comes back")
	}

	q := soa(1232, false)
	q.IsEdns0().SetVersion(1)
	m = wireAnswer(t, r, pack(t, withOptionsKept(q, subnetOption(1, 24, 0, 203, 0, 113))), UDP)
	if o := opt(m); m.Rcode != dns.RcodeBadVers || o.Version() != 0 || len(o.Option) != 0 || len(m.Answer) != 0 {
		t.Errorf("version 1: %v", m)
	}

	q = withOptions(question("warmfront.test.", dns.TypeSOA), &dns.EDNS0_LOCAL{Code: 100, Data: []byte("x")})
	q.IsEdns0().Hdr.Ttl |= 0x40 // an unknown flag
	m = wireAnswer(t, r, pack(t, q), UDP)
	if o := opt(m); m.Rcode != 0 || len(o.Option) != 0 || o.Hdr.Ttl&0xffff != 0 || len(m.Answer) != 1 {
		t.Errorf("unknown option and flag: %v", m)
	}

	q = soa(1232, false)
	q.Extra = append(q.Extra, q.Extra[0])
	if m = wireAnswer(t, r, pack(t, q), UDP); m.Rcode != dns.RcodeFormatError {
		t.Errorf("two OPT: %v", m)
	}
	q = soa(1232, false)
	q.IsEdns0().Hdr.Name = "warmfront.test."
	if m = wireAnswer(t, r, pack(t, q), UDP); m.Rcode != dns.RcodeFormatError {
		t.Errorf("an OPT that is not the root's: %v", m)
	}
	two := withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, 113), subnetOption(1, 24, 0, 198, 51, 100))
	if m = wireAnswer(t, r, pack(t, two), UDP); m.Rcode != dns.RcodeFormatError {
		t.Errorf("two subnets: %v", m)
	}

	plain := question("warmfront.test.", dns.TypeSOA)
	plain.CheckingDisabled, plain.AuthenticatedData, plain.Zero, plain.RecursionDesired = true, true, true, false
	m = wireAnswer(t, r, pack(t, plain), UDP)
	if m.CheckingDisabled || m.AuthenticatedData || m.Zero || m.RecursionDesired || m.RecursionAvailable || !m.Authoritative {
		t.Errorf("flags: %+v", m.MsgHdr)
	}
}

// TestForeignOptions: what is in options that are not looked at does not matter, nor what is in
// those of another version.
func TestForeignOptions(t *testing.T) {
	r := newRouter(t, nil)
	mark(r)
	subnet := subnetOption(1, 24, 0, 203, 0, 113)
	for _, o := range []*dns.EDNS0_LOCAL{
		{Code: dns.EDNS0ZONEVERSION}, // as a query has it
		{Code: dns.EDNS0EDE, Data: []byte{1}}, {Code: dns.EDNS0LLQ, Data: []byte{1}}, {Code: dns.EDNS0UL, Data: make([]byte, 8)},
		{Code: dns.EDNS0EXPIRE, Data: []byte{1}}, {Code: dns.EDNS0REPORTING, Data: []byte{0xff}}, {Code: dns.EDNS0PADDING, Data: make([]byte, 9)},
		{Code: 100, Data: []byte("x")},
	} {
		q := question("dall.warmfront.test.", dns.TypeA)
		q.Extra = append(q.Extra, &dns.TXT{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{"x"}})
		q.Compress = true
		packet := pack(t, withOptions(q, o, subnet, o))
		before := bytes.Clone(packet)
		m := wireAnswer(t, r, packet, UDP)
		if m.Rcode != dns.RcodeSuccess || popOf(m) != "NRT" || subnetOf(m) == nil || len(m.IsEdns0().Option) != 1 {
			t.Errorf("option %d: %v", o.Code, m)
		}
		if !bytes.Equal(packet, before) {
			t.Errorf("option %d: the packet was changed", o.Code)
		}
		q = withOptions(question("dall.warmfront.test.", dns.TypeA), o, subnetOption(1, 24, 0, 203))
		if m := wireAnswer(t, r, pack(t, q), UDP); m.Rcode != dns.RcodeFormatError {
			t.Errorf("option %d and a malformed subnet: %v", o.Code, m)
		}
		q.IsEdns0().SetVersion(1)
		if m := wireAnswer(t, r, pack(t, q), UDP); m.Rcode != dns.RcodeBadVers {
			t.Errorf("option %d of version 1: %v", o.Code, m)
		}
	}
}

func withOptionsKept(q *dns.Msg, o dns.EDNS0) *dns.Msg {
	q.IsEdns0().Option = append(q.IsEdns0().Option, o)
	return q
}

func TestTruncation(t *testing.T) {
	secret, from := []byte("a secret of this network, long enough"), netip.MustParseAddr("127.0.0.1")
	r := newRouter(t, func(c *Config) {
		c.NS, c.CookieSecret = nil, secret
		for i := range 13 {
			c.NS = append(c.NS, []netip.Addr{
				netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}), netip.MustParseAddr("fd77::53"),
			})
		}
	})
	mark(r)
	for _, c := range []struct {
		title, name string
		qtype       uint16
		size        int // 0 for no EDNS
		proto       Proto
		answers     int
		glue        bool
		truncated   bool
		proven      bool // by a cookie
	}{
		{"glue that does not fit is left out, not truncated", "warmfront.test.", dns.TypeNS, 0, UDP, 13, false, false, false},
		{"more room", "warmfront.test.", dns.TypeNS, 4096, UDP, 13, true, false, true},
		{"more room than who has proven nothing is given", "warmfront.test.", dns.TypeNS, 4096, UDP, 13, false, false, false},
		{"a text of 2 kB", "big.warmfront.test.", dns.TypeTXT, 0, UDP, 0, false, true, false},
		{"the most there is by UDP", "big.warmfront.test.", dns.TypeTXT, 4096, UDP, 0, false, true, true},
		{"less than 512 counts as 512", "warmfront.test.", dns.TypeNS, 100, UDP, 13, false, false, false},
		{"TCP", "big.warmfront.test.", dns.TypeTXT, 512, TCP, 1, false, false, false},
		{"TCP without EDNS", "warmfront.test.", dns.TypeNS, 0, TCP, 13, true, false, false},
	} {
		t.Run(c.title, func(t *testing.T) {
			q, limit := question(c.name, c.qtype), 512
			if c.size > 0 {
				q.SetEdns0(uint16(c.size), false)
				limit = min(max(c.size, 512), 1232)
			}
			if c.proven {
				q.IsEdns0().Option = []dns.EDNS0{cookieOf(t, secret, from)}
			}
			out := r.respond(pack(t, q), from, c.proto, nil, testTime)
			if c.proto == UDP && len(out) > limit {
				t.Errorf("%d bytes, limit %d", len(out), limit)
			}
			m := new(dns.Msg)
			if err := m.Unpack(out); err != nil {
				t.Fatal(err)
			}
			glue := len(m.Extra) > 1
			if len(m.Answer) != c.answers || glue != c.glue || m.Truncated != c.truncated || (m.IsEdns0() != nil) != (c.size > 0) {
				t.Errorf("%d answers, glue %v, truncated %v: %v", len(m.Answer), glue, m.Truncated, m)
			}
		})
	}
}

// TestMalformed: what is wrong with a packet, and what is said to it.
func TestMalformed(t *testing.T) {
	r := newRouter(t, nil)
	mark(r)
	good := pack(t, question("dall.warmfront.test.", dns.TypeA))
	set := func(at int, b ...byte) []byte {
		p := bytes.Clone(good)
		copy(p[at:], b)
		return p
	}
	opcode := func(o byte) []byte { return set(2, o<<3) }
	const none = -1
	for _, c := range []struct {
		title  string
		packet []byte
		rcode  int
	}{
		{"empty", nil, none},
		{"no whole header", good[:11], none},
		{"an answer", set(2, 0x80), none},
		{"an answer that is malformed", set(2, 0x80)[:12], none},
		{"a header alone", good[:12], dns.RcodeFormatError},
		{"a header that promises nothing", set(4, 0, 0)[:12], dns.RcodeFormatError},
		{"no question", set(4, 0, 0), dns.RcodeFormatError},
		{"two questions", set(4, 0, 2), dns.RcodeFormatError},
		{"65535 questions", set(4, 255, 255), dns.RcodeFormatError},
		{"an answer promised", set(6, 0, 1), dns.RcodeFormatError},
		{"65535 additional records", set(10, 255, 255), dns.RcodeFormatError},
		{"an additional record promised", set(10, 0, 1), dns.RcodeFormatError},
		{"name cut off", good[:20], dns.RcodeFormatError},
		{"type missing", good[:len(good)-4], dns.RcodeFormatError},
		{"half a type", good[:len(good)-3], dns.RcodeFormatError},
		{"class missing", good[:len(good)-2], dns.RcodeFormatError},
		{"a pointer to itself", set(12, 0xc0, 12), dns.RcodeFormatError},
		{"a pointer out of the packet", set(12, 0xff, 0xff), dns.RcodeFormatError},
		{"a label of a reserved kind", set(12, 0x80), dns.RcodeFormatError},
		{"class 0", set(len(good)-1, 0), dns.RcodeFormatError},
		{"class CHAOS", set(len(good)-1, 3), dns.RcodeRefused},
		{"class ANY", set(len(good)-1, 255), dns.RcodeRefused},
		{"IQUERY", opcode(dns.OpcodeIQuery), dns.RcodeNotImplemented},
		{"STATUS", opcode(dns.OpcodeStatus), dns.RcodeNotImplemented},
		{"NOTIFY", opcode(dns.OpcodeNotify), dns.RcodeNotImplemented},
		{"UPDATE", opcode(dns.OpcodeUpdate), dns.RcodeNotImplemented},
		{"an unknown opcode, cut off", opcode(15)[:13], dns.RcodeNotImplemented},
	} {
		t.Run(c.title, func(t *testing.T) {
			for _, proto := range []Proto{UDP, TCP} {
				out := r.respond(c.packet, netip.MustParseAddr("127.0.0.1"), proto, nil, r.cfg.Now())
				if c.rcode == none {
					if out != nil {
						t.Errorf("answered with %x", out)
					}
					continue
				}
				m := new(dns.Msg)
				if err := m.Unpack(out); err != nil || m.Rcode != c.rcode || !m.Response || m.Id != uint16(good[0])<<8|uint16(good[1]) {
					t.Errorf("%v %v, want %s", err, m, dns.RcodeToString[c.rcode])
				}
				if len(out) > len(c.packet) {
					t.Errorf("%d bytes in answer to %d", len(out), len(c.packet))
				}
			}
		})
	}
}
