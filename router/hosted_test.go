package router

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
)

// hosting applies the change of a hosted zone to a state.
func hosting(t *testing.T, s *cdn.State, kind cdn.Kind, body any) *cdn.State {
	t.Helper()
	c, err := cdn.NewChange(kind, body, testTime)
	if err != nil {
		t.Fatal(err)
	}
	c.Version = s.Version.Next()
	if s, err = s.Apply(c); err != nil {
		t.Fatal(err)
	}
	return s
}

func zoneResource(id, name string, records ...account.Record) *cdn.Resource {
	return &cdn.Resource{Kind: cdn.ResourceHostedZone, ID: id, Name: name, Document: account.Encode(account.Zone{Records: records})}
}

// hostedRouter serves states that a test puts.
func hostedRouter(t *testing.T, change func(*Config)) (*Router, *atomic.Pointer[cdn.State]) {
	var now atomic.Pointer[cdn.State]
	r := newRouter(t, func(c *Config) {
		now.Store(c.State())
		c.State = now.Load
		if change != nil {
			change(c)
		}
	})
	mark(r)
	return r, &now
}

func ask(r *Router, name string, qtype uint16) (rcode int, answer, authority []string) {
	q := new(dns.Msg).SetQuestion(name, qtype)
	m := r.Answer(q, netip.MustParseAddr("127.143.9.9"), UDP) // a viewer in Sydney
	return m.Rcode, texts(m.Answer), texts(m.Ns)
}

func texts(rrs []dns.RR) (out []string) {
	for _, rr := range rrs {
		out = append(out, rr.String())
	}
	return out
}

