package edge

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/logship"
	"github.com/warmfront/warmfront/edge/message"
)

// BenchmarkMemoryHit is a hit of 1 KiB through the whole core, without an adapter.
func BenchmarkMemoryHit(b *testing.B) { benchmarkHit(b, nil) }

// BenchmarkMemoryHitLogged is the same with the access log on.
func BenchmarkMemoryHitLogged(b *testing.B) {
	log := accesslog.New(io.Discard, accesslog.Config{})
	defer func() { _ = log.Close() }()
	benchmarkHit(b, log)
}

// BenchmarkMemoryHitDelivered is the same with the distribution's access log on its way
// into a bucket.
func BenchmarkMemoryHitDelivered(b *testing.B) {
	ship, err := logship.New(logship.Config{
		Dir: b.TempDir(), SpoolBytes: 64 << 30, Put: func(context.Context, logship.Object, []byte) error { return nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ship.Close() }()
	state := cdn.NewState(1)
	state.Plans["E1"] = &cdn.Plan{ID: "E1", Logging: &logs.Standard{Bucket: "logs"}}
	ship.Update(state)
	benchmarkHit(b, ship)
}

func benchmarkHit(b *testing.B, log AccessLog) {
	body := strings.Repeat("x", 1024)
	n := newNetwork(b, site{}, func(context.Context, int, *message.Request) (*message.Response, error) {
		return ok(body, "ETag", `"a"`, "Content-Type", "text/html", "Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT"), nil
	})
	n.edge.cfg.AccessLog = log
	n.get("/index.html")
	req := n.request("GET", "/index.html", "User-Agent", "Mozilla/5.0", "Accept", "*/*", "Accept-Encoding", "gzip, br")
	n.do(req)
	b.ReportAllocs()
	x := n.edge.newExchange()
	for b.Loop() {
		resp := x.Handle(context.Background(), req)
		if _, err := resp.Body.(message.Pieces).Next(); err != nil {
			b.Fatal(err)
		}
		resp.Close()
		x.Delivered(message.Delivery{})
	}
	if n.at.count() != 2 { // one for each normalised Accept-Encoding
		b.Fatalf("asked %d times", n.at.count())
	}
}
