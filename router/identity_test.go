package router

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/cookie"
)

// named gives a router all that it can say of itself.
func named(c *Config) {
	c.Identity, c.Version = "router-1", "Warmfront test"
	c.CookieSecret = []byte("a secret of this network, long enough")
	c.Now = func() time.Time { return testTime }
}

func optionsOf(m *dns.Msg) (out []string) {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			out = append(out, fmt.Sprintf("%d %s", o.Option(), o))
		}
	}
	return out
}

func local(code uint16, data string) *dns.EDNS0_LOCAL {
	return &dns.EDNS0_LOCAL{Code: code, Data: []byte(data)}
}

// TestOptions: what is asked for by EDNS, and what is said to it.
func TestOptions(t *testing.T) {
	r := newRouter(t, named)
	mark(r)
	silent := newRouter(t, nil)
	jar, err := cookie.New([]byte("a secret of this network, long enough"))
	if err != nil {
		t.Fatal(err)
	}
	from := viewer(t, "FRA")
	const client = "\x01\x02\x03\x04\x05\x06\x07\x08"
	good := string(jar.Reply(nil, []byte(client), cookie.Unproven, from, testTime.Add(-time.Minute)))
	fresh := hex.EncodeToString(jar.Reply(nil, []byte(client), cookie.Unproven, from, testTime))
	const nsid = "3 726f757465722d31" // "router-1"
	for _, c := range []struct {
		name    string
		proto   Proto
		options []dns.EDNS0
		rcode   int
		want    []string
	}{
		{name: "none"},
		{"RFC 5001, section 2.3", UDP, []dns.EDNS0{local(3, "")}, 0, []string{nsid}},
		{"RFC 5001, section 2.1: a query with data is as good", UDP, []dns.EDNS0{local(3, "x")}, 0, []string{nsid}},
		{"RFC 7828, section 3.3.2: TCP", TCP, []dns.EDNS0{local(11, "")}, 0, []string{"11 use tcp keep-alive, timeout 10000ms"}},
		{"RFC 7828, section 3.3.1: ignored by UDP", UDP, []dns.EDNS0{local(11, "")}, 0, nil},
		{"RFC 7873, section 5.2.3: a client without a server cookie", UDP, []dns.EDNS0{local(10, client)}, 0, []string{"10 " + fresh}},
		{"RFC 7873, section 5.2.5: a valid cookie", UDP, []dns.EDNS0{local(10, good)}, 0, []string{"10 " + hex.EncodeToString([]byte(good))}},
		{"RFC 7873, section 5.2.4: a wrong cookie", UDP, []dns.EDNS0{local(10, client+strings.Repeat("x", 16))}, 0, []string{"10 " + fresh}},
		{"RFC 7873, section 5.2.4: a cookie of another kind", UDP, []dns.EDNS0{local(10, client+strings.Repeat("x", 32))}, 0, []string{"10 " + fresh}},
		{"RFC 7873, section 5.2.2: too short", UDP, []dns.EDNS0{local(10, client[:7])}, dns.RcodeFormatError, nil},
		{"RFC 7873, section 5.2.2: empty", UDP, []dns.EDNS0{local(10, "")}, dns.RcodeFormatError, nil},
		{"RFC 7873, section 5.2.2: between the lengths", UDP, []dns.EDNS0{local(3, ""), local(10, client+"1234567")}, dns.RcodeFormatError, nil},
		{"RFC 7873, section 5.2.2: too long", UDP, []dns.EDNS0{local(10, strings.Repeat("x", 41))}, dns.RcodeFormatError, nil},
		{"RFC 7873, section 5.2: the first of two", UDP, []dns.EDNS0{local(10, client), local(10, good)}, 0, []string{"10 " + fresh}},
		{"all at once", UDP, []dns.EDNS0{local(10, client), subnetOption(1, 24, 0, 203, 0, 113), local(3, "")}, 0,
			[]string{"8 203.0.113.0/24/0", nsid, "10 " + fresh}},
		{"RFC 7871, section 7.1.2: a malformed subnet takes the rest with it", UDP,
			[]dns.EDNS0{local(10, client), subnetOption(1, 24, 0, 203, 0, 113, 1)}, dns.RcodeFormatError, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := withOptions(question("warmfront.test.", dns.TypeSOA), c.options...)
			m := wireAnswer(t, r, pack(t, q), c.proto)
			if got := optionsOf(m); m.Rcode != c.rcode || !slices.Equal(got, c.want) || (len(m.Answer) == 1) != (c.rcode == 0) {
				t.Errorf("%s %q, want %q", dns.RcodeToString[m.Rcode], got, c.want)
			}
			q.IsEdns0().SetVersion(1)
			if m := wireAnswer(t, r, pack(t, q), c.proto); c.rcode == 0 && (m.Rcode != dns.RcodeBadVers || optionsOf(m) != nil) {
				t.Errorf("of version 1: %v", m)
			}
			if c.rcode == 0 && c.name != "all at once" && c.proto == UDP {
				q.IsEdns0().SetVersion(0)
				if got := optionsOf(wireAnswer(t, silent, pack(t, q), UDP)); got != nil {
					t.Errorf("a router without a name or a secret says %q", got)
				}
			}
		})
	}
}

