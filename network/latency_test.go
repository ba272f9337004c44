package network

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/network/viewer"
	"github.com/warmfront/warmfront/router/explain"
	"github.com/warmfront/warmfront/wan"
)

// TestViewersGoTheShortestMeasuredWay: edges measure the ways that the sandbox imposes, and a
// viewer whose own POP is down is sent to the one that is the least time from there.
func TestViewersGoTheShortestMeasuredWay(t *testing.T) {
	if testing.Short() {
		t.Skip("measures a whole network for a while")
	}
	model := wan.Model{Seed: 1, Scale: 0.2}
	u, r, _ := runningAs(t, "DXB,FRA,NRT,SIN", func(c *UpConfig) {
		c.WAN, c.DNS.Policy = model, "latency"
	})
	place := func(code string) wan.Place {
		for _, p := range u.cfg.POPs {
			if p.Code == code {
				return popPoint(p)
			}
		}
		t.Fatalf("no POP %s", code)
		return wan.Place{}
	}
	var trips operator.RoundTrips
	within(t, 40*time.Second, "all ways are measured", func() bool {
		trips = u.control.roundTrips(t.Context())
		return len(trips.Ways) == 4*3
	})
	if len(trips.Silent) > 0 {
		t.Errorf("not to be asked: %v", trips.Silent)
	}
	for _, w := range trips.Ways {
		// What a busy machine adds is all that may differ.
		if want := model.RTT(place(w.From), place(w.To)); w.Time < want || w.Time > want+want/2+25*time.Millisecond {
			t.Errorf("from %s to %s it takes %v, measured %v", w.From, w.To, want, w.Time)
		}
	}

	ask, tokyo := viewer.Resolver{Servers: []string{r.DNS}}, netip.MustParseAddr("127.120.9.9")
	var x explain.Explanation
	explained := func() explain.Explanation {
		var err error
		if x, err = ask.Explain(t.Context(), r.Domain, tokyo); err != nil {
			t.Fatal(err)
		}
		return x
	}
	// The first way that is measured counts at once, the rest half a minute later.
	within(t, time.Minute, "the router goes by all ways from Tokyo", func() bool {
		n := 0
		for _, p := range explained().Ranking {
			if p.Measured && p.Edges > 0 {
				n++
			}
		}
		return n == 4
	})
	if x.Answer.POP != "NRT" || x.Answer.At != "NRT" {
		t.Errorf("answered %+v", x.Answer)
	}
	next := x.Ranking[slices.IndexFunc(x.Ranking, func(p explain.POP) bool { return p.Excluded == "" && p.Code != "NRT" })]
	for _, code := range []string{"DXB", "FRA", "SIN"} {
		i := slices.IndexFunc(x.Ranking, func(p explain.POP) bool { return p.Code == code })
		if next.Way > x.Ranking[i].Way {
			t.Errorf("%s at %v is ranked before %s at %v", next.Code, next.Way, code, x.Ranking[i].Way)
		}
	}
	if _, err := u.fault(t.Context(), operator.Fault{Kind: "stop", Target: "NRT"}); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "Tokyo is given the POP that is the least time away", func() bool { return explained().Answer.POP == next.Code })
	if a, err := resolve(r.DNS, r.Domain, tokyo); err != nil || a != EdgeAddr(popNumber(t, next.Code), 1) {
		t.Errorf("answered %v (%v), explained %s", a, err, next.Code)
	}
}
