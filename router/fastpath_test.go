package router

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/transport"
	"github.com/warmfront/warmfront/router/wire"
)

// checkCommon holds the fast path against the library's, and reports whether the
// packet took it.
func checkCommon(t *testing.T, r *Router, packet []byte, from netip.Addr, proto Proto) bool {
	t.Helper()
	s := r.current()
	var c common
	kept := bytes.Clone(packet)
	got := r.respondCommon(s, &c, packet, from, proto, make([]byte, transport.UDPSize))
	if !bytes.Equal(kept, packet) {
		t.Fatalf("the packet %x was changed to %x", kept, packet)
	}
	if got == nil {
		return false
	}
	if want := r.respondAny(s, packet, from, proto, nil, r.cfg.Now()); !bytes.Equal(got, want) {
		t.Fatalf("%x from %v by %v:\n got %x\nwant %x", packet, from, proto, got, want)
	}
	if len(got) > wire.MostBytes+2*dnssecMost || proto == UDP && len(got) > 10*len(packet) {
		t.Fatalf("an answer of %d bytes", len(got))
	}
	return true
}

// variants are routers that answer the same names in different ways.
func variants(t testing.TB) []*Router {
	full := newRouter(t, withTable(t))
	mark(full)
	degraded := newRouter(t, withTable(t))
	mark(degraded, "NRT", "FRA", "IAD")
	bare := newRouter(t, nil) // without a table
	mark(bare)
	choosy := newRouter(t, func(c *Config) {
		withTable(t)(c)
		c.ECSTrusted = []netip.Prefix{netip.MustParsePrefix("127.64.0.0/10")}
		c.AliasZones = []string{"elsewhere.example"}
		c.CookieSecret, c.Identity = bytes.Repeat([]byte{7}, 32), "router-1"
	})
	mark(choosy)
	var nodes []cdn.Node
	for _, p := range twelve(t)[:5] {
		nodes = append(nodes, edgeOf(p, 1), edgeOf(p, 2), edgeOf(p, 3))
	}
	s := state(t, distributions(), nodes)
	several := newRouter(t, func(c *Config) { withTable(t)(c); c.State = func() *cdn.State { return s } })
	mark(several)
	spilling := newRouter(t, withTable(t))
	overLimit(spilling, map[string]float64{"NRT": 0.5, "FRA": 0.3, "IAD": 1, "SIN": 0.5})
	crowded := newRouter(t, func(c *Config) { // many long answers, and no table
		var nodes []cdn.Node
		for _, p := range twelve(t) {
			for k := range 9 {
				nodes = append(nodes, edgeOf(p, k+1))
			}
		}
		s := state(t, distributions(), nodes)
		c.State, c.Addresses = func() *cdn.State { return s }, 8
	})
	overLimit(crowded, map[string]float64{"NRT": 0.5, "FRA": 0.9})
	measured := newRouter(t, withTable(t))
	measured.ways = pick.NewWays(map[string]map[string]time.Duration{"NRT": {"SFO": 30 * time.Millisecond, "SIN": 300 * time.Millisecond}, "FRA": {"JNB": 1}})
	overLimit(measured, map[string]float64{"NRT": 0.7, "FRA": 0.3})
	unread := newRouter(t, func(c *Config) { c.State = func() *cdn.State { return nil } })
	signed := newRouter(t, func(c *Config) {
		withTable(t)(c)
		c.AliasZones = []string{"elsewhere.example", "shop.example"}
		c.Keys = keysOf(t, testZone, "shop.example")
		c.CookieSecret = bytes.Repeat([]byte{7}, 32)
	})
	mark(signed)
	rolling := newRouter(t, func(c *Config) { c.Keys = rolled(t, keysOf(t, testZone)) })
	mark(rolling)
	severalSigned := newRouter(t, func(c *Config) { c.State, c.Keys = func() *cdn.State { return s }, keysOf(t, testZone) })
	mark(severalSigned)
	return []*Router{full, degraded, bare, choosy, several, spilling, crowded, measured, unread, signed, rolling, severalSigned}
}

