package edge

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
	"github.com/warmfront/warmfront/edge/message"
)

func TestWhatIsRefused(t *testing.T) {
	httpsOnly := behavior{pattern: "/secure/*", protocol: "https-only", policy: optimized}
	redirect := behavior{pattern: "/moved/*", protocol: "redirect-to-https", policy: optimized, methods: all7}
	s := site{behaviors: []behavior{httpsOnly, redirect, {policy: optimized}}}
	with := func(r *message.Request, change func(*message.Request)) *message.Request {
		change(r)
		return r
	}
	for _, c := range []struct {
		name   string
		site   site
		req    *message.Request
		status int
	}{
		{"unknown host", s, withHost(request("/x"), "other.test"), 403},
		{"no host", s, withHost(request("/x"), ""), 400},
		{"disabled", site{disabled: true}, request("/x"), 403},
		{"method", s, with(request("/x"), func(r *message.Request) { r.Method = "POST" }), 403},
		{"odd method", s, with(request("/x"), func(r *message.Request) { r.Method = "TRACE" }), 403},
		{"GET with a body", s, with(request("/x"), func(r *message.Request) { r.Length = 1 }), 403},
		{"GET with a body of unknown size", s, with(request("/x"), func(r *message.Request) { r.Length = -1 }), 403},
		{"https only", s, request("/secure/x"), 403},
		{"https only, dot segments", s, request("/a/../secure/x"), 403},
		{"https only, escaped", s, request("/%73ecure/x"), 403},
		{"https only over https", s, withScheme(request("/secure/x"), "https"), 200},
		{"URL of 8,192 bytes", s, request("/" + strings.Repeat("x", 8190)), 200},
		{"URL too long", s, request("/" + strings.Repeat("x", 8192)), 413},
		{"URL too long by its query", s, request("/x?" + strings.Repeat("x", 8190)), 413},
		{"header too large", s, request("/x", "X-Large", strings.Repeat("x", 20_480)), 431},
		{"asterisk", s, with(request("*"), func(r *message.Request) { r.Method = "OPTIONS" }), 400},
		{"a loop to itself", s, request("/x", "CDN-Loop", "other; a=1, warmfront.test; distribution=E1"), 508},
		{"through another distribution", s, request("/x", "CDN-Loop", "warmfront.test; distribution=E2, warmfront.test"), 200},
		{"a loop", s, request("/x", "Via", "1.1 a.cloudfront.net (CloudFront), 1.1 b.cloudfront.net (CloudFront)"), 403},
		{"two distributions", s, request("/x", "Via", "1.1 a.cloudfront.net (CloudFront)"), 200},
		{"redirect a POST of HTTP/1.0", s, with(request("/moved/x"), func(r *message.Request) { r.Method, r.Minor = "POST", 0 }), 403},
		{"connection made for another name", s, with(request("/x"), func(r *message.Request) { r.ServerName = "other.test" }), 421},
		{"connection made for the other name", s, with(request("/x"), func(r *message.Request) { r.ServerName = "WWW.e1.test" }), 200},
	} {
		n := newNetwork(t, c.site, numbered())
		r := n.do(c.req)
		if r.Status != c.status {
			t.Errorf("%s: %d, want %d", c.name, r.Status, c.status)
		}
		if c.status == 200 {
			continue
		}
		want := "Error"
		if c.name == "a loop" { // a quota
			want = "LimitExceeded"
		}
		if r.xcache() != want || r.Header.Get("Server") != "CloudFront" || !strings.Contains(r.body, r.Header.Get("X-Amz-Cf-Id")) || n.at.count() != 0 {
			t.Errorf("%s: %v %s", c.name, r.Header, r.body)
		}
	}
}

func TestBeforeTheFirstStateNothingIsServed(t *testing.T) {
	for name, state := range map[string]*cdn.State{"no state": nil, "an empty one": cdn.NewState(0)} {
		n := newNetwork(t, site{}, numbered())
		n.state.Store(state)
		if r := n.get("/x"); r.Status != 503 {
			t.Errorf("%s: %d", name, r.Status)
		}
		if r := n.do(withHost(request("/healthz"), "health.warmfront.test")); r.Status != 503 {
			t.Errorf("%s: healthy: %d %q", name, r.Status, r.body)
		}
	}
}

func TestRedirectNamesTheReachablePort(t *testing.T) {
	n := newNetwork(t, site{behaviors: []behavior{{protocol: "redirect-to-https", policy: optimized, methods: all7}}}, numbered())
	for _, c := range []struct {
		method string
		status int
	}{{"GET", 301}, {"HEAD", 301}, {"POST", 307}} {
		r := n.do(n.request(c.method, "/a%20b?x=1&y"))
		if r.Status != c.status || r.Header.Get("Location") != "https://de1.warmfront.test:8443/a%20b?x=1&y" || r.xcache() != "Redirect" {
			t.Errorf("%s: %d %v", c.method, r.Status, r.Header)
		}
	}
	if r := n.do(withScheme(request("/x"), "https")); r.Status != 200 {
		t.Errorf("over https: %d", r.Status)
	}
	n.edge.cfg.PublicHTTPSPort = 443
	if r := n.get("/x"); r.Header.Get("Location") != "https://de1.warmfront.test/x" {
		t.Error(r.Header.Get("Location"))
	}
}

