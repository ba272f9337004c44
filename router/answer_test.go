package router

import (
	"bytes"
	"cmp"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/router/health"
	"github.com/warmfront/warmfront/router/pick"
)

const testZone = "warmfront.test"

// twelve are the POPs that run by default, on six continents.
func twelve(t testing.TB) []geo.POP {
	pops, err := geo.BundledCatalogue().Select("IAD,SFO,GRU,LHR,FRA,JNB,DXB,BOM,SIN,NRT,SYD,QRO")
	if err != nil {
		t.Fatal(err)
	}
	return pops
}

// edgeOf returns the k-th edge node of a POP, with the lab's addresses.
func edgeOf(p geo.POP, k int) cdn.Node {
	return cdn.Node{
		ID: fmt.Sprintf("%s-%d", p.Code, k), Role: cdn.RoleEdge, POP: p.Code, K: k, HTTPPort: 8080,
		Addr:  netip.AddrFrom4([4]byte{127, byte(p.N), 0, byte(k)}),
		Addr6: netip.MustParseAddr(fmt.Sprintf("fd77:%x::%d", p.N, k)),
	}
}

// distributions are the plans of the tests, by what they test.
func distributions() []*cdn.Plan {
	return []*cdn.Plan{
		{ID: "EALL", Domain: "dall." + testZone, Enabled: true, IPv6: true, PriceClass: cdn.PriceClassAll, Aliases: []string{
			"www." + testZone, "a.deep." + testZone, "*.wild." + testZone, "x.hole.wild." + testZone, testZone, "www.elsewhere.example",
		}},
		{ID: "E100", Domain: "d100." + testZone, Enabled: true, PriceClass: cdn.PriceClass100},
		{ID: "E200", Domain: "d200." + testZone, Enabled: true, PriceClass: cdn.PriceClass200},
		{ID: "EOFF", Domain: "doff." + testZone, IPv6: true, PriceClass: cdn.PriceClassAll},
	}
}

// state folds real changes, so that names are found as they are in production.
func state(t testing.TB, plans []*cdn.Plan, nodes []cdn.Node) *cdn.State {
	t.Helper()
	s := cdn.NewState(1)
	apply := func(kind cdn.Kind, body any) {
		c, err := cdn.NewChange(kind, body, testTime)
		if err != nil {
			t.Fatal(err)
		}
		c.Version = s.Version.Next()
		if s, err = s.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		apply(cdn.KindNodeRegister, n)
	}
	for _, p := range plans {
		aliases := ""
		for _, a := range p.Aliases {
			aliases += "<CNAME>" + a + "</CNAME>"
		}
		apply(cdn.KindDistributionPut, cdn.Distribution{ID: p.ID, Domain: p.Domain, Config: fmt.Sprintf(`<DistributionConfig>
<Aliases><Quantity>%d</Quantity><Items>%s</Items></Aliases>
<Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>demo.s3.amazonaws.com</DomainName></Origin></Items></Origins>
<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>
<CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior>
<HttpVersion>%s</HttpVersion><PriceClass>%s</PriceClass><Enabled>%t</Enabled><IsIPV6Enabled>%t</IsIPV6Enabled></DistributionConfig>`,
			len(p.Aliases), aliases, cmp.Or(p.HTTPVersion, "http2"), p.PriceClass, p.Enabled, p.IPv6)})
	}
	return s
}

// locator places the lab addresses 127.n.x.x and fd77:n:: in their cities and some
// public networks by hand, with prefixes of various lengths.
func locator(t testing.TB) func(netip.Addr) (Place, bool) {
	cat := geo.BundledCatalogue()
	public := map[netip.Prefix]geo.POP{}
	for prefix, code := range map[string]string{
		"203.0.112.0/20": "NRT", "198.51.100.128/25": "SYD", "2001:db8::/32": "GRU", "8.0.0.0/6": "IAD",
	} {
		p, ok := cat.ByCode(code)
		if !ok {
			t.Fatalf("no POP %s", code)
		}
		public[netip.MustParsePrefix(prefix)] = p
	}
	private := netip.MustParsePrefix("192.168.0.0/16")
	return func(a netip.Addr) (Place, bool) {
		at := func(p geo.POP, prefix netip.Prefix) (Place, bool) {
			return Place{Lat: p.Lat, Lon: p.Lon, City: p.City, Country: p.CountryCode, Prefix: prefix.Masked()}, true
		}
		b := a.As16()
		if a.Is4() && b[12] == 127 {
			if p, ok := cat.ByNumber(int(b[13])); ok {
				return at(p, netip.PrefixFrom(a, 16))
			}
		}
		if a.Is6() && b[0] == 0xfd && b[1] == 0x77 && b[2] == 0 {
			if p, ok := cat.ByNumber(int(b[3])); ok {
				return at(p, netip.PrefixFrom(a, 32))
			}
		}
		for prefix, p := range public {
			if prefix.Contains(a) {
				return at(p, prefix)
			}
		}
		if private.Contains(a) {
			return Place{Prefix: private}, false
		}
		return Place{}, false
	}
}

