package api

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/network/statefolder"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Requests are signed by the server's clock, and are whole.
func TestSignsByTheServersClock(t *testing.T) {
	var date, authorization, body string
	c := New("http://127.0.0.1:1", statefolder.AccessKey{ID: "AKIAEXAMPLE", Secret: "secret"}, roundTrip(func(r *http.Request) (*http.Response, error) {
		date, authorization = r.Header.Get("X-Amz-Date"), r.Header.Get("Authorization")
		b, err := io.ReadAll(r.Body)
		body = string(b)
		return &http.Response{StatusCode: 201, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(
			`<Invalidation><Id>I1</Id><Status>InProgress</Status></Invalidation>`))}, err
	}))
	c.distribution = "E1"
	for _, off := range []time.Duration{0, 24 * time.Hour, -24 * time.Hour} {
		c.SetClock(off)
		id, completed, err := c.Invalidate(context.Background(), "r", []string{"/a"})
		if id != "I1" || completed || err != nil {
			t.Fatalf("%q %v %v", id, completed, err)
		}
		at, err := time.Parse("20060102T150405Z", date)
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Until(at) - off; d.Abs() > time.Minute {
			t.Errorf("off by %v: dated %s", off, date)
		}
		if !strings.Contains(authorization, "AKIAEXAMPLE/"+date[:8]+"/us-east-1/cloudfront") || !strings.Contains(body, "<Path>/a</Path>") {
			t.Errorf("off by %v: %s, %s", off, authorization, body)
		}
	}
}
