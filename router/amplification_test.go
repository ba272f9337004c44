package router

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
	"github.com/warmfront/warmfront/router/cookie"
)

var amplifying = []byte("a secret of this network, long enough")

// cookieOf is the option of a client that has a router's cookie for its address.
func cookieOf(t testing.TB, secret []byte, from netip.Addr) dns.EDNS0 {
	t.Helper()
	jar, err := cookie.New(secret)
	if err != nil {
		t.Fatal(err)
	}
	return local(10, string(jar.Reply(nil, []byte("12345678"), cookie.Unproven, from, testTime)))
}

// amplifiers are routers that have much to say: with the longest identity, the most
// addresses, a hosted zone of long texts and short names, and with no key, one or two.
func amplifiers(t *testing.T) map[string]*Router {
	var nodes []cdn.Node
	for _, p := range twelve(t) {
		for k := range 9 {
			n := edgeOf(p, k+1)
			n.HTTPSPort = 8443
			nodes = append(nodes, n)
		}
	}
	plans := append(distributions(), &cdn.Plan{
		ID: "ESHORT", Domain: "dshort." + testZone, Enabled: true, IPv6: true, PriceClass: cdn.PriceClassAll, Aliases: []string{"a.b", "*.a.b"},
	})
	s := state(t, plans, nodes)
	text := func(n int) string { return strings.TrimSpace(strings.Repeat(`"`+strings.Repeat("x", 200)+`" `, n)) }
	s = hosting(t, s, cdn.KindResourcePut, zoneResource("Z1", "t.x.",
		account.Record{Name: "t.x.", Type: "TXT", TTL: 5, Values: []string{text(2), text(3)}},
		account.Record{Name: "1.t.x.", Type: "TXT", TTL: 5, Values: []string{text(1)}},
		account.Record{Name: "*.t.x.", Type: "TXT", TTL: 5, Values: []string{text(10)}},
	))
	out := map[string]*Router{}
	one := keysOf(t, testZone, "a.b")
	for how, keys := range map[string]func(c *Config){
		"unsigned": func(*Config) {}, "signed": func(c *Config) { c.Keys = one }, "rolling": func(c *Config) { c.Keys = rolled(t, one) },
	} {
		out[how] = newRouter(t, func(c *Config) {
			c.State = func() *cdn.State { return s }
			c.Addresses, c.AliasZones, c.Explain, c.CookieSecret = 8, []string{"a.b"}, true, amplifying
			c.Identity, c.Version = strings.Repeat("i", 255), strings.Repeat("v", 255)
			c.CAA = []string{`0 issue "ca.example.net"`, `0 iodef "mailto:` + strings.Repeat("x", 200) + `@example.net"`}
			keys(c)
		})
		mark(out[how])
	}
	return out
}

