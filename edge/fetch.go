package edge

import (
	"strings"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/fetch"
	"github.com/warmfront/warmfront/edge/policy"
	"github.com/warmfront/warmfront/edge/tier"
)

// fetch makes the fetch of what the request asks for.
func (x *exchange) fetch() fetch.Fetch {
	f := fetch.Fetch{
		Traced: x.span, Plan: x.Plan, Behavior: x.Behavior, Origin: x.Origin, Failover: x.Target.Failover, Planned: x.state.Version, Arrived: x.arrived,
		Key: strings.Clone(x.key), Request: x.OriginRequest(x.asking(false)), Encoding: x.Encoding, Pattern: strings.Clone(x.Bound),
	}
	for _, u := range x.uris {
		f.URIs = append(f.URIs, strings.Clone(u))
	}
	add := func(name string) {
		if value := x.Field(name); value != "" && !f.Varying.Has(name) {
			f.Varying.Add(name, value)
		}
	}
	for _, name := range [...]string{"Accept-Encoding", "User-Agent", "Cookie", "Host"} {
		add(name)
	}
	for _, name := range x.Behavior.Forward.Named {
		add(name)
	}
	for i := range x.Request.Header {
		add(x.Request.Header[i].Name)
	}
	f.Varying = f.Varying.Detached()
	if x.Strict() && x.Request.Method == "HEAD" {
		f.Stored = strings.Clone(x.Key("GET"))
	}
	f.Tiers, f.Fenced = x.above(), !x.leased
	if value, ok := x.partAsked(); ok {
		f.Ranged = true
		f.Request.Header.Set("Range", value)
	}
	f.Second = x.second(x.asking(false))
	if len(f.Tiers) > 0 || f.Second != nil && len(f.Second.Shield) > 0 {
		f.Rerouted = x.rerouted
		f.Upward, f.ID = x.TierRequest(false), strings.Clone(x.id)
	}
	return f
}

// second is the second origin of the behavior's group and the request to it; nil where
// there is none.
func (x *exchange) second(a policy.Asking) *fetch.Target {
	if x.Target.Second == nil || !origins.FailsOver(x.Request.Method) || x.Second || x.handedOn {
		return nil
	}
	v := x.View
	v.Origin = x.Target.Second
	return &fetch.Target{Origin: v.Origin, Request: v.OriginRequest(a), Shield: x.shield(tier.Second, v.Origin)}
}

// newFlight makes a flight for what a request asks for.
func (x *exchange) newFlight() *fetch.Flight {
	f := fetch.NewFlight(x.fetch(), x.Request.Interim)
	f.Timing = &fetch.Timing{}
	return f
}