// newRouter makes a router for twelve cities with one edge each, all found
// healthy. change may alter the configuration.
func newRouter(t testing.TB, change func(*Config)) *Router {
	t.Helper()
	pops := twelve(t)
	var nodes []cdn.Node
	var catalogue []pick.POP
	for _, p := range pops {
		class, err := cdn.ParsePriceClass(p.PriceClass)
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, edgeOf(p, 1))
		catalogue = append(catalogue, pick.POP{Code: p.Code, N: p.N, Lat: p.Lat, Lon: p.Lon, Class: class})
	}
	s := state(t, distributions(), nodes)
	fra, _ := geo.BundledCatalogue().ByCode("FRA")
	cfg := Config{
		Zone: testZone, Listen: "127.0.0.1:0",
		NS: [][]netip.Addr{
			{netip.MustParseAddr("127.0.0.53"), netip.MustParseAddr("fd77::53")}, {netip.MustParseAddr("127.0.0.54")},
		},
		Names: map[string]Record{
			"control": {Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}},
			"x.y":     {Text: []string{"two", "strings"}},
			"big":     {Text: slices.Repeat([]string{strings.Repeat("0123456789", 20)}, 10)},
		},
		State: func() *cdn.State { return s }, Locate: locator(t),
		Home: Place{Lat: fra.Lat, Lon: fra.Lon, City: fra.City, Country: fra.CountryCode},
		POPs: catalogue, Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// mark makes the table of a router with some POPs down, as the checks would.
func mark(r *Router, down ...string) {
	var list []health.Edge
	for _, e := range r.checker.Edges() {
		e.Healthy = !slices.Contains(down, e.Node.POP)
		e.LastGood = testTime
		list = append(list, e)
	}
	next := *r.snap.Load()
	next.table = r.table(list, pick.Conditions{Locations: next.locations, Spill: r.spill, Ways: r.ways})
	r.snap.Store(&next)
}

// overLimit marks all POPs as healthy, and has some send on a part of their viewers.
func overLimit(r *Router, spill map[string]float64) {
	r.spill = spill
	mark(r)
}

func question(name string, qtype uint16) *dns.Msg {
	return new(dns.Msg).SetQuestion(name, qtype)
}

// lines is a section in presentation format, OPT left out, spaces and escapes as in a zone file.
func lines(rrs []dns.RR) []string {
	out := []string{}
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeOPT {
			out = append(out, strings.ReplaceAll(rr.String(), "\t", " "))
		}
	}
	return out
}

func compare(t *testing.T, section string, got []dns.RR, want []string) {
	t.Helper()
	if g := lines(got); !slices.Equal(g, want) && len(g)+len(want) > 0 {
		t.Errorf("%s:\n got %q\nwant %q", section, g, want)
	}
}

