package network

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/network/viewer"
	"github.com/warmfront/warmfront/router/load"
)

// spillBlocks is how many /24 of viewers there are in the city, from 127.120.8.0 on.
const spillBlocks = 16

// crowd is viewers in Tokyo, of which those of one /24 ask for the page some times a
// second, each time of the edge that DNS gives them then.
type crowd struct {
	t       *testing.T
	r       statefolder.Running
	stop    context.CancelFunc
	running sync.WaitGroup
	asked   atomic.Int64
}

func viewerIn(block, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 120, byte(8 + block), byte(host)})
}

// resolve asks as the viewer itself does, by UDP from its own address.
func resolve(server, name string, from netip.Addr) (netip.Addr, error) {
	c, err := (&net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}).Dial("udp", server)
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	q := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name + "."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	packet, err := q.Pack()
	if err != nil {
		return netip.Addr{}, err
	}
	if _, err := c.Write(packet); err != nil {
		return netip.Addr{}, err
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 1500)
	n, err := c.Read(buf)
	if err != nil {
		return netip.Addr{}, err
	}
	var m dnsmessage.Message
	if err := m.Unpack(buf[:n]); err != nil {
		return netip.Addr{}, err
	}
	for _, rr := range m.Answers {
		if a, ok := rr.Body.(*dnsmessage.AResource); ok {
			return netip.AddrFrom4(a.A), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address for %v: %v", from, m.Header)
}

// request asks an edge for the page from a viewer's address.
func request(r statefolder.Running, edge, from netip.Addr) error {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", hostPort(edge.String(), r.Ports.HTTP))
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(c, "GET /style.css HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", r.Domain); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// gather has each block ask every so often.
func gather(t *testing.T, r statefolder.Running, every time.Duration) *crowd {
	ctx, cancel := context.WithCancel(t.Context())
	c := &crowd{t: t, r: r, stop: cancel}
	for block := range spillBlocks {
		c.running.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for i := 0; ; i++ {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				from := viewerIn(block, 1+i%250)
				edge, err := resolve(r.DNS, r.Domain, from)
				if err == nil {
					err = request(r, edge, from)
				}
				if err != nil {
					t.Errorf("a viewer at %v: %v", from, err)
					return
				}
				c.asked.Add(1)
			}
		})
	}
	return c
}

func (c *crowd) leave() {
	c.stop()
	c.running.Wait()
}

// given returns which edge each block is given, and fails if it is not the same for some
// of its viewers: told apart by moments while the answer changes, so they are asked
// again then.
func given(t *testing.T, r statefolder.Running) (out [spillBlocks]string) {
	t.Helper()
	for block := range spillBlocks {
		for try := 0; ; try++ {
			seen := map[string]bool{}
			for _, host := range []int{1, 7, 100, 200, 254} {
				a, err := resolve(r.DNS, r.Domain, viewerIn(block, host))
				if err != nil {
					t.Fatal(err)
				}
				out[block] = a.String()
				seen[out[block]] = true
			}
			if len(seen) == 1 {
				break
			}
			if try == 3 {
				t.Fatalf("viewers of one /24 are given %v", seen)
			}
		}
	}
	return out
}

func count(all [spillBlocks]string, edge netip.Addr) (n int) {
	for _, a := range all {
		if a == edge.String() {
			n++
		}
	}
	return n
}

func within(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, limit)
		}
		<-time.After(100 * time.Millisecond)
	}
}

// TestACrowdIsSpreadOverCities: more viewers come to Tokyo than its edge is to answer. Some
// of them, by whole /24, are given Singapore, and all come back when there are fewer.
func TestACrowdIsSpreadOverCities(t *testing.T) {
	if testing.Short() {
		t.Skip("a crowd comes and goes within minutes")
	}
	_, r, _ := runningAs(t, "FRA,NRT,SIN,SYD", func(c *UpConfig) {
		c.Capacity = 40
		c.Load = load.Settings{Limit: 0.8, Return: 0.5, Confirm: time.Second, Hold: 6 * time.Second}
	})
	tokyo, singapore := EdgeAddr(120, 1), EdgeAddr(popNumber(t, "SIN"), 1)
	if all := given(t, r); count(all, tokyo) != spillBlocks {
		t.Fatalf("before anybody comes: %v", all)
	}
	ask := viewer.Resolver{Servers: []string{r.DNS}}
	if a, err := ask.Lookup(t.Context(), r.Domain, viewerIn(3, 9)); err != nil || a.Scope >= 24 {
		t.Errorf("before anybody comes, an answer holds for a /%d (%v)", a.Scope, err)
	}

	crowd := gather(t, r, 320*time.Millisecond) // 50 a second, 1.25 of the capacity
	var moved [spillBlocks]string
	within(t, 30*time.Second, "some are given Singapore", func() bool {
		moved = given(t, r)
		return count(moved, singapore) > 0
	})
	if away := count(moved, singapore); away > 13 || away+count(moved, tokyo) != spillBlocks {
		t.Errorf("%v", moved)
	}
	for block, edge := range moved {
		if edge != singapore.String() {
			continue
		}
		if a, err := ask.Lookup(t.Context(), r.Domain, viewerIn(block, 9)); err != nil || a.Scope != 24 {
			t.Errorf("what was sent on holds for a /%d (%v)", a.Scope, err)
		}
		x, err := ask.Explain(t.Context(), r.Domain, viewerIn(block, 9))
		if err != nil || x.Answer.From != "NRT" || x.Answer.POP != "SIN" || x.Answer.Block.Bits() != 24 {
			t.Errorf("explained: %+v, %v", x.Answer, err)
		}
		break
	}
	// Nobody else is: a viewer in Sydney stays there.
	if a, err := resolve(r.DNS, r.Domain, netip.AddrFrom4([4]byte{127, byte(popNumber(t, "SYD")), 8, 1})); err != nil || a != EdgeAddr(popNumber(t, "SYD"), 1) {
		t.Errorf("a viewer in Sydney is given %v (%v)", a, err)
	}
	within(t, 30*time.Second, "the edge in Tokyo is below its limit", func() bool {
		x, err := ask.Explain(t.Context(), r.Domain, viewerIn(0, 9))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range x.Ranking {
			if p.Code == "NRT" {
				return p.Use < 0.8 && p.Spill > 0
			}
		}
		return false
	})

	crowd.leave()
	if n := crowd.asked.Load(); n < 200 {
		t.Errorf("the crowd asked %d times: the test says little", n)
	}
	before := given(t, r)
	within(t, time.Minute, "all are given Tokyo again", func() bool {
		now := given(t, r)
		for block, edge := range now {
			if edge != before[block] && edge != tokyo.String() {
				t.Fatalf("block %d went from %s to %s on the way back", block, before[block], edge)
			}
		}
		before = now
		return count(now, tokyo) == spillBlocks
	})
}

// popNumber is the number of a POP in the catalogue.
func popNumber(t *testing.T, code string) int {
	t.Helper()
	p, ok := geo.BundledCatalogue().ByCode(code)
	if !ok {
		t.Fatalf("no POP %s", code)
	}
	return p.N
}
