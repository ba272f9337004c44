package router

import (
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
	"github.com/warmfront/warmfront/router/health"
)

// TestLoadMovesViewers: what the edges report becomes what is answered, and shows in the
// metrics.
func TestLoadMovesViewers(t *testing.T) {
	var nodes []cdn.Node
	for _, p := range twelve(t) {
		nodes = append(nodes, edgeOf(p, 1))
		if p.Code == "NRT" {
			nodes = append(nodes, edgeOf(p, 2), edgeOf(p, 3))
		}
	}
	s, reg := state(t, distributions(), nodes), prometheus.NewRegistry()
	r := newRouter(t, func(c *Config) {
		withTable(t)(c)
		c.State, c.Metrics = func() *cdn.State { return s }, reg
	})
	now := testTime
	told := func(seconds int, change func(*health.Edge)) {
		for range seconds {
			list := r.checker.Edges()
			for i := range list {
				list[i].Healthy = true
				change(&list[i])
			}
			now = now.Add(time.Second)
			r.weigh(list, now)
		}
		mark(r)
	}
	away := func() (n int) {
		for i := range 100 {
			a := viewer(t, "NRT").As4()
			a[2] = byte(8 + i)
			if pop, _ := askSubnet(t, r, "dall.warmfront.test.", netip.AddrFrom4(a)); pop == "SIN" {
				n++
			} else if pop != "NRT" {
				t.Fatalf("a viewer in Tokyo is given %s", pop)
			}
		}
		return n
	}
	// Two of Tokyo's three edges are at their capacity and the third is down: what it might
	// answer does not count.
	busy := func(e *health.Edge) {
		e.Report = report.Edge{Capacity: 100, Load: 10}
		if e.Node.POP == "NRT" {
			e.Report.Load = 100
			e.Healthy = e.Node.K != 3
		}
	}
	told(2, busy)
	if n := away(); n != 0 {
		t.Errorf("%d of 100 moved at once", n)
	}
	told(5, busy)
	if n := away(); n < 20 || n > 45 {
		t.Errorf("at 100 %% of its capacity Tokyo sends on %d of 100 blocks, want 30", n)
	}
	got := map[string]float64{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == "NRT" && m.GetGauge() != nil {
				got[f.GetName()] = m.GetGauge().GetValue()
			}
		}
	}
	if got["warmfront_router_pop_use_ratio"] != 1 || got["warmfront_router_pop_spill_ratio"] != 20.0/64 {
		t.Errorf("metrics: %v", got)
	}
	told(600, func(e *health.Edge) { e.Report = report.Edge{Capacity: 100, Load: 1} })
	if n := away(); n != 0 {
		t.Errorf("%d of 100 have not come back", n)
	}
	told(600, func(e *health.Edge) { e.Report = report.Edge{} })
	if len(r.loadStates()) != 0 || r.spill == nil {
		t.Errorf("edges that report nothing: %v", r.loadStates())
	}
	if _, err := (Config{Zone: testZone, Load: r.cfg.Load, Addresses: 9, State: r.cfg.State, Locate: r.cfg.Locate}).withDefaults(); err == nil {
		t.Error("nine addresses are taken")
	}
}