// FuzzCommon throws packets at both paths: what the fast one answers, the other answers
// with the same bytes.
func FuzzCommon(f *testing.F) {
	routers := variants(f)
	for i, q := range []*dns.Msg{
		question("dall.warmfront.test.", dns.TypeA), question("dALL.WarmFront.test.", dns.TypeAAAA),
		question("any.wild.warmfront.test.", dns.TypeA), question("control.warmfront.test.", dns.TypeA),
		question("www.elsewhere.example.", dns.TypeA), question("warmfront.test.", dns.TypeA), question("nope.warmfront.test.", dns.TypeAAAA).SetEdns0(1232, true),
		question("d100.warmfront.test.", dns.TypeA).SetEdns0(512, true),
		withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, 113)),
		withOptions(question("dall.warmfront.test.", dns.TypeAAAA), subnetOption(2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0)),
		withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 0, 0)),
		withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 20, 0, 203, 0, 113)),
	} {
		f.Add(pack(f, q), uint8(i), "127.64.9.9", false)
	}
	f.Fuzz(func(t *testing.T, packet []byte, which uint8, from string, tcp bool) {
		viewer, err := netip.ParseAddr(from)
		if err != nil {
			t.Skip()
		}
		proto := UDP
		if tcp {
			proto = TCP
		}
		checkCommon(t, routers[int(which)%len(routers)], packet, viewer, proto)
	})
}

// TestCommonIsTheSame makes a great many queries that are common, or nearly so, and
// holds the two paths against one another.
func TestCommonIsTheSame(t *testing.T) {
	routers := variants(t)
	names := []string{
		"dall.warmfront.test.", "d100.warmfront.test.", "d200.warmfront.test.", "doff.warmfront.test.", "www.warmfront.test.",
		"warmfront.test.", "x.wild.warmfront.test.", "*.wild.warmfront.test.", "wild.warmfront.test.", "hole.wild.warmfront.test.", "x.hole.wild.warmfront.test.", "a.deep.warmfront.test.", "deep.warmfront.test.",
		"control.warmfront.test.", "ns1.warmfront.test.", "x.y.warmfront.test.", "nope.warmfront.test.", "www.elsewhere.example.", ".", "test.",
		"_8443._https.dall.warmfront.test.", "x.ns1.warmfront.test.", "hostmaster.warmfront.test.", "x.hostmaster.warmfront.test.", "axns1.warmfront.test.", "y.warmfront.test.", "z.y.warmfront.test.", "notwarmfront.test.", "Nope.x.warmfront.test.", "_explain.dall.warmfront.test.", strings.Repeat("a", 63) + ".wild.warmfront.test.", strings.Repeat("a.", 118) + "warmfront.test.",
		`a\.b.wild.warmfront.test.`, `\000.wild.warmfront.test.`, "_x-9.wild.warmfront.test.",
	}
	froms := []string{"127.64.9.9", "127.120.9.9", "203.0.113.5", "192.0.2.1", "2001:db8::5", "fd77:78::9", "::1", "::ffff:127.64.9.9", "::ffff:192.0.2.1"}
	rnd := rand.New(rand.NewPCG(8, 8))
	fast := 0
	const n = 20_000
	for range n {
		q := question(names[rnd.IntN(len(names))], []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeA, dns.TypeHTTPS, dns.TypeTXT}[rnd.IntN(5)])
		if rnd.IntN(3) == 0 {
			q.Question[0].Name = mixed(rnd, q.Question[0].Name)
		}
		q.RecursionDesired, q.CheckingDisabled, q.AuthenticatedData, q.Zero = rnd.IntN(2) == 0, rnd.IntN(4) == 0, rnd.IntN(2) == 0, rnd.IntN(4) == 0
		if rnd.IntN(3) > 0 {
			q.SetEdns0(uint16(rnd.IntN(5000)), rnd.IntN(2) == 0)
			if rnd.IntN(3) > 0 {
				q.IsEdns0().Option = append(q.IsEdns0().Option, randomOption(rnd))
			}
			if rnd.IntN(20) == 0 {
				q.IsEdns0().Hdr.Ttl ^= 1 << rnd.IntN(32)
			}
		}
		packet, err := q.Pack()
		if err != nil {
			continue
		}
		if rnd.IntN(5) == 0 { // some damage
			switch i := rnd.IntN(len(packet)); rnd.IntN(3) {
			case 0:
				packet[i] ^= 1 << rnd.IntN(8)
			case 1:
				packet = packet[:i]
			case 2:
				packet = append(packet, byte(i))
			}
		}
		if checkCommon(t, routers[rnd.IntN(len(routers))], packet, netip.MustParseAddr(froms[rnd.IntN(len(froms))]), Proto(rnd.IntN(2))) {
			fast++
		}
	}
	if fast < n/10 {
		t.Errorf("only %d of %d queries took the fast path: the test says little", fast, n)
	}
}

