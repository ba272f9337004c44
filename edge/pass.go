package edge

import (
	"context"

	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/policy"
)

// pass hands the viewer's request to the origin and the answer back, both as
// streams; nothing is stored and nobody else waits.
func (x *exchange) pass(ctx context.Context) *message.Response {
	req := x.OriginRequest(x.asking(true))
	if err := x.edge.sign(req, x.Plan, x.Origin); err != nil {
		return x.failed(err)
	}
	resp, err := x.edge.origin.Do(ctx, x.Origin, req)
	x.edge.metrics.asked(resp, err)
	switch {
	case err != nil && ctx.Err() != nil:
		return x.gone()
	case err != nil:
		return x.failed(err)
	}
	x.done.status = resp.Status
	clean(resp, x.edge.cfg.Now())
	x.forgetUnsafe(resp.Status)
	return x.stream(resp)
}

// asking is what a request to the origin says of the edge.
func (x *exchange) asking(passing bool) policy.Asking {
	return policy.Asking{Passing: passing, Via: x.edge.pseudonym, ID: x.id, CDNLoop: x.edge.loopName}
}

// forgetUnsafe drops what is stored for a URI that an unsafe method has changed
// (RFC 9111 section 4.4). CloudFront does not.
func (x *exchange) forgetUnsafe(status int) {
	switch x.Request.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return
	}
	if x.Strict() && status < 400 {
		x.edge.store.RemoveKey(x.Key("GET"))
		x.edge.store.RemoveKey(x.Key("HEAD"))
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