func TestAnswer(t *testing.T) {
	r := newRouter(t, nil)
	mark(r)
	const (
		soa = "warmfront.test. 60 IN SOA ns1.warmfront.test. hostmaster.warmfront.test. 16 7200 900 1209600 60"
		ns1 = "warmfront.test. 3600 IN NS ns1.warmfront.test."
		ns2 = "warmfront.test. 3600 IN NS ns2.warmfront.test."
	)
	negative := []string{soa}
	for _, c := range []struct {
		name, from             string
		qtype                  uint16
		rcode                  int
		answer, authority, add []string
	}{
		{name: "warmfront.test.", qtype: dns.TypeSOA, answer: []string{soa}},
		{name: "warmfront.test.", qtype: dns.TypeNS, answer: []string{ns1, ns2}, add: []string{
			"ns1.warmfront.test. 3600 IN A 127.0.0.53", "ns1.warmfront.test. 3600 IN AAAA fd77::53", "ns2.warmfront.test. 3600 IN A 127.0.0.54",
		}},
		{name: "ns1.warmfront.test.", qtype: dns.TypeA, answer: []string{"ns1.warmfront.test. 3600 IN A 127.0.0.53"}},
		{name: "ns1.warmfront.test.", qtype: dns.TypeAAAA, answer: []string{"ns1.warmfront.test. 3600 IN AAAA fd77::53"}},
		{name: "ns2.warmfront.test.", qtype: dns.TypeAAAA, authority: negative},
		{name: "ns3.warmfront.test.", qtype: dns.TypeA, rcode: dns.RcodeNameError, authority: negative},
		{name: "control.warmfront.test.", qtype: dns.TypeA, answer: []string{"control.warmfront.test. 60 IN A 127.0.0.1"}},
		{name: "x.y.warmfront.test.", qtype: dns.TypeTXT, answer: []string{`x.y.warmfront.test. 60 IN TXT "two" "strings"`}},
		{name: "y.warmfront.test.", qtype: dns.TypeTXT, authority: negative}, // an empty non-terminal
		{name: "z.y.warmfront.test.", qtype: dns.TypeTXT, rcode: dns.RcodeNameError, authority: negative},

		{name: "dall.warmfront.test.", from: "127.120.9.9", qtype: dns.TypeA, answer: []string{"dall.warmfront.test. 60 IN A 127.120.0.1"}},
		{name: "dall.warmfront.test.", from: "127.120.9.9", qtype: dns.TypeAAAA, answer: []string{"dall.warmfront.test. 60 IN AAAA fd77:78::1"}},
		{name: "dall.warmfront.test.", from: "fd77:78::99", qtype: dns.TypeA, answer: []string{"dall.warmfront.test. 60 IN A 127.120.0.1"}},
		{name: "dall.warmfront.test.", from: "::ffff:127.120.9.9", qtype: dns.TypeA, answer: []string{"dall.warmfront.test. 60 IN A 127.120.0.1"}},
		{name: "dall.warmfront.test.", from: "192.0.2.1", qtype: dns.TypeA, answer: []string{"dall.warmfront.test. 60 IN A " + edgeAddr(t, "FRA")}},
		{name: "dALL.WarmFront.tEst.", from: "127.120.9.9", qtype: dns.TypeA, answer: []string{"dALL.WarmFront.tEst. 60 IN A 127.120.0.1"}},
		{name: "dall.warmfront.test.", qtype: dns.TypeTXT, authority: negative},
		{name: "dall.warmfront.test.", qtype: dns.TypeCNAME, authority: negative},
		{name: "dall.warmfront.test.", qtype: dns.TypeHTTPS, authority: negative},
		{name: "dall.warmfront.test.", qtype: 1000, authority: negative},
		{name: "dall.warmfront.test.", qtype: dns.TypeANY, answer: []string{`dall.warmfront.test. 3600 IN HINFO "RFC8482" ""`}},
		{name: "x.dall.warmfront.test.", qtype: dns.TypeA, rcode: dns.RcodeNameError, authority: negative},
		// At one POP, wherever the viewer is; of a POP that is not in the class, as for any.
		{name: "pop-nrt.dall.warmfront.test.", qtype: dns.TypeA, answer: []string{"pop-nrt.dall.warmfront.test. 60 IN A 127.120.0.1"}},
		{name: "pop-nrt.dall.warmfront.test.", qtype: dns.TypeHTTPS, authority: negative},
		{name: "pop-nrt.d100.warmfront.test.", from: "192.0.2.1", qtype: dns.TypeA, answer: []string{"pop-nrt.d100.warmfront.test. 60 IN A " + edgeAddr(t, "FRA")}},
		{name: "pop-xxx.dall.warmfront.test.", qtype: dns.TypeA, rcode: dns.RcodeNameError, authority: negative},
		{name: "pop-nrt.dnone.warmfront.test.", qtype: dns.TypeA, rcode: dns.RcodeNameError, authority: negative},
		{name: "dnone.warmfront.test.", qtype: dns.TypeA, rcode: dns.RcodeNameError, authority: negative},
		{name: "dnone.warmfront.test.", qtype: dns.TypeANY, rcode: dns.RcodeNameError, authority: negative},

		// Disabled: the name stays. IPv6 not enabled: NODATA. Price classes.
		{name: "doff.warmfront.test.", from: "127.120.9.9", qtype: dns.TypeA, answer: []string{"doff.warmfront.test. 60 IN A 127.120.0.1"}},
		{name: "d100.warmfront.test.", from: "127.120.9.9", qtype: dns.TypeAAAA, authority: negative},
		{name: "d100.warmfront.test.", from: edgeAddr(t, "SYD"), qtype: dns.TypeA, answer: []string{"d100.warmfront.test. 60 IN A " + edgeAddr(t, "SFO")}},
		{name: "d200.warmfront.test.", from: edgeAddr(t, "SYD"), qtype: dns.TypeA, answer: []string{"d200.warmfront.test. 60 IN A " + edgeAddr(t, "SIN")}},
		{name: "d200.warmfront.test.", from: edgeAddr(t, "GRU"), qtype: dns.TypeA, answer: []string{"d200.warmfront.test. 60 IN A " + edgeAddr(t, "JNB")}},

		// Aliases within the zone, the apex and wildcards included.
		{name: "www.warmfront.test.", from: "127.120.9.9", qtype: dns.TypeA, answer: []string{"www.warmfront.test. 60 IN A 127.120.0.1"}},
		{name: "warmfront.test.", from: "127.120.9.9", qtype: dns.TypeA, answer: []string{"warmfront.test. 60 IN A 127.120.0.1"}},
		{name: "warmfront.test.", qtype: dns.TypeTXT, authority: negative},
		{name: "any.wild.warmfront.test.", from: "127.120.9.9", qtype: dns.TypeA, answer: []string{"any.wild.warmfront.test. 60 IN A 127.120.0.1"}},
		{name: "of.many.wild.warmfront.test.", from: "127.120.9.9", qtype: dns.TypeA, answer: []string{"of.many.wild.warmfront.test. 60 IN A 127.120.0.1"}},
		{name: "_x.wild.warmfront.test.", qtype: dns.TypeA, rcode: dns.RcodeNameError, authority: negative},
		{name: "wild.warmfront.test.", qtype: dns.TypeA, authority: negative},
		{name: "hole.wild.warmfront.test.", qtype: dns.TypeA, authority: negative}, // it exists for what is below it
		{name: "x.hole.wild.warmfront.test.", from: "127.120.9.9", qtype: dns.TypeA, answer: []string{"x.hole.wild.warmfront.test. 60 IN A 127.120.0.1"}},
		{name: "a.deep.warmfront.test.", from: "127.120.9.9", qtype: dns.TypeA, answer: []string{"a.deep.warmfront.test. 60 IN A 127.120.0.1"}},
		{name: "deep.warmfront.test.", qtype: dns.TypeA, authority: negative},
		{name: "b.deep.warmfront.test.", qtype: dns.TypeA, rcode: dns.RcodeNameError, authority: negative},

		// Outside, and what is refused.
		{name: "www.elsewhere.example.", qtype: dns.TypeA, rcode: dns.RcodeRefused},
		{name: ".", qtype: dns.TypeNS, rcode: dns.RcodeRefused},
		{name: "test.", qtype: dns.TypeSOA, rcode: dns.RcodeRefused},
		{name: "notwarmfront.test.", qtype: dns.TypeA, rcode: dns.RcodeRefused},
		{name: `not\.warmfront.test.`, qtype: dns.TypeA, rcode: dns.RcodeRefused},
		{name: "warmfront.test.", qtype: dns.TypeAXFR, rcode: dns.RcodeRefused},
		{name: "warmfront.test.", qtype: dns.TypeIXFR, rcode: dns.RcodeRefused},
		{name: "warmfront.test.", qtype: dns.TypeOPT, rcode: dns.RcodeFormatError},
	} {
		t.Run(c.name+" "+dns.Type(c.qtype).String()+" "+c.from, func(t *testing.T) {
			from := viewer(t, "FRA")
			if c.from != "" {
				from = netip.MustParseAddr(c.from)
			}
			q := question(c.name, c.qtype)
			m := r.Answer(q, from, UDP)
			if m.Rcode != c.rcode {
				t.Errorf("rcode %s, want %s", dns.RcodeToString[m.Rcode], dns.RcodeToString[c.rcode])
			}
			compare(t, "answer", m.Answer, c.answer)
			compare(t, "authority", m.Ns, c.authority)
			compare(t, "additional", m.Extra, c.add)
			wantAA := c.rcode == dns.RcodeSuccess || c.rcode == dns.RcodeNameError
			if !m.Response || m.Id != q.Id || m.Authoritative != wantAA || m.RecursionAvailable || !m.RecursionDesired || m.Truncated {
				t.Errorf("header: %+v", m.MsgHdr)
			}
			if wantQ := c.rcode != dns.RcodeFormatError; wantQ != (len(m.Question) == 1 && m.Question[0] == q.Question[0]) {
				t.Errorf("question: %v", m.Question)
			}
			if m.IsEdns0() != nil {
				t.Error("OPT in the answer to a query without one")
			}
		})
	}
}

