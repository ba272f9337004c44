package router

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/geo/netmap"
)

// located are the networks that locator knows.
func located(t testing.TB) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range geo.BundledCatalogue().POPs() {
		out = append(out, netip.PrefixFrom(netip.AddrFrom4([4]byte{127, byte(p.N)}), 16),
			netip.MustParsePrefix(fmt.Sprintf("fd77:%x::/32", p.N)))
	}
	for _, s := range []string{"203.0.112.0/20", "198.51.100.128/25", "2001:db8::/32", "8.0.0.0/6"} {
		out = append(out, netip.MustParsePrefix(s))
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return out
}

// tableOf makes the location table that goes with a locator.
func tableOf(t testing.TB, networks []netip.Prefix, locate func(netip.Addr) (Place, bool)) *netmap.Map {
	t.Helper()
	var b netmap.Builder
	l := &netmap.Layer{}
	for _, prefix := range networks {
		if p, ok := locate(prefix.Addr()); ok {
			l.Add(prefix, b.Point(netmap.Point{Lat: p.Lat, Lon: p.Lon}))
		}
	}
	m, err := b.Map(l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func withTable(t testing.TB) func(*Config) {
	m := tableOf(t, located(t), locator(t))
	return func(c *Config) { c.Table = func() *netmap.Map { return m } }
}

// askSubnet asks for an address and returns whose edge is the answer, and the scope.
func askSubnet(t *testing.T, r *Router, name string, a netip.Addr) (pop string, scope int) {
	t.Helper()
	family := byte(1)
	if a.Is6() {
		family = 2
	}
	q := withOptions(question(name, dns.TypeA), subnetOption(family, byte(a.BitLen()), 0, a.AsSlice()...))
	m := wireAnswer(t, r, pack(t, q), UDP)
	s := subnetOf(m)
	if s == nil {
		t.Fatalf("no subnet in the answer: %v", m)
	}
	return popOf(m), int(s.SourceScope)
}

// TestScopeIsShortest: the answer is the same within the scope, and not in the next
// shorter prefix, whatever is healthy and whatever the price class.
func TestScopeIsShortest(t *testing.T) {
	r := newRouter(t, withTable(t))
	networks := located(t)
	rnd := rand.New(rand.NewPCG(1, 7))
	for _, down := range [][]string{nil, {"NRT"}, {"IAD", "FRA", "LHR", "SIN"}} {
		mark(r, down...)
		for _, name := range []string{"dall.warmfront.test.", "d100.warmfront.test."} {
			pops, seen := map[netip.Addr]string{}, map[netip.Prefix]bool{}
			var ends []netip.Addr // where the answer may change
			for _, p := range networks {
				ends = append(ends, p.Addr(), lastOf(p).Next())
			}
			ends = append(ends, netip.IPv4Unspecified(), netip.IPv6Unspecified())
			pop := func(a netip.Addr) string {
				if pops[a] == "" {
					pops[a], _ = askSubnet(t, r, name, a)
					if _, known := r.cfg.Locate(a); !known {
						pops[a] = "whoever asks"
					}
				}
				return pops[a]
			}
			for range 50 {
				a := ends[rnd.IntN(len(ends))]
				if rnd.IntN(2) == 0 && a.Prev().IsValid() {
					a = a.Prev()
				}
				_, bits := askSubnet(t, r, name, a)
				same := func(bits int) bool {
					scope, err := a.Prefix(bits)
					if err != nil {
						t.Fatalf("%v: scope %d", a, bits)
					}
					return !slices.ContainsFunc(append(ends, scope.Addr()), func(b netip.Addr) bool {
						return scope.Contains(b) && pop(b) != pop(a)
					})
				}
				if !same(bits) || bits > 0 && same(bits-1) {
					t.Fatalf("%v, down %v: the scope of %v is %d", name, down, a, bits)
				}
				scope, _ := a.Prefix(bits)
				seen[scope] = true
			}
			for s := range seen {
				for o := range seen {
					if s != o && s.Overlaps(o) {
						t.Fatalf("%v, down %v: the scopes %v and %v overlap", name, down, s, o)
					}
				}
			}
		}
	}
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// TestScopeWhileViewersAreSentOn: all within a scope are given the same, scopes do not
// overlap, viewers nearest to other POPs keep theirs, and what moves are blocks of /24.
func TestScopeWhileViewersAreSentOn(t *testing.T) {
	for name, change := range map[string]func(*Config){"with a table": withTable(t), "without": nil} {
		t.Run(name, func(t *testing.T) {
			r := newRouter(t, change)
			mark(r)
			ask := func(a netip.Addr) (string, int) { return askSubnet(t, r, "dall.warmfront.test.", a) }
			type answer struct {
				pop  string
				bits int
			}
			before, moved, stayed := map[netip.Addr]answer{}, 0, 0
			var asked []netip.Addr
			for _, c := range []byte{112, 113, 118, 127} { // Tokyo
				for d := range 4 {
					asked = append(asked, netip.AddrFrom4([4]byte{203, 0, c, byte(d * 70)}))
				}
			}
			for i := range 60 {
				asked = append(asked, netip.AddrFrom4([4]byte{203, 0, byte(112 + i%16), byte(i)}),
					netip.AddrFrom4([4]byte{127, 120, byte(8 + i), 7}), netip.AddrFrom4([4]byte{8, byte(i), 3, 9}), netip.AddrFrom4([4]byte{198, 51, 100, byte(128 + i)}),
					netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, byte(i), 9}), netip.AddrFrom16([16]byte{0xfd, 0x77, 0, 120, 0, byte(i), byte(i)}))
			}
			for _, a := range asked {
				pop, bits := ask(a)
				before[a] = answer{pop, bits}
			}
			overLimit(r, map[string]float64{"NRT": 0.5, "GRU": 0.5})
			scopes := map[netip.Prefix]string{}
			for _, a := range asked {
				pop, bits := ask(a)
				was := before[a]
				if was.pop != "NRT" && was.pop != "GRU" {
					if was != (answer{pop, bits}) {
						t.Fatalf("%v is nearest to %v and is given %s, /%d", a, was, pop, bits)
					}
					continue
				}
				if most := map[bool]int{true: 24, false: 48}[a.Is4()]; bits < max(most, was.bits) {
					t.Fatalf("the scope of %v is %d, the block has %d bits, the POP's network %d", a, bits, most, was.bits)
				}
				scope, _ := a.Prefix(bits)
				if old, ok := scopes[scope]; ok && old != pop {
					t.Fatalf("in %v some are given %s and some %s", scope, old, pop)
				}
				scopes[scope] = pop
				if pop == was.pop {
					stayed++
				} else {
					moved++
				}
			}
			for s := range scopes {
				for o := range scopes {
					if s != o && s.Overlaps(o) {
						t.Fatalf("the scopes %v and %v overlap", s, o)
					}
				}
			}
			if moved < 20 || stayed < 20 {
				t.Errorf("%d moved, %d stayed: the test says little", moved, stayed)
			}
			overLimit(r, nil)
			for _, a := range asked {
				if pop, bits := ask(a); before[a] != (answer{pop, bits}) {
					t.Fatalf("%v is given %s, /%d, before it was %v", a, pop, bits, before[a])
				}
			}
		})
	}
}

// TestScopeWithTable: what the scope is where one can tell by hand. Without a table it
// is what TestClientSubnet says.
func TestScopeWithTable(t *testing.T) {
	r := newRouter(t, withTable(t))
	mark(r)
	for _, c := range []struct {
		addr, pop string
		scope     int
	}{
		{"203.0.113.9", "NRT", 20},
		{"8.8.8.8", "IAD", 6},
		{"192.168.7.1", "FRA", 6}, // 192.0.0.0/6 is as far as nobody knows any of it
		{"2001:db8::1", "GRU", 32},
		{"::ffff:203.0.113.9", "FRA", 3}, // as a subnet of IPv6
	} {
		a := netip.MustParseAddr(c.addr)
		if pop, scope := askSubnet(t, r, "dall.warmfront.test.", a); pop != c.pop || scope != c.scope {
			t.Errorf("%v: %s/%d, want %s/%d", a, pop, scope, c.pop, c.scope)
		}
	}
	mark(r, "IAD", "SFO", "LHR", "FRA")
	if pop, scope := askSubnet(t, r, "d100.warmfront.test.", netip.MustParseAddr("8.8.8.8")); pop != "QRO" || scope != 0 {
		t.Errorf("one POP of the class is left: %s/%d", pop, scope)
	}
}

// TestTableIsReplaced: a location table that was read anew takes effect by itself, and
// nobody waits for it.
func TestTableIsReplaced(t *testing.T) {
	before, after := tableOf(t, located(t), locator(t)), tableOf(t, nil, locator(t))
	var now atomic.Pointer[netmap.Map]
	now.Store(before)
	r := newRouter(t, func(c *Config) { c.Table = now.Load })
	mark(r)
	tokyo := netip.MustParseAddr("203.0.113.9")
	if pop, _ := askSubnet(t, r, "dall.warmfront.test.", tokyo); pop != "NRT" {
		t.Fatalf("before: %s", pop)
	}
	now.Store(after)
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(time.Millisecond) {
		// Nobody knows the address now.
		if pop, scope := askSubnet(t, r, "dall.warmfront.test.", tokyo); pop == "FRA" && scope == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the old table is still in use")
		}
	}
}
