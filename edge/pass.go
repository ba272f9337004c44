package edge

import (
	"context"
	"strings"

	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/originauth"
	"github.com/warmfront/warmfront/edge/policy"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// pass hands the viewer's request to the origin and the answer back, both as
// streams; nobody else waits, and nothing is stored but what a POST says is the
// answer to a GET.
func (x *exchange) pass(ctx context.Context) *message.Response {
	req := x.OriginRequest(x.asking(true))
	if err := originauth.Sign(x.edge.cfg.Signer, req, x.Plan, x.Origin); err != nil {
		return x.failed(err)
	}
	begun, sent := x.edge.begin(x.arrived, x.Plan, x.state.Version), x.edge.cfg.Now()
	resp, err := x.edge.origin.Do(ctx, x.Origin, req)
	x.edge.metrics.Asked(resp, err)
	switch {
	case err != nil && ctx.Err() != nil:
		return x.gone()
	case err != nil:
		return x.failed(err)
	}
	received := x.edge.cfg.Now()
	x.done.status, x.done.birth, x.done.from = resp.Status, begun.Birth, nil
	if resp.Upgraded != nil {
		return resp
	}
	clean(resp, received)
	x.forgetUnsafe(resp)
	if !x.Strict() || !rfc9111.AnswersGET(x.Request.Method, resp.Status, x.Request.URI(), resp.Header, x.Request.Host, x.Origin.Domain) {
		return x.stream(resp)
	}
	f := x.newFlight()
	f.Begun, f.status = begun, resp.Status
	f.key = strings.Clone(x.Key("GET"))
	f.get()
	if resp = x.edge.take(f, nil, resp, req.Header, sent, received); f.object == nil {
		return x.stream(f.take())
	}
	defer f.abandon()
	if resp != nil {
		e := x.edge
		e.fetches.Start(func() { e.fillBody(f, resp) }, func(err error) { e.breakOff(f, err) })
	}
	return x.fetched(ctx, f, true)
}

// asking is what a request to the origin says of the edge.
func (x *exchange) asking(passing bool) policy.Asking {
	return policy.Asking{Passing: passing, Via: x.edge.pseudonym, ID: x.id, CDNLoop: x.edge.cfg.Zone + loopParameter + x.Plan.ID}
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
		x.done.result = resultError
	}
	if x.Request.Method == "HEAD" {
		resp.Close()
		resp.Body = nil
	}
	return resp
}