// viewer is an address in a POP's city.
func viewer(t testing.TB, code string) netip.Addr {
	b := netip.MustParseAddr(edgeAddr(t, code)).As4()
	b[2], b[3] = 9, 9
	return netip.AddrFrom4(b)
}

func edgeAddr(t testing.TB, code string) string {
	p, ok := geo.BundledCatalogue().ByCode(code)
	if !ok {
		t.Fatalf("no POP %s", code)
	}
	return edgeOf(p, 1).Addr.String()
}

// TestSeveralAddresses: as many as the POP has healthy nodes, up to what is configured, in
// an order that belongs to the block of viewers.
func TestSeveralAddresses(t *testing.T) {
	var nodes []cdn.Node
	for _, p := range twelve(t) {
		for k := range map[string]int{"NRT": 6, "FRA": 2}[p.Code] {
			n := edgeOf(p, k+1)
			n.HTTPSPort = 8443
			nodes = append(nodes, n)
		}
	}
	s := state(t, distributions(), nodes)
	r := newRouter(t, func(c *Config) { withTable(t)(c); c.State = func() *cdn.State { return s } })
	mark(r)
	for from, want := range map[string]int{"NRT": 4, "FRA": 2} {
		orders := map[string]bool{}
		for i := range 20 {
			a := viewer(t, from).As4()
			a[2] = byte(8 + i)
			q := question("dall.warmfront.test.", dns.TypeA)
			m, again := r.Answer(q, netip.AddrFrom4(a), UDP), r.Answer(q, netip.AddrFrom4(a), UDP)
			if len(m.Answer) != want || !slices.Equal(lines(m.Answer), lines(again.Answer)) {
				t.Fatalf("from %s: %v, then %v; want %d addresses", from, lines(m.Answer), lines(again.Answer), want)
			}
			orders[strings.Join(lines(m.Answer), " ")] = true
			h := r.Answer(question("dall.warmfront.test.", dns.TypeHTTPS), netip.AddrFrom4(a), TCP)
			if got := lines(h.Extra); len(got) < want || !slices.Equal(got[:want], lines(m.Answer)) {
				t.Fatalf("HTTPS from %s is accompanied by %v, the addresses are %v", from, got, lines(m.Answer))
			}
			a[3]++
			if neighbour := r.Answer(q, netip.AddrFrom4(a), UDP); !slices.Equal(lines(neighbour.Answer), lines(m.Answer)) {
				t.Fatalf("in one /24: %v and %v", lines(m.Answer), lines(neighbour.Answer))
			}
		}
		if len(orders) < 2 {
			t.Errorf("from %s all blocks are given %v", from, orders)
		}
	}
	if _, bits := askSubnet(t, r, "dall.warmfront.test.", viewer(t, "NRT")); bits != 24 {
		t.Errorf("the order belongs to a block, and the scope is %d", bits)
	}
}

