package edge

import (
	"context"
	"strconv"

	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/tier"
)

// trace begins the span of a viewer's request, unless Ready has, and takes out of the request what it says of a trace:
// it is no part of the cache key, nor handed on as the viewer sent it (difference 560).
func (x *exchange) trace(ctx context.Context) context.Context {
	h := x.Request.Header
	told := span.Parse(h.Get(span.Traceparent), h.Joined(span.Tracestate))
	if h.Has(span.Traceparent) || h.Has(span.Tracestate) {
		x.mapped = *x.Request
		x.mapped.Header = h.Clone(0)
		x.mapped.Header.Del(span.Traceparent)
		x.mapped.Header.Del(span.Tracestate)
		x.Request = &x.mapped
	}
	if x.span == nil {
		begin := span.Start{Name: "HTTP", Kind: span.Server, At: x.asked.Received}
		if x.edge.cfg.BelieveTraces {
			begin.Parent = told
		} else {
			begin.Links = []span.Context{told}
		}
		x.span = span.Begin(x.edge.cfg.Tracer, begin)
	}
	return span.With(ctx, x.span)
}

// traceDelivered ends the span of a viewer's request with what came of it. What is no request of a viewer's for an object
// has none.
func (x *exchange) traceDelivered(d message.Delivery) {
	if x.done.Uncounted {
		return
	}
	if !x.span.Recorded() || x.sending == nil {
		x.span.EndAs(d.Ended, "", "")
		return
	}
	line := accesslog.Record{Status: x.done.Sent}
	x.logResult(&line, d.Err)
	r := x.asked
	x.span.Set(span.String("url.scheme", r.Scheme), span.String("client.address", r.Viewer.Addr().Unmap().String()),
		span.String("network.protocol.version", version(r)), span.String("user_agent.original", r.Header.Get("User-Agent")),
		span.String("warmfront.request.id", x.id), span.String("warmfront.result_type", line.Result),
		span.String("warmfront.detailed_result_type", line.Detail), span.Int("http.response.body.size", d.Body))
	if age, err := strconv.Atoi(x.sending.Header.Get("Age")); err == nil {
		x.span.Set(span.Int("warmfront.cache.age", age))
	}
	failure := ""
	switch {
	case d.Err != nil:
		failure = "the answer did not reach the viewer whole: " + d.Err.Error()
	case x.done.Sent >= 500:
		failure = line.Detail
	}
	x.traceFacts(r, x.done.Sent)
	x.span.EndAs(d.Ended, x.spanName(), failure)
}

// traceFacts sets what is to be told of a request of whomever.
func (x *exchange) traceFacts(r *message.Request, status int) {
	x.span.Set(span.String("http.request.method", r.Method), span.String("url.path", r.Path), span.String("server.address", r.Host),
		span.Int("http.response.status_code", status), span.String("warmfront.pop", x.edge.cfg.Node.POP), span.String("warmfront.node", x.edge.cfg.Node.ID),
		span.String("warmfront.cache.status", x.cacheStatus()), span.Bool("warmfront.cache.hit", x.done.Hit), span.Bool("warmfront.cache.collapsed", x.done.Collapsed))
	if x.Plan != nil {
		x.span.Set(span.String("warmfront.distribution.id", x.Plan.ID))
	}
	if x.Behavior != nil {
		x.span.Set(span.String("warmfront.behavior", x.Behavior.Pattern), span.String("http.route", x.Behavior.Pattern))
	}
	if x.done.Forward != "" {
		x.span.Set(span.String("warmfront.cache.forward", x.done.Forward))
	}
}

// spanName is the method, which may be anything, and the behavior's pattern: of both there are few.
func (x *exchange) spanName() string {
	name := "HTTP"
	switch x.asked.Method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH":
		name = x.asked.Method
	}
	if x.Behavior != nil {
		name += " " + x.Behavior.Pattern
	}
	return name
}

// version is that of HTTP: "1.1", "2", "3".
func version(r *message.Request) string {
	if r.Major > 1 {
		return strconv.Itoa(r.Major)
	}
	return strconv.Itoa(r.Major) + "." + strconv.Itoa(r.Minor)
}

// traceAsked begins the span of what another edge asks, as part of that one's.
func (p peer) traceAsked(ctx context.Context, r *message.Request, a tier.Ask) context.Context {
	p.span = span.Begin(p.edge.cfg.Tracer, span.Start{Name: "HTTP", Kind: span.Server, Parent: a.Trace, Attributes: []span.Attribute{
		span.String("warmfront.tier.level", a.Level.String()), span.String("warmfront.request.id", a.ID),
	}})
	return span.With(ctx, p.span)
}

// traceAnswered says what it is answered.
func (p peer) traceAnswered(resp *message.Response, answer tier.Answer) {
	if !p.span.Recorded() {
		return
	}
	p.traceFacts(p.asked, resp.Status)
	switch {
	case answer.Passed != "":
		p.span.Set(span.String("warmfront.tier.passed_over", answer.Passed))
	case answer.Failed != "":
		p.span.Set(span.String("error.type", "origin"))
	}
}

// traceSent ends it once the answer has been sent.
func (p peer) traceSent(d message.Delivery) {
	failure := ""
	if d.Err != nil {
		failure = "the answer did not reach the other edge whole: " + d.Err.Error()
	}
	p.span.EndAs(d.Ended, p.spanName(), failure)
}
