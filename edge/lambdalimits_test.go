package edge

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/edge/message"
)

// TestLambdaLimits holds what functions say against the quotas and restrictions of
// Lambda@Edge, at each event, by a function at a real endpoint: what is allowed to the last
// byte is, and what is not is 502, LambdaValidationError (beliefs 543, 544, 606 to 608).
func TestLambdaLimits(t *testing.T) {
	type m = map[string]any
	var do func(e lambdaEvent) any
	n := newNetwork(t, site{behaviors: []behavior{
		{pattern: "/viewer-request*", policy: disabled, methods: all7, more: onEvents("viewer-request")},
		{pattern: "/viewer-response*", policy: disabled, methods: all7, more: onEvents("viewer-response")},
		{pattern: "/origin-request*", policy: disabled, methods: all7, more: onEvents("origin-request")},
		{policy: disabled, methods: all7, more: onEvents("origin-response")},
	}}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		body := ""
		if r.Body != nil {
			b, _ := io.ReadAll(r.Body)
			body = string(b)
		}
		return ok(body, "Content-Type", "text/plain", "Via", "1.1 origin"), nil
	})
	f := newNoting(t, func(e lambdaEvent) any { return do(e) })
	f.on(n)

	header := func(name, value string) func(e lambdaEvent) any {
		return func(e lambdaEvent) any {
			of := e.request
			if e.response != nil {
				of = e.response
			}
			if value == "" {
				delete(fields(of), name)
			} else {
				fields(of)[name] = field(value)
			}
			return of
		}
	}
	uri := func(path, query int) func(e lambdaEvent) any {
		return func(e lambdaEvent) any {
			e.request["uri"], e.request["querystring"] = "/"+strings.Repeat("p", path-1), strings.Repeat("q", query)
			return e.request
		}
	}
	// made makes an answer of a size, with its header.
	made := func(status, size int) func(e lambdaEvent) any {
		return func(e lambdaEvent) any {
			own, of := m{"x-a": field("b")}, message.Header{{Name: "x-a", Value: "b"}}
			if e.response != nil { // which is read-only
				own["via"] = field("1.1 origin")
				of.Add("via", "1.1 origin")
			}
			return m{"status": fmt.Sprint(status), "headers": own, "body": strings.Repeat("x", max(0, size-of.Size()))}
		}
	}
	body := func(size int, encoding string) func(e lambdaEvent) any {
		return func(e lambdaEvent) any {
			data := strings.Repeat("x", size)
			if encoding == "base64" {
				data = base64.StdEncoding.EncodeToString([]byte(data))
			}
			e.request["body"] = m{"action": "replace", "encoding": encoding, "data": data}
			return e.request
		}
	}
	custom := func(name, value, count int) func(e lambdaEvent) any {
		return func(e lambdaEvent) any {
			own := m{}
			for i := range count {
				own[fmt.Sprint("x-", i, strings.Repeat("n", name-3))] = field(strings.Repeat("v", value))
			}
			e.request["origin"].(m)["custom"].(m)["customHeaders"] = own
			return e.request
		}
	}
	origin := func(name string, value any) func(e lambdaEvent) any {
		return func(e lambdaEvent) any {
			e.request["origin"].(m)["custom"].(m)[name] = value
			return e.request
		}
	}
	for _, c := range []struct {
		name, event string
		do          func(e lambdaEvent) any
		status      int // 502 with LambdaValidationError; else what is answered
	}{
		{"uri and querystring of 8,191", "viewer-request", uri(8000, 191), 200},
		{"uri and querystring of 8,192", "viewer-request", uri(8000, 192), 502},
		{"uri and querystring of 8,191", "origin-request", uri(100, 8091), 200},
		{"uri and querystring of 8,192", "origin-request", uri(8192, 0), 502},

		{"an answer of 40 KB", "viewer-request", made(200, 40<<10), 200},
		{"an answer of 40 KB and a byte", "viewer-request", made(200, 40<<10+1), 502},
		{"an answer of 1 MB", "origin-request", made(200, 1<<20), 200},
		{"an answer of 1 MB and a byte", "origin-request", made(200, 1<<20+1), 502},
		{"an answer of 1 MB", "origin-response", made(200, 1<<20), 200},
		{"an answer of 1 MB and a byte", "origin-response", made(200, 1<<20+1), 502},
		{"an answer of 40 KB and a byte", "viewer-response", made(200, 40<<10+1), 502},

		{"a body of 40 KB", "viewer-request", body(40<<10, "text"), 200},
		{"a body of 40 KB and a byte", "viewer-request", body(40<<10+1, "text"), 502},
		{"a body of 40 KB in 53.3 KB of base64", "viewer-request", body(40<<10, "base64"), 200},
		{"a body of 40 KB and a byte in base64", "viewer-request", body(40<<10+1, "base64"), 502},
		{"a body of 1 MB", "origin-request", body(1<<20, "text"), 200},
		{"a body of 1 MB and a byte", "origin-request", body(1<<20+1, "text"), 502},
		{"a body of 1 MB in base64", "origin-request", body(1<<20, "base64"), 200},
		{"another encoding", "origin-request", body(1, "hex"), 502},

		{"status 200", "origin-response", made(200, 100), 200},
		{"status 599", "origin-response", made(599, 100), 599},
		{"status 199", "origin-response", made(199, 100), 502},
		{"status 600", "origin-response", made(600, 100), 502},
		{"status 204 without a body", "viewer-request", made(204, 0), 204},
		{"status 204 with a body", "viewer-request", made(204, 100), 502},
		{"another status", "viewer-response", made(404, 100), 502},

		{"a custom header of 256 and 1,783", "origin-request", custom(256, 1783, 1), 200},
		{"a custom header's name of 257", "origin-request", custom(257, 1, 1), 502},
		{"a custom header's value of 1,784", "origin-request", custom(10, 1784, 1), 502},
		{"custom headers of 10,240", "origin-request", custom(24, 1000, 10), 200},
		{"custom headers of 10,250", "origin-request", custom(25, 1000, 10), 502},
		{"a custom header that the request has", "origin-request", func(e lambdaEvent) any {
			fields(e.request)["x-0nnn"] = field("v")
			return custom(6, 1, 1)(e)
		}, 502},

		{"readTimeout 120", "origin-request", origin("readTimeout", 120), 200},
		{"readTimeout 121", "origin-request", origin("readTimeout", 121), 502},
		{"readTimeout 0", "origin-request", origin("readTimeout", 0), 502},
		{"keepaliveTimeout 121", "origin-request", origin("keepaliveTimeout", 121), 502},
		{"port 443", "origin-request", origin("port", 443), 200},
		{"port 1024", "origin-request", origin("port", 1024), 200},
		{"port 1023", "origin-request", origin("port", 1023), 502},
		{"port 65536", "origin-request", origin("port", 65536), 502},
		{"protocol ftp", "origin-request", origin("protocol", "ftp"), 502},
		{"path of 255", "origin-request", origin("path", "/"+strings.Repeat("p", 254)), 200},
		{"path of 256", "origin-request", origin("path", "/"+strings.Repeat("p", 255)), 502},
		{"domainName of 253", "origin-request", origin("domainName", strings.Repeat("d", 253)), 200},
		{"domainName of 254", "origin-request", origin("domainName", strings.Repeat("d", 254)), 502},

		{"X-Amzn-Trace-Id, which is none of those", "origin-request", header("x-amzn-trace-id", "1"), 200},
		{"X-Forwarded-For", "origin-request", header("x-forwarded-for", "1"), 200},
	} {
		t.Run(c.event+", "+c.name, func(t *testing.T) { n.limit(t, c.event, func() { do = c.do }, c.status) })
	}
	disallowed := strings.Fields("connection expect keep-alive proxy-authenticate proxy-authorization proxy-connection trailer upgrade x-accel-buffering x-accel-charset x-accel-limit-rate " +
		"x-accel-redirect x-amz-cf-id x-amz-cf-anything x-amzn-auth x-amzn-cf-billing x-amzn-cf-id x-amzn-cf-xff x-amzn-errortype x-amzn-fle-profile x-amzn-header-count " +
		"x-amzn-header-order x-amzn-lambda-integration-tag x-amzn-requestid x-cache x-edge-anything x-forwarded-proto x-real-ip")
	readOnly := map[string]string{
		"viewer-request":  "content-length host transfer-encoding via",
		"origin-request":  "accept-encoding content-length if-modified-since if-none-match if-range if-unmodified-since transfer-encoding via",
		"origin-response": "transfer-encoding via",
		"viewer-response": "content-encoding content-length transfer-encoding warning via",
	}
	for event, names := range readOnly {
		for _, name := range append(strings.Fields(names), disallowed...) {
			t.Run(event+", sets "+name, func(t *testing.T) { n.limit(t, event, func() { do = header(name, "other") }, 502) })
		}
		t.Run(event+", takes Via away", func(t *testing.T) { n.limit(t, event, func() { do = header("via", "") }, 502) })
	}
}