// TestTwelveCities: each city is sent to its own edge, and when that is down to
// another that lives.
func TestTwelveCities(t *testing.T) {
	r := newRouter(t, nil)
	seen := map[string]bool{}
	for _, p := range twelve(t) {
		ask := func() string {
			m := r.Answer(question("dall."+testZone+".", dns.TypeA), viewer(t, p.Code), UDP)
			if len(m.Answer) != 1 {
				t.Fatalf("%s: %v", p.Code, m)
			}
			return m.Answer[0].(*dns.A).A.String()
		}
		mark(r)
		own := ask()
		if own != edgeAddr(t, p.Code) || seen[own] {
			t.Errorf("%s is sent to %s", p.Code, own)
		}
		seen[own] = true
		mark(r, p.Code)
		if other := ask(); other == own {
			t.Errorf("%s is still sent to its edge, which is down", p.Code)
		}
		mark(r)
		if again := ask(); again != own {
			t.Errorf("%s is sent to %s after its edge came back", p.Code, again)
		}
	}
}

func TestNotReady(t *testing.T) {
	r := newRouter(t, func(c *Config) { c.State = func() *cdn.State { return nil } })
	from := viewer(t, "FRA")
	for name, rcode := range map[string]int{
		"dall.warmfront.test.": dns.RcodeServerFailure, "unknown.warmfront.test.": dns.RcodeServerFailure,
		"warmfront.test.": dns.RcodeSuccess, "ns1.warmfront.test.": dns.RcodeSuccess, "other.example.": dns.RcodeRefused,
	} {
		if m := r.Answer(question(name, dns.TypeA), from, UDP); m.Rcode != rcode {
			t.Errorf("%s: %s while the journal is not read", name, dns.RcodeToString[m.Rcode])
		}
	}

	s := state(t, distributions(), nil)
	r = newRouter(t, func(c *Config) { c.State = func() *cdn.State { return s } })
	q := question("d100.warmfront.test.", dns.TypeA).SetEdns0(1232, false)
	m := r.Answer(q, from, UDP)
	if m.Rcode != dns.RcodeServerFailure || m.Authoritative {
		t.Errorf("without any edge: %v", m)
	}
	if ede, ok := m.IsEdns0().Option[0].(*dns.EDNS0_EDE); !ok || !strings.Contains(ede.ExtraText, "PriceClass_100") {
		t.Errorf("no word on why: %v", m.IsEdns0())
	}
	if m := r.Answer(question("unknown.warmfront.test.", dns.TypeA), from, UDP); m.Rcode != dns.RcodeNameError {
		t.Errorf("unknown name: %v", m)
	}
}

