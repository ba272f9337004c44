package edge

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/edge/message"
)

// TestHeadersTowardsTheOrigin is the developer guide's table "HTTP request headers and
// CloudFront behavior (custom and Amazon S3 origins)", one header one row, under a cache
// policy that selects nothing (61, 466).
func TestHeadersTowardsTheOrigin(t *testing.T) {
	for _, c := range []struct{ name, viewer, cached, passed string }{
		// Removed unless a policy forwards them.
		{"Accept", "text/html", "", ""},
		{"Accept-Charset", "utf-8", "", ""},
		{"Accept-Language", "de", "", ""},
		{"Cookie", "a=1", "", ""},
		{"Referer", "http://a.test/", "", ""},
		{"Authorization", "Basic x", "", "Basic x"}, // removed from GET and HEAD alone
		{"Origin", "https://a.test", "", ""},
		{"X-HTTP-Method-Override", "PUT", "", ""},
		{"X-Custom", "mine", "", ""},
		// Always removed.
		{"Expect", "100-continue", "", ""},
		{"TE", "trailers", "", ""},
		{"Trailer", "X-Sum", "", ""},
		{"Proxy-Authenticate", "x", "", ""},
		{"Proxy-Authorization", "x", "", ""},
		{"Proxy-Connection", "keep-alive", "", ""},
		{"Upgrade", "h2c", "", ""},
		{"Keep-Alive", "timeout=5", "", ""},
		{"X-Forwarded-Proto", "https", "", ""},
		{"X-Real-IP", "203.0.113.1", "", ""},
		{"X-Edge-Location", "FRA", "", ""},
		{"CloudFront-Viewer-Country", "US", "", ""},
		// Set, whatever the viewer says.
		{"User-Agent", "curl", "Amazon CloudFront", "Amazon CloudFront"},
		{"X-Forwarded-For", "203.0.113.1", "203.0.113.1, 192.0.2.7", "203.0.113.1, 192.0.2.7"},
		{"X-Shared", "forged", "secret", "secret"},
		{"Accept-Encoding", "br;q=1, gzip;q=0.5, zstd", "br,gzip", "br,gzip"},
		{"Accept-Encoding", "gzip, deflate", "gzip", "gzip"},
		{"Accept-Encoding", "br", "br", "br"},
		{"Accept-Encoding", "zstd", "identity", "identity"},
		{"Accept-Encoding", "", "identity", "identity"},
		// Handed on with what they speak of.
		{"Content-Type", "text/plain", "text/plain", "text/plain"},
		{"Content-Language", "de", "de", "de"},
		{"Range", "bytes=0-1", "bytes=0-1048575", "bytes=0-1"},
		{"If-None-Match", `"a"`, "", `"a"`},
		{"If-Modified-Since", "Sun, 01 Mar 2026 12:00:00 GMT", "", "Sun, 01 Mar 2026 12:00:00 GMT"},
	} {
		n := newNetwork(t, site{behaviors: []behavior{{policy: optimized, methods: all7}}}, numbered())
		for _, method := range []string{"GET", "POST"} {
			want := map[string]string{"GET": c.cached, "POST": c.passed}[method]
			r := n.request(method, "/x")
			if c.viewer != "" {
				r.Header.Add(c.name, c.viewer)
			}
			n.do(r)
			if got := n.at.last().Header.Joined(c.name); got != want {
				t.Errorf("%s %s: %q reaches the origin as %q, want %q", method, c.name, c.viewer, got, want)
			}
			if got := n.at.last(); got.Host != "origin.test" || !strings.HasSuffix(got.Header.Get("Via"), ".cloudfront.net (CloudFront)") || len(got.Header.Get("X-Amz-Cf-Id")) != 56 {
				t.Errorf("%s: Host %q, %v", method, got.Host, got.Header)
			}
		}
	}
}

// TestHeadersTowardsTheViewer (60, 466): what an origin says of its own connection, and
// what only CloudFront says, do not come through; the rest does.
func TestHeadersTowardsTheViewer(t *testing.T) {
	for _, c := range []struct{ name, origin, want string }{
		{"Trailer", "X-Sum", ""},
		{"Upgrade", "h2c", ""},
		{"Keep-Alive", "timeout=5", ""},
		{"Proxy-Authenticate", "Basic", ""},
		{"X-Cache", "HIT from squid", "Miss from cloudfront"},
		{"X-Amz-Cf-Pop", "SFO1-P1", "NRT20-P1"},
		{"Server", "nginx", "nginx"},
		{"Set-Cookie", "a=1", "a=1"},
		{"X-Custom", "1", "1"},
		{"Cache-Control", "max-age=60", "max-age=60"},
	} {
		n := newNetwork(t, site{}, numbered(c.name, c.origin))
		if got := n.get("/x").Header.Joined(c.name); got != c.want {
			t.Errorf("%s: %q reaches the viewer as %q, want %q", c.name, c.origin, got, c.want)
		}
	}
}