// limit has a function do something at an event, and expects a status.
func (n *network) limit(t *testing.T, event string, prepare func(), want int) {
	t.Helper()
	prepare()
	r := n.request("POST", "/"+event+"/x", "Via", "1.1 viewer")
	r.Body, r.Length = strings.NewReader("data"), 4
	got := n.do(r)
	xcache := "Miss"
	switch {
	case want == 502:
		xcache = "LambdaValidationError"
	case got.xcache() == "LambdaGeneratedResponse":
		xcache = got.xcache()
	case want >= 400:
		xcache = "Error"
	}
	if got.Status != want || got.xcache() != xcache {
		t.Errorf("%d %s, want %d %s", got.Status, got.Header.Get("X-Cache"), want, xcache)
	}
}

// TestLambdaShowsBodies up to what an event allows, and says whether there is more
// (belief 543).
func TestLambdaShowsBodies(t *testing.T) {
	n := newNetwork(t, site{behaviors: []behavior{
		{pattern: "/viewer*", policy: disabled, methods: all7, more: onEvents("viewer-request")},
		{policy: disabled, methods: all7, more: onEvents("origin-request")},
	}}, echo)
	var shown string
	f := newNoting(t, func(e lambdaEvent) any {
		b := e.request["body"].(map[string]any)
		data, _ := base64.StdEncoding.DecodeString(b["data"].(string))
		shown = fmt.Sprint(len(data), " ", b["inputTruncated"], " ", b["action"], " ", b["encoding"])
		return nil
	})
	f.on(n)
	for _, c := range []struct {
		uri, want string
		size      int
	}{
		{"/viewer", "40960 false read-only base64", 40 << 10}, {"/viewer", "40960 true read-only base64", 40<<10 + 1},
		{"/origin", "1048576 false read-only base64", 1 << 20}, {"/origin", "1048576 true read-only base64", 3 << 20},
	} {
		r := n.request("PUT", c.uri)
		r.Body, r.Length = strings.NewReader(strings.Repeat("x", c.size)), int64(c.size)
		if got := n.do(r); got.Status != 201 || !strings.Contains(got.body, fmt.Sprint(" ", c.size, " xxxx")) || shown != c.want {
			t.Errorf("%s %d: shown %s, want %s; %d %.80q", c.uri, c.size, shown, c.want, got.Status, got.body)
		}
	}
}
