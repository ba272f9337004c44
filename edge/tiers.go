package edge

import (
	"context"
	"fmt"
	"strings"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reroute"
	"github.com/warmfront/warmfront/edge/result"
	"github.com/warmfront/warmfront/edge/tier"
	"github.com/warmfront/warmfront/edge/upstream"
)

// joinTiers makes the edge one that asks others of its network and is asked by them.
func (e *Edge) joinTiers(cfg tier.Config) (err error) {
	cfg.Self, cfg.Draining, cfg.Logger, cfg.Registry = e.cfg.Node, e.draining.Load, e.cfg.Logger, e.cfg.Registry
	cfg.Applied = e.applied
	cfg.NewExchange = func() tier.Exchange { return peer{e.newExchange()} }
	if e.tiers, err = tier.New(cfg); err != nil {
		return fmt.Errorf("the address for other edges: %w", err)
	}
	e.fetcher.Tiers = e.tiers
	e.servers = append(e.servers, serving{e.tiers, e.tiers.Serve})
	return nil
}

// above lists the tiers to ask for what the request asks for. What was for one
// viewer alone gains nothing on its way through another cache. Under RFC 9111 none is:
// an unsafe method outdates what the node has that it comes through (section 4.4), and
// would be answered by what another still has.
func (x *exchange) above() []tier.Tier {
	if x.Strict() || x.edge.fetcher.Alone(x.key, x.real()) {
		return nil
	}
	return x.edge.tiers.Above(x.level, x.state.Nodes, x.Plan, x.Origin, x.key)
}

// shield lists the Origin Shield of an origin, as a tier of that level, for a request
// that no other tier is asked: one of a viewer that is not cached, or one to the second
// origin of a group. A connection that is given over, and HTTP/2 to the origin, have no
// way through a tier: they go to the origin from the edge (difference 231). Under RFC 9111
// nothing is shared: see above.
func (x *exchange) shield(level tier.Level, o *origins.Origin) []tier.Tier {
	if x.handedOn || x.level >= level || x.Strict() || x.Request.Upgrade != "" || upstream.IsGRPC(x.Request) {
		return nil
	}
	return x.edge.tiers.Shielding(level, x.state.Nodes, x.Plan, o, x.key)
}

// peer is an exchange that answers other edges. The checks of viewers, error pages
// and CloudFront's fields are the asker's.
type peer struct{ *exchange }

// Answer implements tier.Exchange.
func (p peer) Answer(ctx context.Context, r *message.Request, a tier.Ask) (*message.Response, tier.Answer) {
	p.receive(r)
	if p.edge.cfg.Tracer == nil {
		return p.answer(ctx, r, a)
	}
	resp, answer := p.answer(p.traceAsked(ctx, r, a), r, a)
	p.traceAnswered(resp, answer)
	return resp, answer
}

// answer is Answer of what has been received.
func (p peer) answer(ctx context.Context, r *message.Request, a tier.Ask) (*message.Response, tier.Answer) {
	x := p.exchange
	x.id, x.level, x.Relayed = a.ID, a.Level, true
	if x.state == nil || !tier.Satisfies(x.state.Version, a.Least) {
		return tier.Pass(tier.Lagging)
	}
	if x.Plan = x.state.Plans[a.Distribution]; x.Plan == nil || !x.Plan.Enabled {
		return tier.Pass(tier.Unknown)
	}
	x.leased = x.Plan.MayServe(x.leased, x.entitled) && !a.Confirm
	x.Second, x.handedOn = a.Level == tier.Second, a.Passing
	x.aim(r.Path)
	if a.Behavior != "" && !x.keepTo(a.Behavior) {
		return tier.Pass(tier.Unknown)
	}
	if a.Rerouted != "" && !x.goTo(a.Rerouted) {
		return tier.Pass(tier.Unknown)
	}
	switch {
	case x.Second && x.Target.Second == nil:
		return tier.Pass(tier.Unknown)
	case a.Passing:
		return p.passOn(ctx)
	case !x.Cacheable():
		return tier.Pass(tier.Uncacheable)
	}
	resp := x.serve(ctx)
	if x.done.Failure != "" {
		return x.failedAbove(resp)
	}
	resp.Header.Add("Cache-Status", x.cacheStatus())
	if o := x.done.From; o != nil {
		return resp, tier.Answer{Birth: o.Birth, Compressed: o.Compressed, OriginTag: o.OriginTag, Result: x.result()}
	}
	return resp, tier.Answer{Birth: x.done.Birth}
}

// passOn hands a request to the origin, whose shield the node is. Whatever comes was
// born now.
func (p peer) passOn(ctx context.Context) (*message.Response, tier.Answer) {
	x := p.exchange
	x.done.Forward = "bypass"
	resp := x.pass(ctx)
	if x.done.Failure != "" {
		return x.failedAbove(resp)
	}
	resp.Header.Add("Cache-Status", x.cacheStatus())
	return resp, tier.Answer{Birth: x.state.Version}
}

// failedAbove tells the asker why the origin gave no answer.
func (x *exchange) failedAbove(resp *message.Response) (*message.Response, tier.Answer) {
	resp.Close()
	a := tier.Answer{Failed: x.done.Failure}
	if x.done.Type.OfFunction() {
		a.Result = x.done.Type.String()
	}
	return &message.Response{Status: resp.Status}, a
}

// keepTo has a request belong to the behavior with that pattern: a function has changed its
// path. False if there is none.
func (x *exchange) keepTo(pattern string) bool {
	for i := range x.Plan.Behaviors {
		if b := &x.Plan.Behaviors[i]; b.Pattern == pattern {
			x.AimBy(b, x.Request.Path)
			x.uris = x.URIs(x.uris[:0])
			x.key = x.Key(x.Request.Method)
			return true
		}
	}
	return false
}

// goTo sends a request where a function sent it at the node that asks. False if this plan
// has not what that needs.
func (x *exchange) goTo(rerouted string) bool {
	changes, err := reroute.Decode(rerouted)
	if err != nil {
		return false
	}
	target, err := changes.Apply(x.Plan, x.Target)
	if err != nil {
		return false
	}
	x.GoTo(target)
	x.rerouted = strings.Clone(rerouted)
	return true
}

// result is what the asker tells its viewer that the caches did. Only what the Origin
// Shield had as a layer of its own is called so: of a regional edge cache that is the
// shield besides, it is a hit like any (belief 108).
func (x *exchange) result() string {
	switch {
	case x.done.Hit && x.level == tier.Shield:
		return tier.ShieldHit
	case x.done.Hit:
		return tier.Hit
	}
	switch x.done.Type {
	case result.Hit, result.RefreshHit, result.ShieldHit:
		return x.done.Type.String()
	}
	return ""
}

// Delivered implements tier.Exchange.
func (p peer) Delivered(d message.Delivery) {
	if p.span != nil {
		p.traceSent(d)
	}
	p.edge.metrics.PeerServed(p.done.Type.String())
	p.release()
}