// TestViewersDoNotSayWhatIsCached (467): Cache-Control and Pragma of a request count for
// nothing.
func TestViewersDoNotSayWhatIsCached(t *testing.T) {
	n := newNetwork(t, site{}, numbered("Cache-Control", "max-age=600"))
	n.get("/x", "Cache-Control", "no-store")
	for _, h := range [][]string{{"Cache-Control", "no-cache"}, {"Cache-Control", "max-age=0"}, {"Cache-Control", "no-store"}, {"Pragma", "no-cache"}} {
		if r := n.get("/x", h...); r.xcache() != "Hit" {
			t.Errorf("%v: %s", h, r.xcache())
		}
	}
}

// TestErrorPagesByStatus (468): each status that a configuration may name has its page, by
// the behavior that the page's path matches, with the status that it names.
func TestErrorPagesByStatus(t *testing.T) {
	for _, code := range []int{400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504} {
		for _, told := range []int{200, 404, 503} {
			page := fmt.Sprintf("<CustomErrorResponse><ErrorCode>%d</ErrorCode><ResponsePagePath>/errors/page.html</ResponsePagePath><ResponseCode>%d</ResponseCode></CustomErrorResponse>", code, told)
			asked := 0
			// The pages' behavior caches nothing: each error asks for its page anew.
			n := newNetwork(t, site{errors: page, behaviors: []behavior{{pattern: "/errors/*", policy: disabled}, {policy: optimized}}}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
				if r.Path == "/base/errors/page.html" {
					asked++
					return ok(fmt.Sprint("page ", asked), "Content-Type", "text/html"), nil
				}
				return status(code, "the origin's own"), nil
			})
			for i := 1; i <= 2; i++ {
				if r := n.get("/x"); r.Status != told || r.body != fmt.Sprint("page ", i) || r.xcache() != "Error" || r.Header.Get("Content-Type") != "text/html" {
					t.Errorf("%d told as %d: %d %q %s", code, told, r.Status, r.body, r.xcache())
				}
			}
		}
	}
	// 401, 410 and 429 cannot be named: what the origin says is the answer.
	for _, code := range []int{401, 410, 429} {
		n := newNetwork(t, site{errors: "<CustomErrorResponse><ErrorCode>404</ErrorCode><ResponsePagePath>/page</ResponsePagePath><ResponseCode>200</ResponseCode></CustomErrorResponse>"},
			func(context.Context, int, *message.Request) (*message.Response, error) {
				return status(code, "own"), nil
			})
		if r := n.get("/x"); r.Status != code || r.body != "own" {
			t.Errorf("%d: %d %q", code, r.Status, r.body)
		}
	}
}

// TestFailoverByStatus (100): each status that a group may name, and none that it does not.
func TestFailoverByStatus(t *testing.T) {
	for _, code := range []int{400, 403, 404, 416, 429, 500, 502, 503, 504} {
		p := &pairOf{primary: answers(code, "no"), second: answers(200, "second")}
		n := newNetwork(t, site{failover: fmt.Sprint(code)}, p.answer)
		if r := n.get("/x"); r.Status != 200 || p.turn() != "primary second" {
			t.Errorf("%d does not fail over: %d", code, r.Status)
		}
		p.primary = answers(401, "no")
		if r := n.get("/y"); r.Status != 401 || p.turn() != "primary" {
			t.Errorf("401 fails over where %d is named: %d", code, r.Status)
		}
	}
}

// TestPathPatternsChoose (56): the first pattern in the list's order, the default last, by
// the path as the viewer sent it.
func TestPathPatternsChoose(t *testing.T) {
	at := func(pattern string, ttl int) behavior {
		return behavior{pattern: pattern, min: ttl, def: ttl, max: ttl}
	}
	n := newNetwork(t, site{root: "index.html", behaviors: []behavior{
		at("images/*.jpg", 11), at("/images/*", 12), at("*.gif", 13), at("/a?c", 14), at("/index.html", 15), at("/Case/*", 16), at("/x~y$/*", 17), {min: 99, def: 99, max: 99},
	}}, numbered())
	for path, ttl := range map[string]int{
		"/images/a.jpg":     11, // the leading slash is optional
		"/images/b/c/d.jpg": 11, // "*" crosses "/"
		"/images/.jpg":      11, // and may be nothing
		"/images/a.gif":     12, // the order decides, not how much is named
		"/images/":          12,
		"/b.gif":            13,
		"/deep/er/b.gif":    13,
		"/abc":              14,
		"/ac":               99, // "?" is exactly one character
		"/abbc":             99,
		"/a/c":              14,
		"/":                 15, // as the default root object
		"/sub/":             99, // which is of the root alone
		"/case/x":           99, // case counts
		"/Case/x":           16,
		"/x~y$/z":           17,
		"/other?f=b.gif":    99, // the path alone
		"/images":           99,
	} {
		if got := storedFor(n.get(path)).Seconds(); int(got) != ttl {
			t.Errorf("%s: by the behavior of %v s, want %d", path, got, ttl)
		}
	}
}
