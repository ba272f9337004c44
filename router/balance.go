package router

import (
	"context"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/health"
	"github.com/warmfront/warmfront/router/latency"
	"github.com/warmfront/warmfront/router/load"
	"github.com/warmfront/warmfront/router/pick"
)

// balance has answers follow how loaded the POPs are, and how far from one another, until
// ctx ends.
func (r *Router) balance(ctx context.Context) {
	every := time.NewTicker(r.cfg.Health.Interval)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			r.weigh(r.checker.Edges(), r.cfg.Now())
		}
	}
}

// weigh takes in what the edges say of their load and of the ways between them.
func (r *Router) weigh(edges []health.Edge, now time.Time) {
	r.mu.Lock()
	changed := r.board.Step(r.reports(edges), now)
	states := r.board.States()
	r.loads.Store(&states)
	if changed {
		before := r.spill
		r.spill = r.board.Spill()
		for code, s := range states {
			if s.Spill != before[code] {
				r.cfg.Logger.Warn("another part of a POP's viewers is sent on to others, for its load", "pop", code, "part", s.Spill, "before", before[code], "use", s.Use)
			}
		}
	}
	if r.cfg.Latency && r.latencies.Step(now, latency.Sum(roundTrips(edges))) {
		changed, r.ways = true, pick.NewWays(r.latencies.Times())
	}
	r.mu.Unlock()
	if changed {
		r.renew()
	}
}

// roundTrips are what all edges measured: of one that is down what it said last, for its
// viewers have to go somewhere.
func roundTrips(edges []health.Edge) (out []latency.Report) {
	for _, e := range edges {
		out = append(out, latency.Report{POP: e.Node.POP, RoundTrips: e.Report.RoundTrips})
	}
	return out
}

// reports sums up what the healthy edges of each POP say.
func (r *Router) reports(edges []health.Edge) (out []load.POP) {
	at := map[string]int{}
	for _, e := range edges {
		if !e.Healthy {
			continue
		}
		i, ok := at[e.Node.POP]
		if !ok {
			i, at[e.Node.POP] = len(out), len(out)
			out = append(out, load.POP{Code: e.Node.POP, Class: r.classes[e.Node.POP]})
		}
		if e.Report.Capacity > 0 {
			out[i].Load += e.Report.Load
			out[i].Capacity += e.Report.Capacity
		}
	}
	return out
}

func (r *Router) loadStates() map[string]load.State { return *r.loads.Load() }

// classes are the cheapest price classes of the POPs, by their codes.
func classes(cfg Config) map[string]cdn.PriceClass {
	out := make(map[string]cdn.PriceClass, len(cfg.POPs))
	for _, p := range cfg.POPs {
		out[p.Code] = p.Class
	}
	return out
}
