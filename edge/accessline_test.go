package edge

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/identity"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/upstream"
)

// noted is an access log that keeps what it is told.
type noted struct {
	records []accesslog.Record
	full    bool
}

func (n *noted) Wants(string) bool { return true }

func (n *noted) Log(r *accesslog.Record) bool {
	if n.full {
		return false
	}
	n.records = append(n.records, *r)
	return true
}

// exchangeOf has one request answered and delivered, and returns its record.
func (n *network) logged(log *noted, ctx context.Context, r *message.Request, d message.Delivery) accesslog.Record {
	n.t.Helper()
	before := len(log.records)
	x := n.edge.newExchange()
	resp := x.Handle(ctx, r)
	if resp.Body != nil {
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	resp.Close()
	x.Delivered(d)
	if len(log.records) != before+1 {
		n.t.Fatalf("%d lines for a request", len(log.records)-before)
	}
	return log.records[before]
}

func newLogged(t testing.TB, s site, answer func(context.Context, int, *message.Request) (*message.Response, error)) (*network, *noted) {
	n, log := newNetwork(t, s, answer), &noted{}
	n.edge.cfg.AccessLog = log
	return n, log
}

func TestAccessLineOfAHit(t *testing.T) {
	n, log := newLogged(t, site{}, func(context.Context, int, *message.Request) (*message.Response, error) {
		return ok("0123456789", "Content-Type", "text/plain"), nil
	})
	n.get("/a?b=c")
	log.records = nil
	r := n.request("GET", "/a?b=c", "user-agent", "curl", "Referer", "http://r.test/", "Cookie", "c=1", "X-Forwarded-For", "203.0.113.9", "Range", "bytes=2-4")
	r.Host, r.Scheme, r.Major, r.Minor, r.TLSVersion, r.Cipher = "www.e1.test", "https", 2, 0, "TLSv1.3", "TLS_AES_128_GCM_SHA256"
	r.Received = time.Now()
	n.advance(24 * time.Hour / 2)
	got := n.logged(log, context.Background(), r, message.Delivery{
		Bytes: 300, Body: 3, First: r.Received.Add(2 * time.Millisecond), Ended: r.Received.Add(5 * time.Millisecond),
	})
	want := accesslog.Record{
		Behavior: "*", Request: r, Ended: time.Date(2026, 3, 2, 0, 0, 0, 5e6, time.UTC), Location: "NRT20-P1", Distribution: "E1", Domain: "de1.warmfront.test", RequestID: got.RequestID,
		Viewer: netip.MustParseAddrPort("192.0.2.7:1234"), Method: "GET", Protocol: "https", Major: 2, Host: "www.e1.test", Path: "/a", Query: "b=c",
		Referer: "http://r.test/", UserAgent: "curl", Cookie: "c=1", ForwardedFor: "203.0.113.9", TLSVersion: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256",
		Status: 206, Result: "Hit", ResponseResult: "Hit", Detail: "Hit", ContentType: "text/plain", ContentRange: "bytes 2-4/10", ContentLength: 3,
		Sent: 300, Received: int64(len("GET /a?b=c HTTP/1.1\r\nHost: www.e1.test\r\n\r\n") + r.Header.Size()), Took: 5 * time.Millisecond, FirstByte: 2 * time.Millisecond,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(got.RequestID) != identity.Length {
		t.Errorf("the request's id is %q", got.RequestID)
	}
}

func TestAccessLineSaysWhatCameOfIt(t *testing.T) {
	background := context.Background()
	left, leave := context.WithCancelCause(background)
	leave(errVanished)
	answering := func(code int) func(context.Context, int, *message.Request) (*message.Response, error) {
		return func(context.Context, int, *message.Request) (*message.Response, error) { return status(code, "x"), nil }
	}
	failed := func(reason upstream.Reason) func(context.Context, int, *message.Request) (*message.Response, error) {
		return func(context.Context, int, *message.Request) (*message.Response, error) {
			return nil, &upstream.Error{Reason: reason, Err: errors.New("scripted")}
		}
	}
	reset := message.Delivery{Err: errors.New("write: connection reset by peer")}
	for _, c := range []struct {
		name     string
		site     site
		answer   func(context.Context, int, *message.Request) (*message.Response, error)
		ctx      context.Context
		change   func(*message.Request)
		delivery message.Delivery
		// the status, the result before the answer went out and after, and in detail
		status                   int
		response, result, detail string
	}{
		{name: "miss", status: 200, response: "Miss", result: "Miss", detail: "Miss"},
		{name: "the viewer left half-way", delivery: reset, status: 200, response: "Miss", result: "Error", detail: accesslog.ClientCommError},
		{name: "the origin broke off", delivery: message.Delivery{Err: &upstream.Error{Reason: upstream.Read, Err: io.ErrUnexpectedEOF}},
			status: 200, response: "Miss", result: "Error", detail: "OriginReadError"},
		{name: "the origin broke off, and why is not known", delivery: message.Delivery{Err: io.ErrUnexpectedEOF}, status: 200, response: "Miss", result: "Error", detail: "AbortedOrigin"},
		{name: "the viewer left before", ctx: left, status: 0, response: "Error", result: "Error", detail: accesslog.ClientHungUpRequest,
			answer: func(ctx context.Context, _ int, _ *message.Request) (*message.Response, error) {
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}},
		{name: "no address", answer: failed(upstream.DNS), status: 502, response: "Error", result: "Error", detail: "OriginDnsError"},
		{name: "refused", answer: failed(upstream.Connect), status: 502, response: "Error", result: "Error", detail: "OriginConnectError"},
		{name: "TLS", answer: failed(upstream.TLS), status: 502, response: "Error", result: "Error", detail: "OriginConnectError"},
		{name: "too late", answer: failed(upstream.ReadTimeout), status: 504, response: "Error", result: "Error", detail: "OriginCommError"},
		{name: "another failure", answer: func(context.Context, int, *message.Request) (*message.Response, error) { return nil, errRefused },
			status: 502, response: "Error", result: "Error", detail: "AbortedOrigin"},
		{name: "the origin's error", answer: answering(500), status: 500, response: "Error", result: "Error", detail: "OriginError"},
		{name: "not found", answer: answering(404), status: 404, response: "Error", result: "Error", detail: "Error"},
		{name: "method", change: func(r *message.Request) { r.Method = "PUT" }, status: 403, response: "Error", result: "Error", detail: "InvalidRequestMethod"},
		{name: "host", change: func(r *message.Request) { r.Host = "unknown.test" }, status: 403, response: "Error", result: "Error", detail: "InvalidRequestBlocked"},
		{name: "certificate", change: func(r *message.Request) { r.ServerName = "unknown.test" }, status: 421, response: "Error", result: "Error", detail: "InvalidRequestCertificate"},
		{name: "URL", change: func(r *message.Request) { r.Path = "/" + strings.Repeat("x", 8192) }, status: 413, response: "Error", result: "Error", detail: "InvalidRequest"},
		{name: "header", change: func(r *message.Request) { r.Header.Add("X", strings.Repeat("x", 20_480)) }, status: 431, response: "Error", result: "Error", detail: "InvalidRequestHeader"},
		{name: "through too many distributions", change: func(r *message.Request) {
			r.Header.Add("Via", "1.1 a.cloudfront.net (CloudFront), 1.1 b.cloudfront.net (CloudFront)")
		}, status: 403, response: "LimitExceeded", result: "LimitExceeded", detail: "LimitExceeded"},
		{name: "redirect", site: site{behaviors: []behavior{{policy: optimized, protocol: "redirect-to-https"}}}, status: 301, response: "Redirect", result: "Redirect", detail: "Redirect"},
	} {
		if c.answer == nil {
			c.answer = answering(200)
		}
		if c.ctx == nil {
			c.ctx = background
		}
		n, log := newLogged(t, c.site, c.answer)
		r := n.request("GET", "/x")
		if c.change != nil {
			c.change(r)
		}
		got := n.logged(log, c.ctx, r, c.delivery)
		if got.Status != c.status || got.ResponseResult != c.response || got.Result != c.result || got.Detail != c.detail {
			t.Errorf("%s: %d %s %s %s; want %d %s %s %s", c.name, got.Status, got.ResponseResult, got.Result, got.Detail, c.status, c.response, c.result, c.detail)
		}
	}
}

func TestAccessLineOfASocket(t *testing.T) {
	n, log := newLogged(t, site{}, func(context.Context, int, *message.Request) (*message.Response, error) {
		return &message.Response{Status: 101, Length: -1}, nil
	})
	r := n.request("GET", "/chat")
	r.Scheme, r.Upgrade = "https", "websocket"
	if got := n.logged(log, context.Background(), r, message.Delivery{}); got.Protocol != "wss" || got.Status != 101 || got.ContentLength != -1 {
		t.Errorf("%+v", got)
	}
}

func TestHealthIsNotLoggedAndDropsAreCounted(t *testing.T) {
	n, log := newLogged(t, site{}, numbered())
	x := n.edge.newExchange()
	r := n.request("GET", "/healthz")
	r.Host = "health.warmfront.test"
	x.Handle(context.Background(), r).Close()
	x.Delivered(message.Delivery{})
	if len(log.records) != 0 {
		t.Error("a router's question is logged")
	}
	log.full = true
	x.Handle(context.Background(), n.request("GET", "/x")).Close()
	x.Delivered(message.Delivery{})
	metrics, err := n.edge.cfg.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metrics {
		if m.GetName() == "warmfront_edge_access_log_dropped_total" && m.GetMetric()[0].GetCounter().GetValue() == 1 {
			return
		}
	}
	t.Error("a dropped line is not counted")
}
