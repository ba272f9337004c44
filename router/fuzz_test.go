package router

import (
	"encoding/hex"
	"net/netip"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/transport"
)

// checkAnswer holds what is true of every answer.
func checkAnswer(t *testing.T, packet, out []byte, proto Proto) {
	if out == nil {
		if len(packet) >= 12 && packet[2]&0x80 == 0 {
			t.Errorf("a query without an answer")
		}
		return
	}
	m := new(dns.Msg)
	if err := m.Unpack(out); err != nil {
		t.Fatalf("the answer does not parse: %v", err)
	}
	if !m.Response || m.Id != uint16(packet[0])<<8|uint16(packet[1]) || m.RecursionAvailable {
		t.Errorf("header %+v", m.MsgHdr)
	}
	if m.Rcode == dns.RcodeServerFailure {
		t.Errorf("SERVFAIL though all edges live")
	}
	if proto == UDP && len(out) > transport.UDPSize {
		t.Errorf("%d bytes by UDP", len(out))
	}
	if proto == UDP && len(out) > 10*len(packet) { // no fuzzer makes up a cookie
		t.Errorf("%d bytes by UDP in answer to %d", len(out), len(packet))
	}
	if m.Rcode == dns.RcodeFormatError && len(out) > max(len(packet), 12+11) {
		t.Errorf("FORMERR of %d bytes to a packet of %d", len(out), len(packet))
	}
	q := new(dns.Msg)
	if q.Unpack(packet) == nil && len(m.Question) == 1 && m.Question[0] != q.Question[0] {
		t.Errorf("asked %v, answered %v", q.Question[0], m.Question[0])
	}
	if s := subnetOf(m); s != nil && subnetOf(q) == nil {
		t.Errorf("a client subnet that was not sent")
	}
	for _, rr := range m.Answer {
		if rr.Header().Class == dns.ClassINET && !dns.IsSubDomain("warmfront.test.", rr.Header().Name) {
			t.Errorf("answers %v", rr)
		}
	}
}

// FuzzPacket throws packets at the server. A panic is turned into no answer, and
// thus found by checkAnswer.
func FuzzPacket(f *testing.F) {
	r := newRouter(f, func(c *Config) {
		named(c)
		explaining(c)
	})
	mark(r)
	for _, q := range []*dns.Msg{
		question("dall.warmfront.test.", dns.TypeA),
		question("Warmfront.test.", dns.TypeNS).SetEdns0(4096, true),
		question("big.warmfront.test.", dns.TypeTXT).SetEdns0(512, false),
		question("a.wild.warmfront.test.", dns.TypeANY),
		withOptions(question("dall.warmfront.test.", dns.TypeAAAA), subnetOption(1, 24, 0, 203, 0, 113)),
		withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0)),
		withOptions(question("dall.warmfront.test.", dns.TypeHTTPS), local(10, "12345678"), local(3, ""), local(11, "")),
		withOptions(&dns.Msg{}, local(10, "12345678")),
		question("_explain.dall.warmfront.test.", dns.TypeTXT), question("_8443._https.dall.warmfront.test.", dns.TypeHTTPS),
		{Question: []dns.Question{{Name: "version.bind.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}}},
		new(dns.Msg).SetNotify("warmfront.test."), new(dns.Msg).SetAxfr("warmfront.test."),
	} {
		f.Add(pack(f, q), false)
		f.Add(pack(f, q), true)
	}
	f.Fuzz(func(t *testing.T, packet []byte, tcp bool) {
		proto := UDP
		if tcp {
			proto = TCP
		}
		checkAnswer(t, packet, r.respond(packet, viewer(t, "FRA"), proto, nil, r.cfg.Now()), proto)
	})
}

// FuzzQuestion makes queries that are well formed, so that it gets past the parser.
func FuzzQuestion(f *testing.F) {
	r := newRouter(f, nil)
	mark(r)
	f.Add("dall.warmfront.test", dns.TypeA, uint16(1), uint16(1232), uint32(0x8000), "0001180001020300", "127.64.9.9")
	f.Add("WWW.warmfront.TEST", dns.TypeAAAA, uint16(1), uint16(0), uint32(0), "000220002001", "2001:db8::1")
	f.Add(`x\.y.warmfront.test`, dns.TypeTXT, uint16(3), uint16(512), uint32(0x10000), "", "::ffff:127.64.9.9")
	f.Fuzz(func(t *testing.T, name string, qtype, class, size uint16, ttl uint32, option, from string) {
		viewer, err := netip.ParseAddr(from)
		raw, err2 := hex.DecodeString(option)
		if err != nil || err2 != nil {
			t.Skip()
		}
		q := question(dns.Fqdn(name), qtype)
		q.Question[0].Qclass = class
		if size > 0 {
			o := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: size, Ttl: ttl}}
			o.Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: raw}}
			q.Extra = []dns.RR{o}
		}
		packet, err := q.Pack()
		if err != nil {
			t.Skip()
		}
		for _, proto := range []Proto{UDP, TCP} {
			checkAnswer(t, packet, r.respond(packet, viewer, proto, nil, r.cfg.Now()), proto)
		}
	})
}

// TestConcurrent answers while states and health change.
func TestConcurrent(t *testing.T) {
	var mu sync.Mutex
	var nodes []cdn.Node
	for _, p := range twelve(t) {
		nodes = append(nodes, edgeOf(p, 1), edgeOf(p, 2))
	}
	states := []*cdn.State{state(t, distributions(), nodes), state(t, distributions(), nodes[:20]), state(t, distributions()[:1], nodes)}
	now := states[0]
	r := newRouter(t, func(c *Config) {
		c.State = func() *cdn.State { mu.Lock(); defer mu.Unlock(); return now }
	})
	packet := pack(t, question("dall.warmfront.test.", dns.TypeA))
	from := viewer(t, "FRA")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				checkAnswer(t, packet, r.respond(packet, from, UDP, nil, r.cfg.Now()), UDP)
			}
		})
	}
	for i := range 200 {
		mu.Lock()
		now = states[i%len(states)]
		mu.Unlock()
		r.Refresh()
		r.renew()
	}
	wg.Wait()
}

func benchmark(b *testing.B, q *dns.Msg) {
	r := newRouter(b, nil)
	mark(r)
	packet, buf, from := pack(b, q), make([]byte, transport.UDPSize), viewer(b, "FRA")
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if r.respond(packet, from, UDP, buf, r.cfg.Now()) == nil {
			b.Fatal("no answer")
		}
	}
}

// The benchmarks are of a packet in and a packet out, without sockets.
func BenchmarkRespondPlain(b *testing.B) {
	benchmark(b, question("dall.warmfront.test.", dns.TypeA))
}

func BenchmarkRespondSubnet(b *testing.B) {
	benchmark(b, withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, 113)))
}

func BenchmarkRespondNXDOMAIN(b *testing.B) {
	benchmark(b, question("nope.warmfront.test.", dns.TypeA))
}

func BenchmarkAnswer(b *testing.B) {
	r := newRouter(b, nil)
	mark(r)
	q, from := withSubnet(question("dall.warmfront.test.", dns.TypeA), "203.0.113.0"), viewer(b, "FRA")
	b.ReportAllocs()
	for b.Loop() {
		r.Answer(q, from, UDP)
	}
}
