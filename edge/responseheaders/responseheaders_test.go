package responseheaders

import (
	"fmt"
	"testing"

	"github.com/warmfront/warmfront/cdn/policies"
	"github.com/warmfront/warmfront/edge/message"
)

func header(h ...string) (out message.Header) {
	for i := 0; i < len(h); i += 2 {
		out.Add(h[i], h[i+1])
	}
	return out
}

// TestApply (compatibility.md 131).
func TestApply(t *testing.T) {
	cors := func(edit func(*policies.CORS)) *policies.ResponseHeaders {
		c := &policies.CORS{AllowOrigins: []string{"https://a.test", "*.b.test"}, AllowMethods: []string{"GET", "PUT"}, AllowHeaders: []string{"X-A"}, ExposeHeaders: []string{"X-B", "X-C"}, MaxAge: 60}
		if edit != nil {
			edit(c)
		}
		return &policies.ResponseHeaders{CORS: c}
	}
	simple, asked := header("Origin", "https://a.test"), header("Origin", "https://x.b.test", "Access-Control-Request-Method", "PUT")
	for _, c := range []struct {
		name          string
		policy        *policies.ResponseHeaders
		method        string
		asked, origin message.Header
		want          message.Header
	}{
		{"no cross-origin request", cors(nil), "GET", nil, header("A", "1"), header("A", "1")},
		{"simple", cors(nil), "GET", simple, header("Vary", "Accept"), header("Vary", "Accept", "Vary", "Origin", "Access-Control-Allow-Origin", "https://a.test", "Access-Control-Expose-Headers", "X-B, X-C")},
		{"preflight", cors(nil), "OPTIONS", asked, nil, header("Vary", "Origin", "Access-Control-Allow-Origin", "https://x.b.test", "Access-Control-Allow-Methods", "GET, PUT", "Access-Control-Allow-Headers", "X-A", "Access-Control-Max-Age", "60")},
		{"another origin", cors(nil), "GET", header("Origin", "https://evil.test"), nil, nil},
		{"the origin's are kept", cors(nil), "GET", simple, header("Vary", "Origin", "access-control-allow-origin", "own"), header("Vary", "Origin", "access-control-allow-origin", "own", "Access-Control-Expose-Headers", "X-B, X-C")},
		{"the origin's are replaced", cors(func(c *policies.CORS) { c.Override = true }), "GET", simple, header("access-control-allow-origin", "own", "Access-Control-Allow-Methods", "own"), header("Vary", "Origin", "Access-Control-Allow-Origin", "https://a.test", "Access-Control-Expose-Headers", "X-B, X-C")},
		{"any origin, credentials, no age", cors(func(c *policies.CORS) {
			c.AllowOrigins, c.AllowMethods, c.AllowHeaders, c.AllowCredentials, c.MaxAge = []string{"*"}, []string{"ALL"}, nil, true, -1
		}), "OPTIONS", asked, nil, header("Access-Control-Allow-Origin", "*", "Access-Control-Allow-Credentials", "true", "Access-Control-Allow-Methods", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")},
		{"remove, then set", &policies.ResponseHeaders{
			Remove: []string{"x-powered-by", "Server"},
			Set:    []policies.ResponseHeader{{Name: "Server", Value: "new"}, {Name: "X-Kept", Value: "no"}, {Name: "X-Replaced", Value: "yes", Override: true}},
		}, "GET", nil, header("X-Powered-By", "it", "Server", "old", "X-Kept", "1", "X-Replaced", "1"), header("X-Kept", "1", "Server", "new", "X-Replaced", "yes")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.origin.Clone(0)
			Apply(&got, c.policy, &message.Request{Method: c.method, Header: c.asked})
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestMatchesOrigin(t *testing.T) {
	for _, c := range []struct {
		pattern, origin string
		want            bool
	}{
		{"https://a.test", "https://a.test", true}, {"https://a.test", "http://a.test", false}, {"https://a.test", "https://a.test:8443", false},
		{"https://a.test:*", "https://a.test:8443", true}, {"https://a.test:8443", "https://a.test:8443", true},
		{"*.a.test", "https://x.a.test", true}, {"*.a.test", "https://a.test", false}, {"https://*.a.test", "https://x.y.a.test", true},
		{"*.a.test", "https://xa.test", false}, {"a.test", "null", false}, {"[::1]:80", "http://[::1]:80", true}, {"[::1]", "http://[::1]", true},
	} {
		if got := matchesOrigin(c.pattern, c.origin); got != c.want {
			t.Errorf("%s, %s: %t", c.pattern, c.origin, got)
		}
	}
}

func TestTimed(t *testing.T) {
	plain, pragma := &message.Request{}, &message.Request{Header: header("Pragma", "Server-Timing")}
	half := &policies.ResponseHeaders{ServerTiming: 50, ServerTimingEnabled: true}
	timed := 0
	for i := range 10000 {
		if Timed(half, plain, fmt.Sprintf("request %d", i)) {
			timed++
		}
		if !Timed(half, pragma, fmt.Sprint(i)) || Timed(&policies.ResponseHeaders{}, pragma, fmt.Sprint(i)) {
			t.Fatal("Pragma: server-timing")
		}
	}
	if timed < 4500 || timed > 5500 {
		t.Errorf("%d of 10000 are timed, want about half", timed)
	}
}
