package router

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
	"github.com/warmfront/warmfront/geo/netmap"
)

// TestSwapsLoseNoQuery: while the journal's state, the health of edges, their load and the
// location table change all the time, every query is answered, and with an address.
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
	swaps, spilled := 0, 0
	at := testTime
	weigh := func() { // Tokyo is overloaded, Singapore at times
		list := r.checker.Edges()
		for i := range list {
			list[i].Healthy = true
			list[i].Report = report.Edge{Capacity: 100, Load: map[string]float64{"NRT": 150, "SIN": float64(swaps / 50 % 2 * 120)}[list[i].Node.POP]}
		}
		at = at.Add(time.Second)
		r.weigh(list, at)
		if r.spill["NRT"] > 0 {
			spilled++
		}
	}
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
			weigh()
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
	if swaps < 10 || spilled == 0 {
		t.Errorf("only %d swaps, %d with viewers sent on: the test says little", swaps, spilled)
	}
}
