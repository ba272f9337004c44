package function

import (
	"context"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/message"
)

// engines is one engine for all tests, whose runs wait for as long as it takes.
var engines = sync.OnceValue(func() *Engine {
	dir, err := os.UserCacheDir()
	if err == nil {
		dir = filepath.Join(dir, "warmfront", "functions")
	}
	e := NewEngine(dir)
	e.gate.wait = 10 * time.Minute
	return e
})

func testInfo(request, response string) *event.Info {
	b := &cdn.Behavior{}
	if request != "" {
		b.ViewerRequest = &functions.Function{Name: "f", Runtime: "cloudfront-js-2.0", Code: request}
	}
	if response != "" {
		b.ViewerResponse = &functions.Function{Name: "f", Runtime: "cloudfront-js-2.0", Code: response}
	}
	return &event.Info{State: cdn.NewState(1), Plan: &cdn.Plan{ID: "E1", Domain: "d1.warmfront.test"}, Behavior: b, RequestID: "id==", Now: time.Unix(1_700_000_000, 0)}
}

func testRequest() *message.Request {
	return &message.Request{
		Method: "GET", Scheme: "https", Host: "www.example.com", Path: "/a%20b", Query: "x=1&2=b&x=%26", Viewer: netip.MustParseAddrPort("192.0.2.7:1234"),
		Header: message.Header{{Name: "Accept", Value: "a"}, {Name: "ACCEPT", Value: "b"}, {Name: "Cookie", Value: "s=1; t=2"}, {Name: "X-Real-IP", Value: "hidden"}},
	}
}

func lines(h message.Header) string {
	var b strings.Builder
	for _, f := range h {
		b.WriteString(f.Name + ": " + f.Value + "\n")
	}
	return b.String()
}

// TestChanges: what a function changed is changed, and all else is as it was on the wire.
func TestChanges(t *testing.T) {
	const was = "Accept: a\nACCEPT: b\nCookie: s=1; t=2\nX-Real-IP: hidden\n"
	for name, tc := range map[string]struct{ code, path, query, header string }{
		"uri":             {`r.uri = '/c'`, "/c", "x=1&2=b&x=%26", was},
		"query":           {`r.querystring = {y: {value: '1'}, z: {value: 'a', multiValue: [{value: 'b'}, {value: 'c'}]}}`, "/a%20b", "y=1&z=b&z=c", was},
		"header added":    {`r.headers['x-new-one'] = {value: 'v'}`, "/a%20b", "x=1&2=b&x=%26", was + "X-New-One: v\n"},
		"first of many":   {`r.headers.accept.value = 'c'`, "/a%20b", "x=1&2=b&x=%26", "Cookie: s=1; t=2\nX-Real-IP: hidden\nAccept: c\nAccept: b\n"},
		"one of many":     {`r.headers.accept.multiValue[1].value = 'c'`, "/a%20b", "x=1&2=b&x=%26", "Cookie: s=1; t=2\nX-Real-IP: hidden\nAccept: a\nAccept: c\n"},
		"header deleted":  {`delete r.headers.accept`, "/a%20b", "x=1&2=b&x=%26", "Cookie: s=1; t=2\nX-Real-IP: hidden\n"},
		"cookie":          {`r.cookies.t.value = '3'; delete r.cookies.s`, "/a%20b", "x=1&2=b&x=%26", "Accept: a\nACCEPT: b\nX-Real-IP: hidden\nCookie: t=3\n"},
		"cookies deleted": {`r.cookies = {}`, "/a%20b", "x=1&2=b&x=%26", "Accept: a\nACCEPT: b\nX-Real-IP: hidden\n"},
		"what it saw":     {`if (e.viewer.ip + e.context.eventType + r.headers.host.value + r.querystring.x.multiValue.length + ('x-real-ip' in r.headers) !== '192.0.2.7viewer-requestwww.example.com2false') r.uri = '/wrong'`, "/a%20b", "x=1&2=b&x=%26", was},
	} {
		t.Run(name, func(t *testing.T) {
			r := testRequest()
			o := NewNode(Config{Engine: engines()}).ViewerRequest(context.Background(), testInfo(`function handler(e) { const r = e.request; `+tc.code+`; return r }`, ""), r)
			if o.Fault != nil || o.Response != nil {
				t.Fatalf("%+v", o)
			}
			if o.Request != nil {
				r = o.Request
			}
			if r.Path != tc.path || r.Query != tc.query || lines(r.Header) != tc.header {
				t.Errorf("%s?%s\n%s", r.Path, r.Query, lines(r.Header))
			}
		})
	}
}