// TestSnapshotFollowsState: the very next answer rests on a new state, and an
// edge that was forgotten is not answered any more.
func TestSnapshotFollowsState(t *testing.T) {
	nrt, _ := geo.BundledCatalogue().ByCode("NRT")
	syd, _ := geo.BundledCatalogue().ByCode("SYD")
	sydney := edgeOf(syd, 1)
	sydney.HTTPSPort = 8443
	before := state(t, nil, []cdn.Node{edgeOf(nrt, 1), sydney})
	after := state(t, distributions(), []cdn.Node{sydney})
	now := before
	r := newRouter(t, func(c *Config) { c.State = func() *cdn.State { return now } })
	q, tokyo := question("dall.warmfront.test.", dns.TypeA), netip.MustParseAddr("127.120.9.9")
	if m := r.Answer(q, tokyo, UDP); m.Rcode != dns.RcodeNameError {
		t.Fatalf("before: %v", m)
	}
	now = after
	m := r.Answer(q, tokyo, UDP)
	compare(t, "answer", m.Answer, []string{"dall.warmfront.test. 60 IN A " + edgeOf(syd, 1).Addr.String()})
	if len(r.Edges()) != 1 {
		t.Errorf("edges: %v", r.Edges())
	}
	// A state without any edge is a membership lost.
	now = state(t, distributions(), nil)
	m = r.Answer(q, tokyo, UDP)
	compare(t, "answer", m.Answer, []string{"dall.warmfront.test. 60 IN A " + edgeOf(syd, 1).Addr.String()})
	if m := r.Answer(question("_8443._https.dall.warmfront.test.", dns.TypeHTTPS), tokyo, UDP); len(m.Answer) != 1 {
		t.Errorf("the port of the last known edge: %v", m)
	}
}

