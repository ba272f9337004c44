package edge

import (
	"io"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warmfront/warmfront/edge/message"
)

// health answers what a router asks on the viewers' own ports, so that a node
// counts as live only where viewers reach it: http://health.<zone>/healthz. Nil
// for every other request.
func (x *exchange) health() *message.Response {
	if x.req.Path != "/healthz" || x.req.Host != "health."+x.edge.cfg.Zone {
		return nil
	}
	x.done.health = true
	status, text := x.edge.healthy()
	resp := &message.Response{Status: status, Length: int64(len(text))}
	resp.Header.Add("Content-Type", "text/plain; charset=utf-8")
	resp.Header.Add("Cache-Control", "no-store")
	if x.req.Method != "HEAD" {
		resp.Body = io.NopCloser(strings.NewReader(text))
	}
	return resp
}

// healthy is 200 with the node's id, or 503 while it drains.
func (e *Edge) healthy() (int, string) {
	if e.draining.Load() {
		return 503, e.cfg.Node.ID + " is draining\n"
	}
	return 200, e.cfg.Node.ID + "\n"
}

// Handler serves /healthz and /metrics, for the node's metrics port.
func (e *Edge) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		status, text := e.healthy()
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // the asker has left
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(e.cfg.Registry, promhttp.HandlerOpts{}))
	return mux
}