func TestLocalhostStandsForTheZoneOverHTTPS(t *testing.T) {
	n := newNetwork(t, site{behaviors: []behavior{{protocol: "redirect-to-https", policy: optimized}}}, numbered())
	if r := n.do(withHost(request("/x"), "de1.localhost")); r.Status != 200 {
		t.Errorf("%d", r.Status)
	}
	if r := n.do(withScheme(request("/x"), "https")); r.xcache() != "Hit" {
		t.Error("not the same object")
	}
	n.edge.cfg.LocalhostZone = ""
	if r := n.do(withHost(request("/x"), "de1.localhost")); r.Status != 403 {
		t.Errorf("where it is off: %d", r.Status)
	}
}

func TestHostHasNoPort(t *testing.T) {
	for in, want := range map[string]string{"A.test:8080": "a.test", "a.test.": "a.test", "a.test.:80": "a.test", "[::1]:80": "[::1]", "[::1]": "[::1]", "": ""} {
		if got := Host(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestEveryAnswerTellsWhatTheEdgeDid(t *testing.T) {
	n := newNetwork(t, site{}, numbered("Via", "1.1 origin", "X-Amz-Cf-Pop", "SFO1-P1", "Connection", "X-Hop", "X-Hop", "1", "Cache-Status", "inner; hit"))
	ids := map[string]bool{}
	for range 2 {
		r := n.get("/x")
		for name, pattern := range map[string]string{
			"X-Amz-Cf-Id": `^[A-Za-z0-9_-]{54}==$`, "X-Amz-Cf-Pop": `^NRT20-P1$`, "Via": `^1\.1 origin, 1\.1 [0-9a-f]{32}\.cloudfront\.net \(CloudFront\)$`,
			"Date": ` GMT$`, "Cache-Status": `^inner; hit, warmfront/NRT-1; `, "X-Hop": `^$`,
		} {
			if !regexp.MustCompile(pattern).MatchString(r.Header.Joined(name)) {
				t.Errorf("%s: %q", name, r.Header.Joined(name))
			}
		}
		ids[r.Header.Get("X-Amz-Cf-Id")] = true
	}
	if len(ids) != 2 {
		t.Error("a request id occurs twice")
	}
}

func TestCustomErrorResponses(t *testing.T) {
	const page = "<CustomErrorResponse><ErrorCode>404</ErrorCode><ResponsePagePath>/errors/404.html</ResponsePagePath><ResponseCode>200</ResponseCode></CustomErrorResponse>" +
		"<CustomErrorResponse><ErrorCode>502</ErrorCode><ResponsePagePath>/missing.html</ResponsePagePath><ResponseCode>503</ResponseCode></CustomErrorResponse>"
	n := newNetwork(t, site{errors: page}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		switch r.Path {
		case "/base/errors/404.html":
			if r.Header.Has("Range") {
				t.Error("the page is asked for in part")
			}
			return ok("our own page"), nil
		case "/base/502":
			return nil, errRefused
		}
		return status(404, "not found"), nil
	})
	for range 2 {
		if r := n.get("/x", "Range", "bytes=0-1", "If-None-Match", "*"); r.Status != 200 || r.body != "our own page" || r.xcache() != "Error" {
			t.Errorf("%d %q %s", r.Status, r.body, r.xcache())
		}
	}
	if r := n.do(n.request("HEAD", "/x")); r.Status != 200 || r.Body != nil {
		t.Errorf("HEAD: %d", r.Status)
	}
	if n.at.count() != 2 { // the object and the page; they answer the HEAD too
		t.Errorf("asked %d times", n.at.count())
	}
	if r := n.get("/502"); r.Status != 502 {
		t.Errorf("a page that is not to be had: %d", r.Status)
	}
}

func TestPostsPassThrough(t *testing.T) {
	n := newNetwork(t, site{behaviors: []behavior{{policy: optimized, methods: all7}}}, func(_ context.Context, i int, r *message.Request) (*message.Response, error) {
		b := make([]byte, 100)
		m, _ := r.Body.Read(b)
		return status(201, fmt.Sprint(r.Method, " ", string(b[:m]), " ", r.Header.Get("Content-Type"), " ", r.Header.Get("Authorization"))), nil
	})
	r := n.request("POST", "/x", "Content-Type", "text/plain", "Authorization", "Basic x")
	r.Body, r.Length = strings.NewReader("data"), 4
	if got := n.do(r); got.Status != 201 || got.body != "POST data text/plain Basic x" || got.Header.Get("Cache-Status") != "warmfront/NRT-1; fwd=method; fwd-status=201" {
		t.Errorf("%d %q %v", got.Status, got.body, got.Header)
	}
}

func TestHealth(t *testing.T) {
	n := newNetwork(t, site{}, numbered())
	health := withHost(request("/healthz"), "health.warmfront.test")
	if r := n.do(health); r.Status != 200 || r.body != "NRT-1\n" {
		t.Errorf("%d %q", r.Status, r.body)
	}
	n.edge.draining.Store(true)
	if r := n.do(health); r.Status != 503 {
		t.Errorf("while draining: %d", r.Status)
	}
	if r := n.do(withHost(request("/other"), "health.warmfront.test")); r.Status != 403 {
		t.Errorf("another path: %d", r.Status)
	}
}

// TestHealthReports: who may know is told how busy the edge is.
func TestHealthReports(t *testing.T) {
	n := newNetwork(t, site{}, numbered())
	n.edge.cfg.ReportToken, n.edge.cfg.Capacity = "token", 500
	n.edge.cfg.RoundTrips = func() []report.RoundTrip { return []report.RoundTrip{{POP: "SIN", Time: 68 * time.Millisecond}} }
	ask := func(authorization string) report.Edge {
		r := withHost(request("/healthz"), "health.warmfront.test")
		r.Header.Add("Authorization", authorization)
		return report.Parse(n.do(r).body)
	}
	for _, stranger := range []string{"", "Bearer ", "Bearer toke", "token", "Basic token"} {
		if got := ask(stranger); !reflect.DeepEqual(got, report.Edge{Node: "NRT-1"}) {
			t.Errorf("who shows %q is told %+v", stranger, got)
		}
	}
	n.edge.cfg.ReportToken = ""
	if got := ask("Bearer "); got.Capacity != 0 {
		t.Errorf("no token is configured, and %+v is told", got)
	}
	n.edge.cfg.ReportToken = "token"
	if got := ask("Bearer token"); got.Capacity != 500 || got.Load != 0 || len(got.RoundTrips) != 1 {
		t.Errorf("at rest: %+v", got)
	}
	x := n.edge.newExchange()
	for range 50 {
		x.Handle(t.Context(), n.request("HEAD", "/x")).Close()
		x.Delivered(message.Delivery{})
	}
	for deadline := time.Now().Add(10 * time.Second); ask("Bearer token").Load == 0; <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("fifty requests are no load")
		}
	}
	n.edge.cfg.ReportToken, n.edge.cfg.Sandbox = "", true
	if got := ask(""); got.Capacity != 500 {
		t.Errorf("in a sandbox: %+v", got)
	}
	for _, capacity := range []float64{-1, math.NaN(), 1e12} {
		cfg := n.edge.cfg
		if cfg.Capacity = capacity; cfg.complete() == nil {
			t.Errorf("a capacity of %v is taken", capacity)
		}
	}
}

