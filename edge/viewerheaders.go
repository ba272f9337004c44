package edge

import (
	"github.com/warmfront/warmfront/cdn/policies"
	"github.com/warmfront/warmfront/edge/explain"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/responseheaders"
	"github.com/warmfront/warmfront/edge/result"
	"github.com/warmfront/warmfront/edge/viewertls"
)

// finish gives an answer the fields that tell what the edge did (developer guide,
// "Response behavior"; RFC 9211).
func (x *exchange) finish(r *message.Response) {
	x.done.Sent, x.sending = r.Status, r
	h := &r.Header
	if x.Behavior != nil && x.Behavior.ResponseHeaders != nil && x.done.Type != result.Redirect && r.Upgraded == nil {
		x.applyPolicy(h, x.Behavior.ResponseHeaders)
	}
	h.Add("X-Cache", x.done.Type.XCache())
	h.Add("Via", x.edge.via)
	h.Add("X-Amz-Cf-Pop", x.edge.pop)
	h.Add("X-Amz-Cf-Id", x.id)
	h.Add("Cache-Status", x.cacheStatus())
	if x.edge.altSvc != "" && x.Request.Scheme == "https" && x.Plan != nil && viewertls.HTTP3(x.Plan.HTTPVersion) {
		h.Add("Alt-Svc", x.edge.altSvc)
	}
	if x.staged.primary != nil {
		x.keepSession(h)
	}
	if x.explained != nil {
		for _, line := range x.explained.Fields() {
			h.Add(explain.Header, line)
		}
	}
	if r == &x.answer {
		x.fields = r.Header // it may have grown: its memory serves the next request
	}
}

// cacheStatus is the member of Cache-Status for this cache.
func (x *exchange) cacheStatus() string {
	return x.text.End(x.done.AppendCacheStatus(x.text.Begin(), x.edge.cacheName))
}

// applyPolicy gives an answer what the response headers policy says. A redirect to HTTPS
// gets nothing of it.
func (x *exchange) applyPolicy(h *message.Header, p *policies.ResponseHeaders) {
	responseheaders.Apply(h, p, x.Request)
	if responseheaders.Timed(p, x.asked, x.id) {
		took := x.edge.cfg.Now().Sub(x.real())
		h.Add("Server-Timing", responseheaders.ServerTiming(&x.text, x.done.Type.String(), x.edge.pop, x.id, took))
	}
}
