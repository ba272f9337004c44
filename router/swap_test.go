package router

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo/netmap"
)

// TestSwapsLoseNoQuery: while the journal's state, the health of edges and the location
// table change all the time, every query is answered, and with an address.
func TestSwapsLoseNoQuery(t *testing.T) {
	var nodes []cdn.Node
	for _, p := range twelve(t) {
		nodes = append(nodes, edgeOf(p, 1), edgeOf(p, 2))
	}
	states := []*cdn.State{state(t, distributions(), nodes), state(t, distributions()[:1], nodes[:14]), state(t, distributions(), nodes[10:])}
	tables := []*netmap.Map{tableOf(t, located(t), locator(t)), tableOf(t, located(t)[:100], locator(t)), nil}
	var now atomic.Pointer[cdn.State]
	var table atomic.Pointer[netmap.Map]
	now.Store(states[0])
	table.Store(tables[0])
	r, _ := serve(t, func(c *Config) { c.State, c.Table = now.Load, table.Load })

	var asking, swapping sync.WaitGroup
	done := make(chan struct{})
	swaps := 0
	swapping.Go(func() {
		for ; ; swaps++ {
			select {
			case <-done:
				return
			default:
			}
			now.Store(states[swaps%len(states)])
			table.Store(tables[swaps/2%len(tables)])
			r.Refresh()
			r.renew()
		}
	})
	for range 4 {
		asking.Go(func() {
			c, err := net.Dial("udp", r.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			buf := make([]byte, 1500)
			for i := range 200 {
				q := withSubnet(question("dall.warmfront.test.", dns.TypeA), "203.0.113.0")
				q.Id = uint16(i)
				packet, err := q.Pack()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = c.Write(packet)
				_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
				n, err := c.Read(buf)
				m := new(dns.Msg)
				if err != nil || m.Unpack(buf[:n]) != nil || m.Id != q.Id || popOf(m) == "" {
					t.Errorf("query %d: %v %v", i, err, m)
					return
				}
			}
		})
	}
	asking.Wait()
	close(done)
	swapping.Wait()
	if swaps < 10 {
		t.Errorf("only %d swaps: the test says little", swaps)
	}
}
