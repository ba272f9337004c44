package router

import (
	"errors"
	"testing"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/router/dnssec"
)

// TestCAA follows RFC 8659: the records are at the apex, and names below that have
// none are NODATA, upon which an authority looks further up.
func TestCAA(t *testing.T) {
	r := newRouter(t, func(c *Config) { c.CAA = []string{`0 issue "ca.example.net"`, `128 issuewild ";"`} })
	mark(r)
	m := wireAnswer(t, r, pack(t, question("warmfront.test.", dns.TypeCAA)), UDP)
	compare(t, "answer", m.Answer, []string{
		`warmfront.test. 3600 IN CAA 0 issue "ca.example.net"`, `warmfront.test. 3600 IN CAA 128 issuewild ";"`,
	})
	m = wireAnswer(t, r, pack(t, question("dall.warmfront.test.", dns.TypeCAA)), UDP)
	if m.Rcode != 0 || len(m.Answer) != 0 || len(m.Ns) != 1 {
		t.Errorf("below: %v", m)
	}
	for _, bad := range []string{"", "issue", `0 issue`, "x y z", "0 issue \"a\"\nwarmfront.test. A 192.0.2.1", "300 issue \"a\""} {
		cfg, err := Config{Zone: testZone, Listen: "127.0.0.1:0", State: r.cfg.State, Locate: r.cfg.Locate, CAA: []string{bad}}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newZone(cfg, &dnssec.Signer{}); err == nil {
			t.Errorf("%q is taken for a CAA record", bad)
		}
	}
}

// TestAliasZones: in a zone for aliases an alias is answered as its distribution is,
// at the apex too, where a CNAME may not be.
func TestAliasZones(t *testing.T) {
	plans := append(distributions(), &cdn.Plan{
		ID: "EEX", Domain: "dex." + testZone, Enabled: true, IPv6: true, PriceClass: cdn.PriceClass100,
		Aliases: []string{"shop.example", "a.deep.shop.example", "*.img.shop.example", "www.other.example"},
	})
	r := newRouter(t, func(c *Config) {
		c.AliasZones = []string{"Shop.Example"}
		var nodes []cdn.Node
		for _, p := range twelve(t) {
			n := edgeOf(p, 1)
			n.HTTPSPort = 443
			nodes = append(nodes, n)
		}
		s := state(t, plans, nodes)
		c.State = func() *cdn.State { return s }
		c.CAA = []string{`0 issue "ca.example.net"`}
	})
	mark(r)
	const soa = "shop.example. 60 IN SOA ns1.warmfront.test. hostmaster.warmfront.test. 17 7200 900 1209600 60"
	negative := []string{soa}
	address := "A " + edgeAddr(t, "SFO") // of a viewer in Sydney, by price class 100
	for _, c := range []struct {
		name              string
		qtype             uint16
		rcode             int
		answer, authority []string
	}{
		{"shop.example.", dns.TypeSOA, 0, []string{soa}, nil},
		{"shop.example.", dns.TypeNS, 0, []string{"shop.example. 3600 IN NS ns1.warmfront.test.", "shop.example. 3600 IN NS ns2.warmfront.test."}, nil},
		{"shop.example.", dns.TypeCAA, 0, []string{`shop.example. 3600 IN CAA 0 issue "ca.example.net"`}, nil},
		{"Shop.Example.", dns.TypeA, 0, []string{"Shop.Example. 60 IN " + address}, nil},
		{"a.deep.shop.example.", dns.TypeA, 0, []string{"a.deep.shop.example. 60 IN " + address}, nil},
		{"deep.shop.example.", dns.TypeA, 0, nil, negative},
		{"b.deep.shop.example.", dns.TypeA, dns.RcodeNameError, nil, negative},
		{"x.img.shop.example.", dns.TypeA, 0, []string{"x.img.shop.example. 60 IN " + address}, nil},
		{"img.shop.example.", dns.TypeA, 0, nil, negative},
		{"nope.shop.example.", dns.TypeA, dns.RcodeNameError, nil, negative},
		{"ns1.shop.example.", dns.TypeA, dns.RcodeNameError, nil, negative},
		{"shop.example.", dns.TypeTXT, 0, nil, negative},
		{"a.deep.shop.example.", dns.TypeHTTPS, 0, []string{`a.deep.shop.example. 60 IN HTTPS 1 . alpn="h2" ipv4hint="` + edgeAddr(t, "SFO") + `" ipv6hint="` + edge6(t, "SFO") + `"`}, nil},
		{"shop.example.", dns.TypeAXFR, dns.RcodeRefused, nil, nil},
		{"www.other.example.", dns.TypeA, dns.RcodeRefused, nil, nil},
		{"notshop.example.", dns.TypeA, dns.RcodeRefused, nil, nil},
		{"example.", dns.TypeSOA, dns.RcodeRefused, nil, nil},
	} {
		t.Run(c.name+" "+dns.Type(c.qtype).String(), func(t *testing.T) {
			m := r.Answer(question(c.name, c.qtype), viewer(t, "SYD"), UDP)
			if m.Rcode != c.rcode || m.Authoritative != (c.rcode != dns.RcodeRefused) {
				t.Errorf("%+v", m.MsgHdr)
			}
			compare(t, "answer", m.Answer, c.answer)
			compare(t, "authority", m.Ns, c.authority)
		})
	}
	if m := r.Answer(question("shop.example.", dns.TypeNS), viewer(t, "SYD"), UDP); len(m.Extra) != 3 {
		t.Errorf("the addresses of the name servers: %v", m.Extra)
	}
	if d, err := r.Resolve("shop.example", TypeA, viewer(t, "SYD")); err != nil || d.Distribution == "" || d.POP.Code != "SFO" {
		t.Errorf("resolved %v %v", d, err)
	}
	if _, err := r.Resolve("www.other.example", TypeA, viewer(t, "SYD")); !errors.Is(err, ErrNoSuchName) {
		t.Errorf("an alias outside the zones: %v", err)
	}
}

func edge6(t *testing.T, code string) string {
	p, ok := geo.BundledCatalogue().ByCode(code)
	if !ok {
		t.Fatalf("no POP %s", code)
	}
	return edgeOf(p, 1).Addr6.String()
}

func TestAliasZonesRefused(t *testing.T) {
	for _, c := range [][]string{{""}, {"."}, {"a b"}, {testZone}, {"x." + testZone}, {"test"}, {"shop.example", "shop.example"}, {"shop.example", "a.shop.example"}} {
		if _, err := newZones(Config{Zone: testZone, AliasZones: c}, &dnssec.Signer{}); err == nil {
			t.Errorf("%q are taken for zones", c)
		}
	}
}
