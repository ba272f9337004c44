package edge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/originauth"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/tier"
)

// joinTiers makes the edge one that asks others of its network and is asked by them.
func (e *Edge) joinTiers(cfg tier.Config) (err error) {
	cfg.Self, cfg.Draining, cfg.Logger, cfg.Registry = e.cfg.Node, e.draining.Load, e.cfg.Logger, e.cfg.Registry
	cfg.Applied = e.applied
	cfg.NewExchange = func() tier.Exchange { return peer{e.newExchange()} }
	if e.tiers, err = tier.New(cfg); err != nil {
		return fmt.Errorf("the address for other edges: %w", err)
	}
	e.servers = append(e.servers, serving{e.tiers, e.tiers.Serve})
	return nil
}

// above lists the tiers to ask for what the request asks for. What was for one
// viewer alone gains nothing on its way through another cache. Under RFC 9111 none is:
// an unsafe method outdates what the node has that it comes through (section 4.4), and
// would be answered by what another still has.
func (x *exchange) above() []tier.Tier {
	if x.Strict() || x.edge.lone.Has(x.key, x.start) {
		return nil
	}
	return x.edge.tiers.Above(x.level, x.state.Nodes, x.Plan, x.key)
}

// forward sends a fetch up: to the tiers in turn, and to the origin where none of
// them answers. with adds fields to what the fetch asks for. It returns the header
// that the origin was, or would have been, asked with.
func (e *Edge) forward(f *fetch, interim func(int, message.Header), with func(*message.Header)) (*message.Response, message.Header, error) {
	req := *f.request
	req.Header, req.Interim = f.request.Header.Clone(roomForOwnFields), interim
	if f.answer = (tier.Answer{}); len(f.tiers) > 0 {
		up := *f.upward
		up.Header, up.Interim = f.upward.Header.Clone(roomForOwnFields), interim
		if f.ranged {
			up.Header.Set("Range", req.Header.Get("Range"))
		}
		with(&up.Header)
		resp, answer, err := e.tiers.Do(e.ctx, f.tiers, e.asks(f), &up)
		if passed := (*tier.PassedOver)(nil); !errors.As(err, &passed) && !f.outdated(e.cfg.State().Invalidations(f.plan.ID), resp, answer) {
			f.answer = answer
			return resp, req.Header, err
		}
	}
	if err := originauth.Sign(e.cfg.Signer, &req, f.plan, f.origin); err != nil {
		return nil, nil, err
	}
	with(&req.Header)
	resp, err := e.origin.Do(e.ctx, f.origin, &req)
	e.metrics.Asked(resp, err)
	return resp, req.Header, err
}

// asks says what a tier must know to answer a fetch. All who will take the answer for their own have arrived by now. Whatever
// was Completed before that is in the state of a node that has its lease, read in
// this order; a node without asks for the origin's confirmation (K).
func (e *Edge) asks(f *fetch) tier.Ask {
	leased := f.plan.MayServe(e.cfg.Lease.Valid(time.Now()), e.cfg.entitled())
	state := e.cfg.State()
	inv := state.Invalidations(f.plan.ID)
	least, newest := reuse.Need(reuse.Newest(inv, slices.Concat(f.uris, f.others)), inv.Tagged().Max(f.plan.Version), state.Version.Epoch)
	return tier.Ask{
		Distribution: f.plan.ID, Newest: newest, Least: least, Confirm: !leased || f.fenced,
		Viewer: f.upward.Viewer, Scheme: f.upward.Scheme, Major: f.upward.Major, Minor: f.upward.Minor, ID: f.id,
		Timeout: cmp.Or(f.origin.ReadTimeout, 30*time.Second) + 5*time.Second,
	}
}

// bornAt is the birth of what the flight brought.
func (f *flight) bornAt() cdn.Version { return reuse.Birth(f.Birth, f.answer.Birth) }

// peer is an exchange that answers other edges. The checks of viewers, error pages
// and CloudFront's fields are the asker's.
type peer struct{ *exchange }

// Answer implements tier.Exchange.
func (p peer) Answer(ctx context.Context, r *message.Request, a tier.Ask) (*message.Response, tier.Answer) {
	x := p.exchange
	x.receive(r)
	x.id, x.level = a.ID, a.Level
	if x.state == nil || !tier.Satisfies(x.state.Version, a.Least) {
		return tier.Pass(tier.Lagging)
	}
	if x.Plan = x.state.Plans[a.Distribution]; x.Plan == nil || !x.Plan.Enabled {
		return tier.Pass(tier.Unknown)
	}
	x.leased = x.Plan.MayServe(x.leased, x.entitled) && !a.Confirm
	if x.aim(r.Path); !x.Cacheable() {
		return tier.Pass(tier.Uncacheable)
	}
	resp := x.serve(ctx)
	if x.done.failure != "" {
		resp.Close()
		return &message.Response{Status: resp.Status}, tier.Answer{Failed: x.done.failure}
	}
	resp.Header.Add("Cache-Status", x.cacheStatus())
	if o := x.done.from; o != nil {
		return resp, tier.Answer{Birth: o.Birth, Compressed: o.Compressed, OriginTag: o.OriginTag}
	}
	return resp, tier.Answer{Birth: x.done.birth}
}

// Delivered implements tier.Exchange.
func (p peer) Delivered(message.Delivery) {
	p.edge.metrics.PeerServed(p.done.result.String())
	p.release()
}
