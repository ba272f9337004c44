package router

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/svcb"
)

// withHTTPS has edges in three cities: two speak HTTPS at 8443, that of
// Ashburn at 443; only Tokyo has an IPv6 address.
func withHTTPS(t *testing.T) func(*Config) {
	return func(c *Config) {
		var nodes []cdn.Node
		for _, p := range twelve(t) {
			n := edgeOf(p, 1)
			switch p.Code {
			case "NRT":
				n.HTTPSPort = 8443
			case "FRA":
				n.HTTPSPort, n.Addr6 = 8443, netip.Addr{}
			case "IAD":
				n.HTTPSPort, n.Addr6 = 443, netip.Addr{}
			default:
				continue
			}
			nodes = append(nodes, n)
		}
		plans := distributions()
		plans[0].HTTPVersion, plans[1].HTTPVersion = "http2and3", "http1.1"
		plans = append(plans, &cdn.Plan{ID: "EH3", Domain: "dh3." + testZone, Enabled: true, PriceClass: cdn.PriceClassAll, HTTPVersion: "http3"})
		s := state(t, plans, nodes)
		c.State = func() *cdn.State { return s }
	}
}

// TestHTTPS follows RFC 9460.
func TestHTTPS(t *testing.T) {
	r := newRouter(t, withHTTPS(t))
	mark(r)
	const soa = "warmfront.test. 60 IN SOA ns1.warmfront.test. hostmaster.warmfront.test. 8 7200 900 1209600 60"
	negative := []string{soa}
	nrt, iad := edgeAddr(t, "NRT"), edgeAddr(t, "IAD")
	for _, c := range []struct {
		title, name, from      string
		qtype                  uint16
		rcode                  int
		answer, authority, add []string
	}{
		{title: "section 9.2: both families, HTTP/3 and 2, at another port", name: "dall.warmfront.test.", from: "NRT", qtype: dns.TypeHTTPS,
			answer: []string{`dall.warmfront.test. 60 IN HTTPS 1 . alpn="h3,h2" port="8443" ipv4hint="` + nrt + `" ipv6hint="fd77:78::1"`},
			add:    []string{"dall.warmfront.test. 60 IN A " + nrt, "dall.warmfront.test. 60 IN AAAA fd77:78::1"}},
		{title: "section 9.1: under the port, the default is the port", name: "_8443._https.dall.warmfront.test.", from: "NRT", qtype: dns.TypeHTTPS,
			answer: []string{`_8443._https.dall.warmfront.test. 60 IN HTTPS 1 dall.warmfront.test. alpn="h3,h2" ipv4hint="` + nrt + `" ipv6hint="fd77:78::1"`},
			add:    []string{"dall.warmfront.test. 60 IN A " + nrt, "dall.warmfront.test. 60 IN AAAA fd77:78::1"}},
		{title: "case is kept in the owner, not in the target", name: "_8443._HTTPS.dALL.warmfront.TEST.", from: "FRA", qtype: dns.TypeHTTPS,
			answer: []string{`_8443._HTTPS.dALL.warmfront.TEST. 60 IN HTTPS 1 dall.warmfront.test. alpn="h3,h2" ipv4hint="` + edgeAddr(t, "FRA") + `" ipv6hint="fd77:78::1"`},
			add:    []string{"dall.warmfront.test. 60 IN A " + edgeAddr(t, "FRA"), "dall.warmfront.test. 60 IN AAAA fd77:78::1"}},
		{title: "port 443 goes without saying, and another port's IPv6 with it", name: "dall.warmfront.test.", from: "IAD", qtype: dns.TypeHTTPS,
			answer: []string{`dall.warmfront.test. 60 IN HTTPS 1 . alpn="h3,h2" ipv4hint="` + iad + `"`},
			add:    []string{"dall.warmfront.test. 60 IN A " + iad}},
		{title: "the edge here has no such port", name: "_8443._https.dall.warmfront.test.", from: "IAD", qtype: dns.TypeHTTPS, authority: negative},
		{title: "section 7.1.2: HTTP/1.1 is the default", name: "d100.warmfront.test.", from: "IAD", qtype: dns.TypeHTTPS,
			answer: []string{`d100.warmfront.test. 60 IN HTTPS 1 . ipv4hint="` + iad + `"`}, add: []string{"d100.warmfront.test. 60 IN A " + iad}},
		{title: "HTTP/3 without 2", name: "dh3.warmfront.test.", from: "IAD", qtype: dns.TypeHTTPS,
			answer: []string{`dh3.warmfront.test. 60 IN HTTPS 1 . alpn="h3" ipv4hint="` + iad + `"`}, add: []string{"dh3.warmfront.test. 60 IN A " + iad}},
		{title: "an alias", name: "www.warmfront.test.", from: "IAD", qtype: dns.TypeHTTPS,
			answer: []string{`www.warmfront.test. 60 IN HTTPS 1 . alpn="h3,h2" ipv4hint="` + iad + `"`}, add: []string{"www.warmfront.test. 60 IN A " + iad}},
		{title: "an alias under the port", name: "_8443._https.any.wild.warmfront.test.", from: "IAD", qtype: dns.TypeHTTPS, authority: negative},
		{title: "the name exists", name: "_8443._https.dall.warmfront.test.", qtype: dns.TypeA, authority: negative},
		{title: "an empty non-terminal", name: "_https.dall.warmfront.test.", qtype: dns.TypeHTTPS, authority: negative},
		{title: "RFC 8482", name: "_8443._https.dall.warmfront.test.", qtype: dns.TypeANY,
			answer: []string{`_8443._https.dall.warmfront.test. 3600 IN HINFO "RFC8482" ""`}},
		{title: "a port nobody has", name: "_8444._https.dall.warmfront.test.", qtype: dns.TypeHTTPS, rcode: dns.RcodeNameError, authority: negative},
		{title: "443 is at the name", name: "_443._https.dall.warmfront.test.", qtype: dns.TypeHTTPS, rcode: dns.RcodeNameError, authority: negative},
		{title: "no such distribution", name: "_8443._https.dnone.warmfront.test.", qtype: dns.TypeHTTPS, rcode: dns.RcodeNameError, authority: negative},
		{title: "not a port", name: "_08443._https.dall.warmfront.test.", qtype: dns.TypeHTTPS, rcode: dns.RcodeNameError, authority: negative},
		{title: "a name of the zone's own", name: "_8443._https.ns1.warmfront.test.", qtype: dns.TypeHTTPS, rcode: dns.RcodeNameError, authority: negative},
		{title: "outside", name: "_8443._https.www.elsewhere.example.", qtype: dns.TypeHTTPS, rcode: dns.RcodeRefused},
	} {
		t.Run(c.title, func(t *testing.T) {
			if c.from == "" {
				c.from = "FRA"
			}
			m := r.Answer(question(c.name, c.qtype), viewer(t, c.from), UDP)
			if m.Rcode != c.rcode || m.Authoritative != (c.rcode != dns.RcodeRefused) {
				t.Errorf("%+v", m.MsgHdr)
			}
			compare(t, "answer", m.Answer, c.answer)
			compare(t, "authority", m.Ns, c.authority)
			compare(t, "additional", m.Extra, c.add)
			if _, err := m.Pack(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHTTPSScope: it depends on the place as the addresses do.
func TestHTTPSScope(t *testing.T) {
	r := newRouter(t, withHTTPS(t))
	mark(r)
	q := withOptions(question("dall.warmfront.test.", dns.TypeHTTPS), subnetOption(1, 24, 0, 203, 0, 113))
	m := wireAnswer(t, r, pack(t, q), UDP)
	if s := subnetOf(m); s == nil || s.SourceScope != 20 || !strings.Contains(m.Answer[0].String(), edgeAddr(t, "NRT")) {
		t.Errorf("got %v", m)
	}
	empty := state(t, distributions(), nil)
	r = newRouter(t, func(c *Config) { c.State = func() *cdn.State { return empty } })
	if m := wireAnswer(t, r, pack(t, q), UDP); m.Rcode != dns.RcodeServerFailure || m.Authoritative {
		t.Errorf("without an edge: %v", m)
	}
}

func TestServicePrefix(t *testing.T) {
	for name, want := range map[string]struct {
		port uint16
		rest string
		ok   bool
	}{
		"_8443._https.x.test.": {8443, "x.test.", true}, "_https.x.test.": {0, "x.test.", true}, "_1._https.": {1, "", true},
		"_65535._https.x.": {65535, "x.", true}, "_65536._https.x.": {}, "_0._https.x.": {}, "_._https.x.": {}, "_+1._https.x.": {},
		"8443._https.x.": {}, "_8443._http.x.": {}, "_8443.": {}, "": {}, "_8443._tcp._https.x.": {},
	} {
		if port, rest, ok := svcb.Prefix(name); ok != want.ok || ok && (port != want.port || rest != want.rest) {
			t.Errorf("%q: %d %q %v", name, port, rest, ok)
		}
	}
}