func mixed(rnd *rand.Rand, name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' && rnd.IntN(2) == 0 {
			return c - 'a' + 'A'
		}
		return c
	}, name)
}

// randomOption is a client subnet that is sound or not quite, or something else.
func randomOption(rnd *rand.Rand) dns.EDNS0 {
	if rnd.IntN(8) == 0 {
		return &dns.EDNS0_LOCAL{Code: []uint16{dns.EDNS0NSID, dns.EDNS0COOKIE, 65001}[rnd.IntN(3)], Data: make([]byte, rnd.IntN(3)*8)}
	}
	family, bits := byte(1), 32
	start := [][]byte{{203, 0, 113, 9}, {127, 120, 9, 9}, {8, 8, 8, 8}, {192, 0, 2, 1}}[rnd.IntN(4)]
	if rnd.IntN(2) == 0 {
		family, bits = 2, 128
		start = [][]byte{{0x20, 1, 0xd, 0xb8}, {0xfd, 0x77, 0, 0x78}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 9}, {0x2a}}[rnd.IntN(4)]
		start = append(slices.Clone(start), make([]byte, 16-len(start))...)
	}
	source := rnd.IntN(bits + 1)
	address := slices.Clone(start[:(source+7)/8])
	if source%8 != 0 && rnd.IntN(8) > 0 {
		address[len(address)-1] &= 0xff << (8 - source%8)
	}
	switch rnd.IntN(20) {
	case 0:
		source++
	case 1:
		address = append(address, 0)
	case 2:
		family = byte(rnd.IntN(4))
	}
	scope := byte(0)
	if rnd.IntN(20) == 0 {
		scope = 8
	}
	return subnetOption(family, byte(source), scope, address...)
}

// TestCommonCountsAlike: both paths count the same.
func TestCommonCountsAlike(t *testing.T) {
	counts := func(respond func(r *Router, packet []byte, from netip.Addr) []byte) map[string]float64 {
		reg := prometheus.NewRegistry()
		r := newRouter(t, func(c *Config) { withTable(t)(c); c.Metrics = reg })
		mark(r)
		for i, name := range []string{"dall.warmfront.test.", "d100.warmfront.test.", "dall.warmfront.test.", "nope.warmfront.test."} {
			for j, qtype := range []uint16{dns.TypeA, dns.TypeA, dns.TypeAAAA} {
				if qtype == dns.TypeAAAA && i == 1 {
					continue
				}
				q := withOptions(question(name, qtype), subnetOption(1, 24, 0, 203, 0, byte(113+100*j)))
				if respond(r, pack(t, q), viewer(t, "FRA")) == nil || respond(r, pack(t, question(name, qtype)), netip.MustParseAddr("192.0.2.1")) == nil {
					t.Fatalf("%s %d is not answered", name, qtype)
				}
			}
		}
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if v := m.GetCounter().GetValue(); v > 0 {
					out[fmt.Sprint(f.GetName(), m.GetLabel())] = v
				}
			}
		}
		return out
	}
	fast := counts(func(r *Router, packet []byte, from netip.Addr) []byte {
		var c common
		return r.respondCommon(r.current(), &c, packet, from, UDP, nil)
	})
	other := counts(func(r *Router, packet []byte, from netip.Addr) []byte {
		return r.respondAny(r.current(), packet, from, UDP, nil, r.cfg.Now())
	})
	if !maps.Equal(fast, other) || len(fast) < 8 {
		t.Errorf("counted\n%v, by way of the library\n%v", fast, other)
	}
}

