package edge

import (
	"context"

	"github.com/warmfront/warmfront/edge/message"
)

// pass hands the viewer's request to the origin and the answer back, both as
// streams; nothing is stored and nobody else waits.
func (x *exchange) pass(ctx context.Context) *message.Response {
	req := x.originRequest(true)
	if err := x.edge.sign(req, x.plan, x.origin); err != nil {
		return x.failed(err)
	}
	resp, err := x.edge.origin.Do(ctx, x.origin, req)
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

// forgetUnsafe drops what is stored for a URI that an unsafe method has changed
// (RFC 9111 section 4.4). CloudFront does not.
func (x *exchange) forgetUnsafe(status int) {
	switch x.req.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return
	}
	if x.strict() && status < 400 {
		x.edge.store.RemoveKey(x.cacheKey("GET"))
		x.edge.store.RemoveKey(x.cacheKey("HEAD"))
	}
}

// stream answers with what the origin sends, as it comes.
func (x *exchange) stream(resp *message.Response) *message.Response {
	resp.Header.Del("Content-Length") // resp.Length says it
	if resp.Status >= 400 {
		x.done.result = resultError
	}
	if x.req.Method == "HEAD" {
		resp.Close()
		resp.Body = nil
	}
	return resp
}