func TestHostedZones(t *testing.T) {
	r, now := hostedRouter(t, nil)
	const zone = "elsewhere.example."
	if rcode, _, _ := ask(r, "www."+zone, dns.TypeA); rcode != dns.RcodeRefused {
		t.Errorf("before it is hosted: %s", dns.RcodeToString[rcode])
	}
	s := hosting(t, now.Load(), cdn.KindResourcePut, zoneResource("Z1", zone,
		account.Record{Name: zone, Type: "A", Alias: "dall." + testZone},
		account.Record{Name: zone, Type: "TXT", TTL: 5, Values: []string{`"v=spf1 -all" "two"`, `"a \"quoted\" one; with this"`}},
		account.Record{Name: "cdn." + zone, Type: "CNAME", TTL: 300, Values: []string{"dall." + testZone + "."}},
		account.Record{Name: "a.deep." + zone, Type: "A", TTL: 60, Values: []string{"192.0.2.1", "192.0.2.2"}},
		account.Record{Name: "a.deep." + zone, Type: "AAAA", TTL: 60, Values: []string{"2001:db8::1"}},
		account.Record{Name: "*.wild." + zone, Type: "A", Alias: "d100." + testZone},
		account.Record{Name: "gone." + zone, Type: "A", Alias: "dgone." + testZone},
	))
	now.Store(s)
	sydney, near := edgeAddr(t, "SYD"), edgeAddr(t, "SFO") // of the price class 100
	const soa = zone + "\t60\tIN\tSOA\tns1.warmfront.test. hostmaster.warmfront.test. "
	for _, c := range []struct {
		name  string
		qtype uint16
		rcode int
		// data of the answer's records; none is what there is not
		data []string
	}{
		{zone, dns.TypeA, 0, []string{sydney}},
		{"Elsewhere.Example.", dns.TypeA, 0, []string{sydney}},
		{zone, dns.TypeAAAA, 0, nil}, // there is no such record set
		{zone, dns.TypeTXT, 0, []string{`"v=spf1 -all" "two"`, `"a \"quoted\" one; with this"`}},
		{zone, dns.TypeNS, 0, []string{"ns1.warmfront.test.", "ns2.warmfront.test."}},
		{zone, dns.TypeSOA, 0, []string{"ns1.warmfront.test. hostmaster.warmfront.test."}},
		{"cdn." + zone, dns.TypeA, 0, []string{"dall.warmfront.test."}},
		{"cdn." + zone, dns.TypeCNAME, 0, []string{"dall.warmfront.test."}},
		{"cdn." + zone, dns.TypeTXT, 0, []string{"dall.warmfront.test."}},
		{"a.deep." + zone, dns.TypeA, 0, []string{"192.0.2.1", "192.0.2.2"}},
		{"a.deep." + zone, dns.TypeAAAA, 0, []string{"2001:db8::1"}},
		{"deep." + zone, dns.TypeA, 0, nil},
		{"x.wild." + zone, dns.TypeA, 0, []string{near}},
		{"x.y.wild." + zone, dns.TypeA, 0, []string{near}},
		{"b.deep." + zone, dns.TypeA, dns.RcodeNameError, nil},
		{"gone." + zone, dns.TypeA, 0, nil},
		// The distribution has it as an alias; the zone has no record set for it.
		{"www." + zone, dns.TypeA, dns.RcodeNameError, nil},
		{"other.example.", dns.TypeA, dns.RcodeRefused, nil},
		{zone, dns.TypeAXFR, dns.RcodeRefused, nil},
	} {
		rcode, answer, authority := ask(r, c.name, c.qtype)
		ok := rcode == c.rcode && len(answer) == len(c.data)
		for _, want := range c.data {
			ok = ok && slices.ContainsFunc(answer, func(got string) bool { return strings.Contains(got, want) })
		}
		if rcode != dns.RcodeRefused && len(answer) == 0 {
			ok = ok && len(authority) == 1 && strings.Contains(authority[0], soa)
		}
		if !ok {
			t.Errorf("%s %s: %s %q %q, want %q", c.name, dns.Type(c.qtype), dns.RcodeToString[rcode], answer, authority, c.data)
		}
	}
	if d, err := r.Resolve(zone, dns.TypeA, netip.MustParseAddr("127.143.9.9")); err != nil || d.Distribution != "EALL" {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := r.Resolve("www."+zone, dns.TypeA, netip.MustParseAddr("127.143.9.9")); err == nil {
		t.Error("what is not answered is resolved")
	}
	now.Store(hosting(t, s, cdn.KindResourceDelete, cdn.ResourceRef{Kind: cdn.ResourceHostedZone, ID: "Z1"}))
	if rcode, _, _ := ask(r, zone, dns.TypeA); rcode != dns.RcodeRefused {
		t.Errorf("after it was deleted: %s", dns.RcodeToString[rcode])
	}
}

// A zone beneath another answers for its names, one of --zone-for-aliases is replaced,
// and nothing takes the place of the network's own.
func TestHostedZonesBesideOthers(t *testing.T) {
	r, now := hostedRouter(t, func(c *Config) { c.AliasZones = []string{"elsewhere.example"} })
	if rcode, answer, _ := ask(r, "www.elsewhere.example.", dns.TypeA); rcode != 0 || len(answer) != 1 {
		t.Errorf("by --zone-for-aliases: %s %q", dns.RcodeToString[rcode], answer)
	}
	s := now.Load()
	for id, name := range map[string]string{"Z1": "elsewhere.example.", "Z2": "sub.elsewhere.example.", "Z3": testZone + ".", "Z4": "x." + testZone + "."} {
		s = hosting(t, s, cdn.KindResourcePut, zoneResource(id, name, account.Record{Name: "a." + name, Type: "A", TTL: 1, Values: []string{"192.0.2.9"}}))
	}
	now.Store(s)
	for name, want := range map[string]int{
		"www.elsewhere.example.": dns.RcodeNameError, "a.elsewhere.example.": 0, "a.sub.elsewhere.example.": 0, "b.sub.elsewhere.example.": dns.RcodeNameError,
		"a." + testZone + ".": dns.RcodeNameError, "a.x." + testZone + ".": dns.RcodeNameError, "dall." + testZone + ".": 0,
	} {
		if rcode, _, _ := ask(r, name, dns.TypeA); rcode != want {
			t.Errorf("%s: %s", name, dns.RcodeToString[rcode])
		}
	}
}

// TestHostedZoneInASignedOne: a zone that is signed stays what it is, whoever hosts one of its
// name or below it.
func TestHostedZoneInASignedOne(t *testing.T) {
	keys := keysOf(t, testZone, "shop.example")
	r, now := hostedRouter(t, func(c *Config) {
		c.AliasZones, c.Keys, c.Now = []string{"shop.example"}, keys, func() time.Time { return testTime }
	})
	s := now.Load()
	for i, zone := range []string{"shop.example.", "sub.shop.example."} {
		s = hosting(t, s, cdn.KindResourcePut, zoneResource("Z"+string(rune('1'+i)), zone,
			account.Record{Name: "www." + zone, Type: "A", TTL: 60, Values: []string{"192.0.2.1"}}))
	}
	now.Store(s)
	for _, name := range []string{"shop.example.", "sub.shop.example.", "www.sub.shop.example."} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeDS, dns.TypeDNSKEY} {
			m := askSigned(t, r, name, qtype, false)
			if err := validate(keys, m.Question[0], m, testTime); err != nil || len(m.Ns) == 0 && len(m.Answer) == 0 {
				t.Errorf("%s %s: %v %v", name, dns.Type(qtype), err, m)
			}
		}
	}
}
