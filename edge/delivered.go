package edge

import (
	"context"
	"log/slog"
	"strings"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
)

// Delivered counts and logs a request whose answer went out.
func (x *exchange) Delivered(d message.Delivery) {
	defer x.release()
	if x.span != nil {
		x.traceDelivered(d)
	}
	if x.done.Uncounted {
		return
	}
	e := x.edge
	e.metrics.Served(int(x.done.Type), x.asked.Scheme == "https", d.Body)
	if e.cfg.AccessLog != nil {
		x.logAccess(d)
	}
	if e.cfg.Logger.Enabled(context.Background(), slog.LevelDebug) {
		x.log(d)
	}
}

// release lets go of what the request was answered with and by: a connection may be
// idle for long, and what it held would be in no cache's count.
func (x *exchange) release() {
	_ = x.reader.Close() // or again
	x.reader, x.serving, x.ready, x.sending = cache.Reader{}, nil, ready{}, nil
	clear(x.fields)
	x.answer, x.mapped = message.Response{}, message.Request{}
	x.asked, x.state, x.done.From, x.done.Timing, x.explained = nil, nil, nil, nil, nil
	x.Request, x.Plan, x.Behavior, x.Origin = nil, nil, nil, nil
	x.staged, x.span = staged{}, nil
}

func (x *exchange) log(d message.Delivery) {
	distribution := ""
	if x.Plan != nil {
		distribution = x.Plan.ID
	}
	r := x.asked
	x.edge.cfg.Logger.Debug("request", "id", strings.Clone(x.id), "distribution", distribution, "viewer", r.Viewer, "method", r.Method,
		"host", r.Host, "uri", r.Redacted(), "status", x.done.Sent, "result", x.done.Type.String(),
		"bytes", d.Body, "took", d.Ended.Sub(r.Received), "cache", x.cacheStatus(), "err", d.Err)
}
