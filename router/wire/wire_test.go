package wire

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/transport"
)

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func question(name string, qtype uint16, options ...dns.EDNS0) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, qtype)
	if options != nil {
		m.SetEdns0(1400, true)
		m.IsEdns0().Option = options
	}
	return m
}

func subnet(family, source byte, address ...byte) dns.EDNS0 {
	return &dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: append([]byte{0, family, source, 0}, address...)}
}

// TestDecode: which packets are answered at all, and which have a question.
func TestDecode(t *testing.T) {
	good := pack(t, question("www.example.", dns.TypeTXT))
	with := func(at int, b byte) []byte {
		p := bytes.Clone(good)
		p[at] = b
		return p
	}
	for _, c := range []struct {
		title            string
		packet           []byte
		answered, parsed bool
	}{
		{"a query", good, true, true},
		{"nothing", nil, false, false},
		{"half a header", good[:11], false, false},
		{"an answer", with(2, 0x80), false, false},
		{"a header alone", good[:12], true, false},
		{"cut off", good[:len(good)-1], true, false},
		{"two questions", with(5, 2), true, false},
		{"an answer section", with(7, 2), true, false},
		{"NOTIFY", with(2, dns.OpcodeNotify<<3), true, false},
	} {
		q := Decode(c.packet)
		if (q != nil) != c.answered || (q != nil && len(q.Question) == 1) != c.parsed {
			t.Errorf("%s: %v", c.title, q)
		}
	}
}

// FuzzCommon: what is a common query says by either way the same.
func FuzzCommon(f *testing.F) {
	for _, q := range []*dns.Msg{
		question("www.example.", dns.TypeA), question("wWw.example.", dns.TypeAAAA, subnet(1, 24, 203, 0, 113)),
		question("a.example.", dns.TypeA, subnet(2, 33, 0x20, 1, 0xd, 0xb8, 0x80)), question("a.example.", dns.TypeA, subnet(1, 0)),
		question("a.example.", dns.TypeA, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}),
	} {
		f.Add(pack(f, q))
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		var c Common
		if !c.Read(packet) {
			return
		}
		q := Decode(packet)
		if q == nil || len(q.Question) != 1 {
			t.Fatalf("%x is common, and %v", packet, q)
		}
		var e EDNS
		ok := e.Read(q)
		if !ok || q.Question[0].Qtype != c.Type || dns.CanonicalName(q.Question[0].Name) != string(c.FQDN()) {
			t.Fatalf("%s %d, by the other way %v", c.FQDN(), c.Type, q)
		}
		if e.DO != c.DO || e.CO != c.CO || e.Size != c.Size || e.Viewer != c.Viewer || (e.Subnet != nil) != c.HasSubnet() || e.Present != c.edns {
			t.Fatalf("%+v, by the other way %+v", c, e)
		}
	})
}

// TestNotCommon: who looks closer gets what is not quite common.
func TestNotCommon(t *testing.T) {
	var c Common
	for _, q := range []*dns.Msg{
		question("www.example.", dns.TypeTXT), question("_x.example.", dns.TypeA), question(`a\.b.example.`, dns.TypeA), question(".", dns.TypeA),
		question("www.example.", dns.TypeA, subnet(3, 0)), question("www.example.", dns.TypeA, subnet(1, 24, 1, 2)), question("www.example.", dns.TypeA, subnet(1, 20, 1, 2, 3)),
		question("www.example.", dns.TypeA, subnet(1, 33, 1, 2, 3, 4, 0)), question("www.example.", dns.TypeA, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}),
	} {
		if c.Read(pack(t, q)) {
			t.Errorf("common: %v", q)
		}
	}
}