// FuzzRequest: whatever a viewer sends, the edge answers, asks the origin with a
// well-formed request if at all, and never gives one key's object to another.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "de1.warmfront.test", "/x", "a=1", "Cookie", "a=b; c", "max-age=3", 200)
	f.Add("HEAD", "www.e1.test", "/../%2e", "", "Accept-Encoding", "gzip;q=0, br", "no-cache", 304)
	f.Add("OPTIONS", "de1.localhost", "/%zz", "&=&", "Range", "bytes=0-", "private", 503)
	f.Add("POST", "x", "", "", "Connection", "host", "", 0)
	f.Fuzz(func(t *testing.T, method, host, path, query, name, value, cc string, code int) {
		if strings.ContainsAny(path+query, "\x00?# \r\n") || strings.Contains(value, "\x00") || code < 200 || code > 599 {
			return // an adapter refuses them
		}
		legacy := behavior{pattern: "/l/*", def: 60, max: 60, forwarded: "<QueryString>true</QueryString><Cookies><Forward>whitelist</Forward><WhitelistedNames><Items><Name>a*</Name></Items></WhitelistedNames></Cookies><Headers><Items><Name>X-A</Name></Items></Headers>"}
		n := newNetwork(t, site{root: "index.html", behaviors: []behavior{legacy, {policy: optimized, methods: all7}}},
			func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
				if !strings.HasPrefix(r.Path, "/base/") || r.Host != "origin.test" || r.Header.Get("X-Shared") != "secret" || r.Header.Has("TE") {
					t.Errorf("the origin is asked %+v", r)
				}
				return status(code, r.Path, "Cache-Control", cc, "Vary", name), nil
			})
		ask := func(path string) reply {
			r := n.request(method, path, name, value)
			r.Host, r.Query = Host(host), query
			return n.do(r)
		}
		first := ask(path)
		if first.Status < 200 || first.Status > 599 || first.Header.Get("X-Amz-Cf-Id") == "" {
			t.Fatalf("%d %v", first.Status, first.Header)
		}
		other := ask(path + "other")
		if method == "GET" && first.Status == 200 && other.Status == 200 && first.body == other.body && !strings.HasPrefix(first.body, "<!DOCTYPE") {
			t.Fatalf("%q and its neighbour are both %q", path, first.body)
		}
	})
}
