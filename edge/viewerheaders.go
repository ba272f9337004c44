package edge

import (
	"strconv"
	"time"

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
	x.done.sent, x.sending = r.Status, r
	h := &r.Header
	if x.Behavior != nil && x.Behavior.ResponseHeaders != nil && x.done.result != result.Redirect && r.Upgraded == nil {
		x.applyPolicy(h, x.Behavior.ResponseHeaders)
	}
	h.Add("X-Cache", x.done.result.XCache())
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
	d := &x.done
	b := append(x.text.Begin(), x.edge.cacheName...)
	switch {
	case d.hit:
		b = append(b, "; hit; ttl="...)
		b = strconv.AppendInt(b, int64(d.ttl/time.Second), 10)
	case d.forward != "":
		b = append(append(b, "; fwd="...), d.forward...)
		if d.status != 0 {
			b = strconv.AppendInt(append(b, "; fwd-status="...), int64(d.status), 10)
		}
		if d.stored {
			b = strconv.AppendInt(append(b, "; stored; ttl="...), int64(d.ttl/time.Second), 10)
		}
		if d.collapsed {
			b = append(b, "; collapsed"...)
		}
	}
	switch {
	case d.detail != "":
		b = append(append(b, "; detail="...), d.detail...)
	case d.failover != "" && !d.hit:
		b = append(append(b, "; detail=failover-"...), d.failover...)
	}
	return x.text.End(b)
}

// applyPolicy gives an answer what the response headers policy says. A redirect to HTTPS
// gets nothing of it.
func (x *exchange) applyPolicy(h *message.Header, p *policies.ResponseHeaders) {
	responseheaders.Apply(h, p, x.Request)
	if responseheaders.Timed(p, x.asked, x.id) {
		took := x.edge.cfg.Now().Sub(x.real())
		h.Add("Server-Timing", responseheaders.ServerTiming(&x.text, x.done.result.String(), x.edge.pop, x.id, took))
	}
}
