package edge

import (
	"sync/atomic"
	"testing"

	"github.com/warmfront/warmfront/cdn"
)

// whenIsolated gives the distribution of a state its tag.
func whenIsolated(s *cdn.State, w cdn.WhenIsolated) cdn.Distribution {
	d := *s.Distributions["E1"]
	d.Tags = map[string]string{cdn.WhenIsolatedTag: w.String()}
	return d
}

// TestServeStaleServesWithoutALeaseByWhatIsApplied: what a node that was level with
// control in this run has stored it serves, and nothing that it knows to be invalid.
func TestServeStaleServesWithoutALeaseByWhatIsApplied(t *testing.T) {
	n := newNetwork(t, site{}, numbered())
	set := func(w cdn.WhenIsolated) { n.apply(cdn.KindDistributionPut, whenIsolated(n.state.Load(), w)) }
	var entitled atomic.Bool
	n.edge.cfg.Entitled = entitled.Load
	set(cdn.ServeStale)
	n.get("/x")
	n.lease.ended.Store(true)
	for _, step := range []struct {
		name   string
		before func()
		cache  string
		body   string
	}{
		{"never level with control in this run", nil, "Miss", "answer 2"},
		{"level once", func() { entitled.Store(true) }, "Hit", "answer 2"},
		{"invalidated", func() { n.invalidate("/x") }, "Miss", "answer 3"},
		{"and stored anew", nil, "Hit", "answer 3"},
		{"turned off", func() { set(cdn.Confirm) }, "Miss", "answer 4"},
		{"still off", nil, "Miss", "answer 5"},
		{"on again", func() { set(cdn.ServeStale) }, "Hit", "answer 5"},
		{"entitled no more", func() { entitled.Store(false) }, "Miss", "answer 6"},
	} {
		if step.before != nil {
			step.before()
		}
		if r := n.get("/x"); r.xcache() != step.cache || r.body != step.body {
			t.Errorf("%s: %s %q, want %s %q", step.name, r.xcache(), r.body, step.cache, step.body)
		}
	}
}

// TestServeStaleAsksTiersForNoConfirmation: nor does a tier without a lease ask the
// origin for one, unless who asks it must have the origin's word.
func TestServeStaleAsksTiersForNoConfirmation(t *testing.T) {
	for _, fenced := range []int{0, 1} {
		c := newCity(t, 2, site{}, numbered())
		for _, n := range c.nodes {
			n.edge.cfg.Entitled = func() bool { return true }
		}
		c.apply(cdn.KindDistributionPut, whenIsolated(c.nodes[0].state.Load(), cdn.ServeStale))
		uri := c.owner("/tier", 1)
		c.nodes[1].get(uri)
		c.nodes[fenced].lease.ended.Store(true)
		if r := c.nodes[0].get(uri); r.body != "answer 1" || c.at.count() != 1 {
			t.Errorf("node %d has no lease: %q, the origin was asked %d times", fenced, r.body, c.at.count())
		}
		c.nodes[fenced].edge.cfg.Entitled = nil
		other := c.owner("/other", 1)
		c.nodes[1].get(other)
		asked := c.at.count()
		if c.nodes[0].get(other); c.at.count() == asked {
			t.Errorf("node %d has no lease and was not level in this run: the origin was not asked", fenced)
		}
	}
}