// TestRefused has functions return what they may not.
func TestRefused(t *testing.T) {
	for name, code := range map[string]string{
		"nothing": `return`, "null": `return null`, "a number": `return 1`, "an array": `return []`, "method": `r.method = 'POST'; return r`,
		"no slash": `r.uri = 'x'; return r`, "a query in the path": `r.uri = '/x?y'; return r`, "line in the path": `r.uri = '/x\r\nA: b'; return r`,
		"line in a header": `r.headers.x = {value: 'a\r\nb: c'}; return r`, "line in a name": `r.headers['x\r\ny'] = {value: 'a'}; return r`, "nul": `r.headers.x = {value: '\0'}; return r`,
		"capital": `r.headers['X-A'] = {value: 'a'}; return r`, "disallowed": `r.headers['x-edge-a'] = {value: 'a'}; return r`, "host changed": `r.headers.host.value = 'b'; return r`,
		"host deleted": `delete r.headers.host; return r`, "via added": `r.headers.via = {value: 'a'}; return r`, "no value": `r.headers.x = {}; return r`, "value a number": `r.headers.x = {value: 1}; return r`,
		"cookie header": `r.headers.cookie = {value: 'a=b'}; return r`, "cookie with line": `r.cookies.x = {value: 'a\nb'}; return r`, "two cookies in one": `r.cookies.x = {value: 'a; b=c'}; return r`,
		"query": `r.querystring.x = {value: 'a&b'}; return r`, "status": `return {statusCode: 99}`, "status text": `return {statusCode: '200'}`, "body": `return {statusCode: 200, body: 1}`,
		"base64": `return {statusCode: 200, body: {encoding: 'base64', data: '*'}}`, "encoding": `return {statusCode: 200, body: {encoding: 'x', data: ''}}`,
		"set-cookie line": `return {statusCode: 200, cookies: {a: {value: 'b', attributes: 'x\r\ny'}}}`, "location line": `return {statusCode: 302, headers: {location: {value: '/\nx'}}}`,
		"large": `return {statusCode: 200, body: 'x'.repeat(1100000)}`,
	} {
		t.Run(name, func(t *testing.T) {
			o := NewNode(Config{Engine: engines()}).ViewerRequest(context.Background(), testInfo(`function handler(e) { const r = e.request; `+code+` }`, ""), testRequest())
			if o.Fault == nil || o.Fault.Result != event.FunctionValidation && name != "large" || o.Fault.Status < 502 {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestResponses has functions change an answer.
func TestResponses(t *testing.T) {
	for name, tc := range map[string]struct{ code, want string }{
		"header": {`r.headers['x-a'] = {value: '1'}`, "200 true false\nContent-Type: text/html\nSet-Cookie: a=b; Path=/\nX-A: 1\n"},
		"cookie": {`r.cookies.c = {value: 'd', attributes: 'Secure'}`, "200 true false\nContent-Type: text/html\nSet-Cookie: a=b; Path=/\nSet-Cookie: c=d; Secure\n"},
		"status": {`r.statusCode = 201; delete r.headers['content-type']`, "201 true false\nSet-Cookie: a=b; Path=/\n"},
		"body":   {`r.body = 'new'`, "200 false false\nContent-Type: text/html\nSet-Cookie: a=b; Path=/\nnew"},
		"base64": {`r.body = {encoding: 'base64', data: 'aGk='}`, "200 false false\nContent-Type: text/html\nSet-Cookie: a=b; Path=/\nhi"},
		"empty":  {`r.body = ''`, "200 true true\nContent-Type: text/html\nSet-Cookie: a=b; Path=/\n"},
	} {
		t.Run(name, func(t *testing.T) {
			resp := &message.Response{Status: 200, Header: message.Header{{Name: "Content-Type", Value: "text/html"}, {Name: "Set-Cookie", Value: "a=b; Path=/"}}}
			o := NewNode(Config{Engine: engines()}).ViewerResponse(context.Background(), testInfo("", `function handler(e) { const r = e.response; `+tc.code+`; return r }`), testRequest(), resp)
			if o.Fault != nil {
				t.Fatalf("%+v", o.Fault)
			}
			got := strings.Join([]string{itoa(o.Response.Status), yes(o.Response.Body == nil), yes(o.NoBody)}, " ") + "\n" + lines(o.Response.Header)
			if o.Response.Body != nil {
				b, _ := io.ReadAll(o.Response.Body)
				got += string(b)
			}
			if got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func itoa(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// TestTestedAsRun: a test of a function, with the event that an edge would make, is what
// the edge's run is.
func TestTestedAsRun(t *testing.T) {
	r := testRequest()
	for _, code := range []string{
		`function handler(e) { e.request.uri = '/x'; return e.request }`, `function handler(e) { throw new Error('x') }`, `function handler(e) { return 1 }`, `function handler(e) { for (;;); }`, `function handler( {`,
	} {
		in := testInfo(code, "")
		made := newEvent(event.ViewerRequest, in, r, nil)
		shown, err := engines().Test(context.Background(), Run{Event: made, Function: &functions.Function{Runtime: "cloudfront-js-2.0", Code: `function handler(e) { return e }`}, Now: in.Now})
		if err != nil {
			t.Fatal(err)
		}
		read, err := ParseEvent([]byte(shown.Value.JSON()))
		if err != nil {
			t.Fatal(err)
		}
		report, err := engines().Test(context.Background(), Run{Event: read, Function: in.Behavior.ViewerRequest, Values: in.State.KeyValues, Now: in.Now})
		if err != nil {
			t.Fatal(err)
		}
		o := NewNode(Config{Engine: engines()}).ViewerRequest(context.Background(), in, r)
		switch {
		case (report.Failure == nil) != (o.Fault == nil), report.Failure != nil && report.Failure.Result != o.Fault.Result:
			t.Errorf("%s: tested %+v, run %+v", code, report.Failure, o.Fault)
		case o.Fault == nil && report.Returned.Request.URI != o.Request.Path:
			t.Errorf("%s: tested %+v, run %+v", code, report.Returned.Request, o.Request)
		}
	}
}

// TestNothingIsKept: no request finds what the code of a function kept of another one
// (compatibility.md, 565).
func TestNothingIsKept(t *testing.T) {
	n := NewNode(Config{Engine: engines()})
	in := testInfo(`let seen = 0; function handler(e) { e.request.uri = '/' + ++seen; return e.request }`, "")
	for i, want := range []string{"/1", "/1", "/1", "/1"} {
		if i == 2 {
			in.Plan = &cdn.Plan{ID: "E2"}
		}
		if o := n.ViewerRequest(context.Background(), in, testRequest()); o.Request == nil || o.Request.Path != want {
			t.Errorf("%+v, want %s", o, want)
		}
	}
}

func BenchmarkFunctionAtViewerRequest(b *testing.B) {
	n := NewNode(Config{Engine: engines()})
	in, r := testInfo(`function handler(e) { e.request.headers['x-a'] = {value: '1'}; return e.request }`, ""), testRequest()
	b.ReportAllocs()
	for b.Loop() {
		if o := n.ViewerRequest(context.Background(), in, r); o.Fault != nil {
			b.Fatal(o.Fault)
		}
	}
}
