package origin

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/sigv4"
)

func BenchmarkGet(b *testing.B) {
	g := start(b, b.TempDir(), nil)
	if err := g.s.Store().CreateBucket("demo"); err != nil {
		b.Fatal(err)
	}
	if err := g.s.Store().SetPolicy("demo", oacRead); err != nil {
		b.Fatal(err)
	}
	for name, size := range map[string]int{"1KiB": 1 << 10, "10MiB": 10 << 20} {
		if err := g.s.Store().Put("demo", name, "text/plain", "", strings.NewReader(strings.Repeat("x", size))); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				r, err := http.NewRequest("GET", g.url+"/demo/"+name, nil)
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set(SourceARNHeader, distribution)
				sigv4.Sign(r, edge, sigv4.Scope{Region: "us-east-1", Service: "s3"}, sigv4.EmptySHA256, time.Now())
				resp, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(size) {
					b.Fatal(n, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}
