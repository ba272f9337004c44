package edge

import (
	"context"
	"log/slog"
	"strings"

	"github.com/warmfront/warmfront/edge/message"
)

// Delivered counts and logs a request whose answer went out.
func (x *exchange) Delivered(d message.Delivery) {
	if x.done.health {
		return
	}
	e := x.edge
	e.metrics.Served(int(x.done.result), d.Body)
	if e.cfg.AccessLog != nil {
		x.logAccess(d)
	}
	if e.cfg.Logger.Enabled(context.Background(), slog.LevelDebug) {
		x.log(d)
	}
}

func (x *exchange) log(d message.Delivery) {
	distribution := ""
	if x.Plan != nil {
		distribution = x.Plan.ID
	}
	r := x.asked
	x.edge.cfg.Logger.Debug("request", "id", strings.Clone(x.id), "distribution", distribution, "viewer", r.Viewer, "method", r.Method,
		"host", r.Host, "uri", r.Redacted(), "status", x.done.sent, "result", x.done.result.String(),
		"bytes", d.Body, "took", d.Ended.Sub(r.Received), "cache", x.cacheStatus(), "err", d.Err)
}