func TestResolve(t *testing.T) {
	r := newRouter(t, nil)
	mark(r, "NRT")
	d, err := r.Resolve("WWW.warmfront.test", dns.TypeA, netip.MustParseAddr("127.120.9.9"))
	if err != nil {
		t.Fatal(err)
	}
	if d.POP.Code != "SIN" || d.Addr.String() != edgeAddr(t, "SIN") || d.Distribution != "EALL" || !d.Located || d.Degraded || d.Place.City != "Tokyo" {
		t.Errorf("%+v", d)
	}
	if d.Ranking[0].Code != "NRT" || d.Ranking[0].Excluded != pick.Unhealthy || d.Ranking[1].Code != "SIN" || d.Ranking[1].Excluded != "" {
		t.Errorf("ranking: %+v", d.Ranking[:2])
	}
	if d, _ := r.Resolve("dall.warmfront.test", dns.TypeA, netip.MustParseAddr("192.0.2.1")); d.Located || d.POP.Code != "FRA" {
		t.Errorf("an address nobody knows: %+v", d)
	}
	for _, bad := range []struct {
		name  string
		qtype uint16
	}{{"nobody.warmfront.test", dns.TypeA}, {"www.elsewhere.example", dns.TypeA}, {"dall.warmfront.test", dns.TypeTXT}, {"d100.warmfront.test", dns.TypeAAAA}} {
		if _, err := r.Resolve(bad.name, bad.qtype, netip.MustParseAddr("127.120.9.9")); err == nil {
			t.Errorf("%v has an answer", bad)
		}
	}
}

func TestConfigIsValidated(t *testing.T) {
	good := func() Config {
		return Config{Zone: testZone, Listen: "127.0.0.1:0", State: func() *cdn.State { return nil }, Locate: locator(t)}
	}
	for name, spoil := range map[string]func(*Config){
		"no zone":         func(c *Config) { c.Zone = "" },
		"root":            func(c *Config) { c.Zone = "." },
		"two dots":        func(c *Config) { c.Zone = "a..b" },
		"no state":        func(c *Config) { c.State = nil },
		"no port":         func(c *Config) { c.Listen = "127.0.0.1" },
		"other host":      func(c *Config) { c.Listen = "192.0.2.77:0" },
		"wildcard, no NS": func(c *Config) { c.Listen = ":0" },
		"half settings":   func(c *Config) { c.Health.Interval = 1 },
		"long text":       func(c *Config) { c.Names = map[string]Record{"t": {Text: []string{strings.Repeat("x", 256)}}} },
		"bad name":        func(c *Config) { c.Names = map[string]Record{"a..b": {}} },
	} {
		cfg := good()
		spoil(&cfg)
		if r, err := New(cfg); err == nil {
			r.Close()
			t.Errorf("%s is accepted", name)
		}
	}
	r, err := New(good())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m := r.Answer(question("ns1.warmfront.test.", dns.TypeA), netip.MustParseAddr("127.0.0.1"), UDP)
	compare(t, "its own address is ns1", m.Answer, []string{"ns1.warmfront.test. 3600 IN A 127.0.0.1"})
}

// TestClassOverflow: viewers leave a price class only where it is allowed, while all of it
// is down, and both ends are logged.
func TestClassOverflow(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		log := &bytes.Buffer{}
		r := newRouter(t, func(c *Config) {
			c.ClassOverflow = allowed
			c.Logger = slog.New(slog.NewTextHandler(log, nil))
		})
		pop := func() string {
			return popOf(r.Answer(question("d100.warmfront.test.", dns.TypeA), viewer(t, "SYD"), UDP))
		}
		at := func(down ...string) {
			var list []health.Edge
			for _, e := range r.checker.Edges() {
				e.Healthy, e.Phase, e.LastGood = true, health.Up, testTime
				if slices.Contains(down, e.Node.POP) {
					e.Healthy, e.Phase = false, health.Down
				}
				list = append(list, e)
			}
			old := r.snap.Load()
			next := *old
			next.table = r.table(list, pick.Conditions{})
			r.sayOverflow(old.table, next.table)
			r.snap.Store(&next)
		}
		at()
		if got := pop(); got != "SFO" || log.Len() != 0 {
			t.Errorf("all are well: %s\n%s", got, log)
		}
		at("IAD", "SFO", "QRO", "LHR", "FRA")
		want := map[bool]string{true: "SYD", false: "SFO"}[allowed]
		if got := pop(); got != want || strings.Contains(log.String(), "PriceClass_100") != allowed {
			t.Errorf("allowed %v: %s, want %s\n%s", allowed, got, want, log)
		}
		at()
		if got := pop(); got != "SFO" || strings.Contains(log.String(), "within their price class again") != allowed {
			t.Errorf("allowed %v, all are well again: %s\n%s", allowed, got, log)
		}
	}
}
