package edge

import (
	"crypto/subtle"
	"io"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/report"
	"github.com/warmfront/warmfront/edge/message"
)

// health answers what a router asks on the viewers' own ports, so that a node
// counts as live only where viewers reach it: http://health.<zone>/healthz. Nil
// for every other request.
func (x *exchange) health() *message.Response {
	if !x.isHealth() {
		return nil
	}
	x.done.Uncounted = true
	status, text := x.edge.healthy(x.mayReport())
	resp := &message.Response{Status: status, Length: int64(len(text))}
	resp.Header.Add("Content-Type", "text/plain; charset=utf-8")
	resp.Header.Add("Cache-Control", "no-store")
	if x.Request.Method != "HEAD" {
		resp.Body = io.NopCloser(strings.NewReader(text))
	}
	return resp
}

func (x *exchange) isHealth() bool {
	host, ok := strings.CutPrefix(x.Request.Host, "health.")
	return ok && x.Request.Path == "/healthz" && host == x.edge.cfg.Zone
}

// mayReport reports whether whoever asks may know how busy the node is.
func (x *exchange) mayReport() bool {
	token, ok := strings.CutPrefix(x.Request.Header.Get("Authorization"), "Bearer ")
	want := x.edge.cfg.ReportToken
	return x.edge.cfg.Sandbox || ok && want != "" && subtle.ConstantTimeCompare([]byte(token), []byte(want)) == 1
}

// healthy is 200 with the node's id, or all of its report, or 503 while it has nothing to
// serve by or drains: routers then send nobody here.
func (e *Edge) healthy(all bool) (int, string) {
	switch {
	case e.draining.Load():
		return 503, e.cfg.Node.ID + " is draining\n"
	case e.state() == nil:
		return 503, e.cfg.Node.ID + " has not been told yet what it serves\n"
	}
	r := report.Edge{Node: e.cfg.Node.ID}
	if all {
		// Load goes by the real clock, as the lease does.
		r.Load, r.Capacity = e.load.PerSecond(e.metrics.Viewers(), time.Now()), e.cfg.Capacity
		if e.cfg.RoundTrips != nil {
			r.RoundTrips = e.cfg.RoundTrips()
		}
	}
	return 200, r.String()
}