// TestAmplification: an answer by UDP to who has proven nothing is at most ten times as large
// as the query, whatever is asked for by whatever options, and what that leaves out is to be
// had by TCP. Whoever has a cookie is told all that fits his datagram.
func TestAmplification(t *testing.T) {
	names := []string{
		"warmfront.test.", "dall.warmfront.test.", "DALL.warmfront.test.", "d100.warmfront.test.", "any.wild.warmfront.test.", "deep.warmfront.test.", "x.y.warmfront.test.",
		"big.warmfront.test.", "nope.warmfront.test.", "ns1.warmfront.test.", "_8443._https.dall.warmfront.test.", "_explain.dall.warmfront.test.", "a.b.", "z.a.b.", "n._x.a.b.",
		"t.x.", "1.t.x.", "2.t.x.", "x.", ".", "www.elsewhere.example.", "id.server.", "version.bind.",
	}
	types := []uint16{
		dns.TypeA, dns.TypeAAAA, dns.TypeNS, dns.TypeSOA, dns.TypeTXT, dns.TypeMX, dns.TypeHTTPS, dns.TypeANY, dns.TypeDS, dns.TypeDNSKEY, dns.TypeCDS,
		dns.TypeCDNSKEY, dns.TypeCAA, dns.TypeNSEC, dns.TypeRRSIG, dns.TypeNXNAME, dns.TypeAXFR, 65000,
	}
	from := viewer(t, "FRA")
	good := cookieOf(t, amplifying, from)
	nsid, asked := &dns.EDNS0_NSID{Code: dns.EDNS0NSID}, local(10, "12345678")
	options := [][]dns.EDNS0{nil, {nsid}, {asked}, {nsid, asked}, {subnetOption(2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0)}, {good}, {nsid, good}}
	for how, r := range amplifiers(t) {
		t.Run(how, func(t *testing.T) {
			largest, what, short, plain := 0.0, "", map[string]bool{}, map[string]bool{}
			for _, name := range names {
				for _, qtype := range types {
					for i := range 2*len(options) + 1 { // the last is without EDNS
						for _, size := range []uint16{0, 512, 1232, 4096} {
							q := question(name, qtype)
							if i < 2*len(options) {
								q.SetEdns0(size, i%2 == 1)
								q.IsEdns0().Option = options[i/2]
							}
							if name == "id.server." || name == "version.bind." {
								q.Question[0].Qclass = dns.ClassCHAOS
							}
							proven := i < 2*len(options) && i/2 >= len(options)-2
							packet := pack(t, q)
							out := r.respond(packet, from, UDP, nil, testTime)
							m := new(dns.Msg)
							if err := m.Unpack(out); err != nil {
								t.Fatal(err)
							}
							asks := fmt.Sprintf("%s %s, options %d, size %d", name, dns.Type(qtype), i, size)
							if proven {
								checkProven(t, r, asks, packet, m, from)
								continue
							}
							if ratio := float64(len(out)) / float64(len(packet)); ratio > largest {
								largest, what = ratio, asks
							}
							if m.Truncated {
								question := name + " " + dns.Type(qtype).String()
								short[question] = true
								plain[question] = plain[question] || i < 2 && size == 1232
								checkByTCP(t, r, asks, packet, from)
							}
						}
					}
				}
			}
			t.Logf("at most %.1f times the query: %s; %d questions are sent to TCP", largest, what, len(short))
			if largest > 10 {
				t.Errorf("%.1f times the query: %s", largest, what)
			}
			for _, ask := range []string{"t.x. TXT", "2.t.x. TXT", "big.warmfront.test. TXT"} {
				if !short[ask] {
					t.Errorf("%s is never sent to TCP: the test says little", ask)
				}
			}
			for _, ask := range []string{"warmfront.test. NS", "warmfront.test. DNSKEY", "dall.warmfront.test. A", "d100.warmfront.test. A"} {
				if plain[ask] {
					t.Errorf("%s is sent to TCP: every resolver asks that", ask)
				}
			}
		})
	}
}

// checkByTCP: what was truncated is whole by TCP.
func checkByTCP(t *testing.T, r *Router, asks string, packet []byte, from netip.Addr) {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(r.respond(packet, from, TCP, nil, testTime)); err != nil {
		t.Fatal(err)
	}
	if m.Truncated || len(m.Answer)+len(m.Ns) == 0 {
		t.Errorf("%s by TCP: %v", asks, m)
	}
}

// checkProven: an answer to who has a cookie has what the one by TCP has, if that fits.
func checkProven(t *testing.T, r *Router, asks string, packet []byte, m *dns.Msg, from netip.Addr) {
	t.Helper()
	whole := new(dns.Msg)
	out := r.respond(packet, from, TCP, nil, testTime)
	if err := whole.Unpack(out); err != nil {
		t.Fatal(err)
	}
	if len(out) <= 512 && (m.Truncated || len(m.Answer) != len(whole.Answer) || len(m.Extra) != len(whole.Extra)) {
		t.Errorf("%s, with a cookie: %v\nby TCP: %v", asks, m, whole)
	}
}

// TestAmplificationAtRandom holds the same for names and options that chance makes up.
func TestAmplificationAtRandom(t *testing.T) {
	routers := amplifiers(t)
	rnd := rand.New(rand.NewPCG(10, 10))
	below := []string{"warmfront.test.", "wild.warmfront.test.", "dall.warmfront.test.", "a.b.", "t.x.", ""}
	rounds := 1_000
	if testing.Short() {
		rounds = 100
	}
	for range rounds {
		name := below[rnd.IntN(len(below))]
		for range rnd.IntN(4) {
			name = strings.Repeat(string(rune('a'+rnd.IntN(26))), 1+rnd.IntN(20)) + "." + name
		}
		q := question(dns.Fqdn(mixed(rnd, name)), uint16(rnd.IntN(300)))
		if rnd.IntN(4) > 0 {
			q.SetEdns0(uint16(rnd.IntN(5000)), rnd.IntN(3) > 0)
			q.IsEdns0().SetCo(rnd.IntN(2) == 0)
			for range rnd.IntN(3) {
				q.IsEdns0().Option = append(q.IsEdns0().Option, randomOption(rnd))
			}
		}
		packet, err := q.Pack()
		if err != nil {
			continue
		}
		for how, r := range routers {
			if out := r.respond(packet, viewer(t, "FRA"), UDP, nil, testTime); len(out) > 10*len(packet) {
				t.Errorf("%s: %d bytes in answer to %d: %v", how, len(out), len(packet), q)
			}
		}
	}
}