// TestCookieAlone: a query without a question asks for a cookie (RFC 7873, section 5.4).
func TestCookieAlone(t *testing.T) {
	r := newRouter(t, named)
	q := withOptions(&dns.Msg{MsgHdr: dns.MsgHdr{Id: 7}}, local(10, "12345678"))
	m := wireAnswer(t, r, pack(t, q), UDP)
	if m.Id != 7 || m.Rcode != 0 || len(m.Question)+len(m.Answer)+len(m.Ns) != 0 || len(optionsOf(m)) != 1 {
		t.Errorf("got %v", m)
	}
	q = withOptions(&dns.Msg{MsgHdr: dns.MsgHdr{Id: 7}}, local(10, "1234567"))
	if m = wireAnswer(t, r, pack(t, q), UDP); m.Rcode != dns.RcodeFormatError {
		t.Errorf("a malformed cookie alone: %v", m)
	}
}

// TestTrusted: from whom a client subnet is taken (RFC 7871, section 7.2.1: an option
// that is not looked at is left out of the answer).
func TestTrusted(t *testing.T) {
	r := newRouter(t, func(c *Config) {
		c.ECSTrusted = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("2001:db8::/64")}
	})
	mark(r)
	q := withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, 113))
	for from, want := range map[string]string{
		"192.0.2.1": "NRT", "::ffff:192.0.2.1": "NRT", "2001:db8::9": "NRT", viewer(t, "GRU").String(): "GRU", "192.0.2.17": "FRA",
	} {
		m := new(dns.Msg)
		if err := m.Unpack(r.respond(pack(t, q), netip.MustParseAddr(from), UDP, nil, r.cfg.Now())); err != nil {
			t.Fatal(err)
		}
		trusted := want == "NRT"
		if popOf(m) != want || (subnetOf(m) != nil) != trusted || m.IsEdns0() == nil {
			t.Errorf("asked by %s: %s, want %s: %v", from, popOf(m), want, m)
		}
	}
	bad := withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 1, 203, 0, 113))
	m := new(dns.Msg)
	if err := m.Unpack(r.respond(pack(t, bad), netip.MustParseAddr("192.0.2.17"), UDP, nil, r.cfg.Now())); err != nil || m.Rcode != dns.RcodeFormatError {
		t.Errorf("a malformed option of somebody who is not trusted: %v %v", err, m)
	}
}

// TestChaos follows RFC 4892 and custom.
func TestChaos(t *testing.T) {
	r, silent := newRouter(t, named), newRouter(t, nil)
	ask := func(r *Router, name string, qtype uint16) *dns.Msg {
		q := question(name, qtype)
		q.Question[0].Qclass = dns.ClassCHAOS
		return wireAnswer(t, r, pack(t, q), UDP)
	}
	for name, want := range map[string]string{
		"version.bind.": `version.bind. 0 CH TXT "Warmfront test"`, "Version.Server.": `Version.Server. 0 CH TXT "Warmfront test"`,
		"hostname.bind.": `hostname.bind. 0 CH TXT "router-1"`, "id.server.": `id.server. 0 CH TXT "router-1"`,
	} {
		m := ask(r, name, dns.TypeTXT)
		compare(t, name, m.Answer, []string{want})
		if m.Rcode != 0 || !m.Authoritative {
			t.Errorf("%s: %+v", name, m.MsgHdr)
		}
		if m = ask(r, name, dns.TypeA); m.Rcode != 0 || len(m.Answer)+len(m.Ns) != 0 {
			t.Errorf("%s, A: %v", name, m)
		}
		if m = ask(silent, name, dns.TypeTXT); m.Rcode != dns.RcodeRefused {
			t.Errorf("%s of a router that says nothing: %v", name, m)
		}
	}
	for _, name := range []string{"authors.bind.", "bind.", ".", "warmfront.test."} {
		if m := ask(r, name, dns.TypeTXT); m.Rcode != dns.RcodeRefused {
			t.Errorf("%s: %v", name, m)
		}
	}
}
