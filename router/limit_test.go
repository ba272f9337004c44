package router

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/cookie"
	"github.com/warmfront/warmfront/router/ratelimit"
	"github.com/warmfront/warmfront/router/transport"
)

func limited(c *Config) {
	named(c)
	c.RateLimit = ratelimit.Default(10) // 20 at once
}

// TestRateLimit: who is sent how many of a hundred answers at once.
func TestRateLimit(t *testing.T) {
	jar, err := cookie.New([]byte("a secret of this network, long enough"))
	if err != nil {
		t.Fatal(err)
	}
	from := netip.MustParseAddr("198.51.100.7")
	good := jar.Reply(nil, []byte("12345678"), cookie.Unproven, from, testTime)
	forged := append([]byte("12345678"), make([]byte, 16)...)
	dall := func(int) *dns.Msg { return question("dall.warmfront.test.", dns.TypeA) }
	withCookie := func(data []byte) func(int) *dns.Msg {
		return func(int) *dns.Msg {
			return withOptions(question("dall.warmfront.test.", dns.TypeA), local(10, string(data)))
		}
	}
	for _, c := range []struct {
		name  string
		query func(i int) *dns.Msg
		proto Proto
		whole int // the rest is truncated or dropped, by turns
	}{
		{"one question", dall, UDP, 20},
		{"its case is the same", func(i int) *dns.Msg {
			return question([]string{"dall.warmfront.test.", "dALL.warmfront.test."}[i%2], dns.TypeA)
		}, UDP, 20},
		{"names that do not exist", func(i int) *dns.Msg { return question(fmt.Sprintf("x%d.warmfront.test.", i), dns.TypeA) }, UDP, 20},
		{"names of others", func(i int) *dns.Msg { return question(fmt.Sprintf("x%d.example.", i), dns.TypeA) }, UDP, 20},
		{"TCP", dall, TCP, 100},
		{"a cookie", withCookie(good), UDP, 100},
		{"a client's cookie alone", withCookie(good[:8]), UDP, 20},
		{"a forged cookie", withCookie(forged), UDP, 20},
		{"a resolver for many subnets", func(i int) *dns.Msg {
			return withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, byte(i)))
		}, UDP, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRouter(t, limited)
			mark(r)
			whole, short, none := 0, 0, 0
			for i := range 100 {
				packet := pack(t, c.query(i))
				out := r.respond(packet, from, c.proto, nil, r.cfg.Now())
				if out == nil {
					none++
					continue
				}
				m := new(dns.Msg)
				if err := m.Unpack(out); err != nil {
					t.Fatal(err)
				}
				if !m.Truncated {
					whole++
					continue
				}
				short++
				if len(m.Answer)+len(m.Ns) != 0 || len(out) > len(packet) || len(m.Question) != 1 {
					t.Fatalf("truncated to %d bytes, of a query of %d: %v\n%s", len(out), len(packet), m, hex.Dump(out))
				}
			}
			if whole != c.whole || short != none || whole+short+none != 100 {
				t.Errorf("%d whole, %d truncated, %d dropped; want %d whole", whole, short, none, c.whole)
			}
		})
	}
}

// TestRateLimitNoAllocation: the fast path stays so.
func TestRateLimitNoAllocation(t *testing.T) {
	r := newRouter(t, limited)
	mark(r)
	packet, buf := pack(t, question("dall.warmfront.test.", dns.TypeA)), make([]byte, transport.UDPSize)
	from := netip.MustParseAddr("198.51.100.7")
	if n := testing.AllocsPerRun(10, func() {
		if r.respond(packet, from, UDP, buf, r.cfg.Now()) == nil {
			t.Fatal("no answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