// TestCommonDoesNotAllocate: neither with a subnet nor without, nor for many nodes.
func TestCommonDoesNotAllocate(t *testing.T) {
	for i, r := range variants(t)[:8] { // those that sign nothing and have something to answer
		for _, q := range []*dns.Msg{
			question("dall.warmfront.test.", dns.TypeA), question("some.wild.warmfront.test.", dns.TypeAAAA), question("nope.warmfront.test.", dns.TypeA),
			withOptions(question("dALL.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, 113)),
			withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(2, 48, 0, 0x20, 1, 0xd, 0xb8, 0, 0)),
		} {
			packet, buf, from := pack(t, q), make([]byte, wire.MostBytes), viewer(t, "FRA")
			if !checkCommon(t, r, packet, from, UDP) {
				t.Fatalf("%v is not common", q)
			}
			if n := testing.AllocsPerRun(200, func() { r.respond(packet, from, UDP, buf, r.cfg.Now()) }); n != 0 {
				t.Errorf("router %d: %v allocations for %s", i, n, hex.EncodeToString(packet))
			}
		}
	}
}

// TestIndexFollowsPlans: a name that comes or goes does so on the fast path too.
func TestIndexFollowsPlans(t *testing.T) {
	var nodes []cdn.Node
	for _, p := range twelve(t) {
		nodes = append(nodes, edgeOf(p, 1))
	}
	now := state(t, distributions()[1:2], nodes)
	reg := prometheus.NewRegistry()
	r := newRouter(t, func(c *Config) { c.State = func() *cdn.State { return now }; c.Metrics = reg })
	packet, from := pack(t, question("d200.warmfront.test.", dns.TypeA)), viewer(t, "FRA")
	rcode := func() int {
		if !checkCommon(t, r, packet, from, UDP) {
			return -1
		}
		return wireAnswer(t, r, packet, UDP).Rcode
	}
	if rcode() != dns.RcodeNameError {
		t.Error("a name that is not there yet is answered")
	}
	now = state(t, distributions(), nodes)
	if rcode() != dns.RcodeSuccess {
		t.Error("a name that has come is not answered")
	}
	now = state(t, distributions()[:1], nodes)
	if rcode() != dns.RcodeNameError {
		t.Error("a name that has gone is answered")
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "warmfront_dns_distribution_answers_total" && len(f.GetMetric()) != 1 {
			t.Errorf("%d distributions are counted, one is left", len(f.GetMetric()))
		}
	}
}

func BenchmarkCommon(b *testing.B) {
	r := newRouter(b, withTable(b))
	for name, q := range map[string]*dns.Msg{
		"plain":    question("dall.warmfront.test.", dns.TypeA),
		"subnet":   withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, 113)),
		"spilling": withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, 113)),
	} {
		b.Run(name, func(b *testing.B) {
			overLimit(r, map[string]float64{"NRT": map[bool]float64{true: 1}[name == "spilling"]})
			packet, buf, from := pack(b, q), make([]byte, wire.MostBytes), viewer(b, "FRA")
			b.ReportAllocs()
			for b.Loop() {
				r.respond(packet, from, UDP, buf, r.cfg.Now())
			}
		})
	}
}