// TestAnswer: what is written of a common query parses to what was to be said.
func TestAnswer(t *testing.T) {
	packet := pack(t, question("wWw.example.", dns.TypeA, subnet(1, 24, 203, 0, 113)))
	var c Common
	if !c.Read(packet) || !c.Fits(4) || c.Fits(40) {
		t.Fatal("not common")
	}
	m := new(dns.Msg)
	if err := m.Unpack(c.Answer(nil, packet, []netip.Addr{netip.MustParseAddr("192.0.2.7")}, nil, 60, 16)); err != nil {
		t.Fatal(err)
	}
	a, isA := m.Answer[0].(*dns.A)
	s, isSubnet := m.IsEdns0().Option[0].(*dns.EDNS0_SUBNET)
	if !isA || a.Hdr.Name != "wWw.example." || a.A.String() != "192.0.2.7" || a.Hdr.Ttl != 60 || !isSubnet || s.SourceScope != 16 || s.SourceNetmask != 24 {
		t.Errorf("%v", m)
	}
	if err := m.Unpack(c.Absent(nil, packet, len("example.")+1, 30, [5]uint32{1, 2, 3, 4, 5})); err != nil {
		t.Fatal(err)
	}
	if soa, ok := m.Ns[0].(*dns.SOA); !ok || m.Rcode != dns.RcodeNameError || soa.Ns != "ns1.example." || soa.Mbox != "hostmaster.example." || soa.Serial != 1 || soa.Minttl != 5 || soa.Hdr.Ttl != 30 {
		t.Errorf("%v", m)
	}
}

// TestFitCountsEachByte: a message of keys and signatures that just fits is not cut.
func TestFitCountsEachByte(t *testing.T) {
	message := func() *dns.Msg {
		m := question("example.", dns.TypeDNSKEY)
		m.Compress = true
		h := dns.RR_Header{Name: "example.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}
		text := base64.StdEncoding.EncodeToString(make([]byte, 64))
		for range 2 {
			m.Answer = append(m.Answer, &dns.DNSKEY{Hdr: h, Flags: 257, Protocol: 3, Algorithm: 13, PublicKey: text})
		}
		h.Rrtype = dns.TypeRRSIG
		m.Answer = append(m.Answer, &dns.RRSIG{Hdr: h, TypeCovered: dns.TypeDNSKEY, SignerName: "example.", Signature: text})
		return m
	}
	size := len(pack(t, message()))
	if message().Len() == size {
		t.Fatal("the library counts right: fits need not pack")
	}
	for less, cut := range []bool{false, true} {
		m := message()
		if fit(m, size-less); m.Truncated != cut || (len(m.Answer) == 0) != cut {
			t.Errorf("of %d bytes, %d wanted: %v", size, size-less, m)
		}
	}
}

// TestFit: what goes first where an answer does not fit a datagram.
func TestFit(t *testing.T) {
	answer := func(addresses, glue int) *dns.Msg {
		m := question("www.example.", dns.TypeA)
		for i := range addresses + glue {
			rr := &dns.A{Hdr: dns.RR_Header{Name: "www.example.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: []byte{192, 0, 2, byte(i)}}
			if i < addresses {
				m.Answer = append(m.Answer, rr)
			} else {
				m.Extra = append(m.Extra, rr)
			}
		}
		return m
	}
	for _, c := range []struct {
		title                 string
		addresses, glue, size int
		proto                 transport.Proto
		answers, additional   int
		truncated             bool
	}{
		{"all of it", 2, 2, 512, transport.UDP, 2, 2, false},
		{"without glue", 20, 20, 512, transport.UDP, 20, 0, false},
		{"nothing", 40, 20, 512, transport.UDP, 0, 0, true},
		{"TCP", 40, 20, 512, transport.TCP, 40, 20, false},
	} {
		m := answer(c.addresses, c.glue)
		(&EDNS{Present: true, Size: c.size}).Finish(m, c.proto)
		if len(m.Answer) != c.answers || len(m.Extra) != c.additional+1 || m.Truncated != c.truncated || m.IsEdns0() == nil {
			t.Errorf("%s: %v", c.title, m)
		}
	}
}
