package edge

import (
	"context"
	"strings"

	"github.com/warmfront/warmfront/edge/fetch"
	"github.com/warmfront/warmfront/edge/fieldencryption"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/policy"
	"github.com/warmfront/warmfront/edge/result"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/edge/tier"
)

// pass hands the viewer's request to the origin and the answer back, both as
// streams; nobody else waits, and nothing is stored but what a POST says is the
// answer to a GET.
func (x *exchange) pass(ctx context.Context) *message.Response {
	if x.Behavior.Encryption != nil && fieldencryption.Applies(x.Request) {
		if resp := x.encrypt(ctx); resp != nil {
			return resp
		}
	}
	q := fetch.Question{
		Plan: x.Plan, Behavior: x.Behavior, Primary: fetch.Target{Origin: x.Origin, Request: x.OriginRequest(x.asking(true)), Shield: x.shield(tier.Shield, x.Origin)},
		Second: x.second(x.asking(true)), Failover: x.Target.Failover, Pattern: x.Bound, ID: x.id, Rerouted: x.rerouted, Timing: &fetch.Timing{},
	}
	if len(q.Primary.Shield) > 0 || q.Second != nil && len(q.Second.Shield) > 0 {
		q.Upward = x.TierRequest(true)
	}
	begun, sent := x.edge.fetcher.Begin(x.arrived, x.Plan, x.state.Version), x.edge.cfg.Now().Add(x.ahead)
	resp, header, why, err := x.edge.fetcher.Ask(ctx, q, nil)
	x.done.Failover, x.done.Timing = why, q.Timing
	switch {
	case err != nil && ctx.Err() != nil:
		return x.gone()
	case err != nil:
		return x.failed(err)
	}
	received := x.edge.cfg.Now().Add(x.ahead)
	x.done.Status, x.done.Birth, x.done.From = resp.Status, begun.Birth, nil
	if resp.Upgraded != nil {
		return resp
	}
	fetch.Clean(resp, received.Add(-x.ahead))
	x.forgetUnsafe(resp)
	if !x.Strict() || !rfc9111.AnswersGET(x.Request.Method, resp.Status, x.Request.URI(), resp.Header, x.Request.Host, x.Origin.Domain) {
		return x.stream(resp)
	}
	f := x.newFlight()
	f.Begun, f.Status, f.Ahead = begun, resp.Status, x.ahead
	f.Key = strings.Clone(x.Key("GET"))
	f.Get()
	x.edge.fetcher.Adopt(f, resp, header, sent, received)
	if f.Object == nil {
		return x.stream(f.Take())
	}
	defer f.Abandon()
	return x.fetched(ctx, f, true)
}

// asking is what a request to the origin says of the edge.
func (x *exchange) asking(passing bool) policy.Asking {
	return policy.Asking{Passing: passing, Via: x.edge.pseudonym, ID: x.id, CDNLoop: x.edge.gate.LoopMark(x.Plan.ID)}
}

// forgetUnsafe drops what is stored for the URIs that an unsafe method has changed
// (RFC 9111 section 4.4). CloudFront does not.
func (x *exchange) forgetUnsafe(resp *message.Response) {
	if !x.Strict() {
		return
	}
	for _, uri := range rfc9111.Invalidated(x.Request.Method, resp.Status, x.Request.URI(), resp.Header, x.Request.Host, x.Origin.Domain) {
		other, req := x.View, *x.Request
		req.Path, req.Query, _ = strings.Cut(uri, "?")
		other.Request = &req
		other.Aim(req.Path)
		x.edge.store.RemoveKey(other.Key("GET"))
		x.edge.store.RemoveKey(other.Key("HEAD"))
	}
}

// stream answers with what the origin sends, as it comes.
func (x *exchange) stream(resp *message.Response) *message.Response {
	if resp.Status >= 400 {
		x.done.Type = result.Error
	}
	if x.Request.Method == "HEAD" {
		resp.Close()
		resp.Body = nil
	}
	return resp
}
