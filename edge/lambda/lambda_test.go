package lambda

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
)

const arn = "arn:aws:lambda:us-east-1:123456789012:function:rewrite:7"

func input(e Event, uri string) *Input {
	in := &Input{
		Event: e, Plan: &cdn.Plan{ID: "E1", Domain: "d1.test"}, RequestID: "id",
		Request: &message.Request{Method: "GET", Scheme: "https", Host: "www.test", Path: uri, Query: "a=b", Viewer: netip.MustParseAddrPort("192.0.2.7:1"),
			Header: message.Header{{Name: "User-Agent", Value: "test"}, {Name: "Via", Value: "1.1 x"}, {Name: "X-Amz-Cf-Id", Value: "id"}}},
	}
	if e == OriginRequest {
		in.Origin = &origins.Origin{ID: "o", Domain: "origin.test", Path: "/base", HTTPPort: 8080, HTTPSPort: 8443, Protocol: origins.HTTPSOnly, ReadTimeout: 30 * time.Second,
			KeepaliveTimeout: 5 * time.Second, TLS: []uint16{0x0303, 0x0304}, CustomHeaders: []origins.HeaderField{{Name: "X-Shared", Value: "secret"}}}
	}
	if !e.OfRequest() {
		in.Response = &message.Response{Status: 200, Header: message.Header{{Name: "Content-Type", Value: "text/plain"}, {Name: "Set-Cookie", Value: "a"}, {Name: "Set-Cookie", Value: "b"}}}
	}
	return in
}

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		in   *Input
		want string
	}{
		{input(ViewerRequest, "/a"), `{"Records":[{"cf":{"config":{"distributionDomainName":"d1.test","distributionId":"E1","eventType":"viewer-request","requestId":"id"},
			"request":{"clientIp":"192.0.2.7","headers":{"host":[{"key":"Host","value":"www.test"}],"user-agent":[{"key":"User-Agent","value":"test"}],"via":[{"key":"Via","value":"1.1 x"}]},
			"method":"GET","querystring":"a=b","uri":"/a"}}}]}`},
		{input(OriginRequest, "/a"), `{"Records":[{"cf":{"config":{"distributionDomainName":"d1.test","distributionId":"E1","eventType":"origin-request","requestId":"id"},
			"request":{"clientIp":"192.0.2.7","headers":{"host":[{"key":"Host","value":"www.test"}],"user-agent":[{"key":"User-Agent","value":"test"}],"via":[{"key":"Via","value":"1.1 x"}]},
			"method":"GET","querystring":"a=b","uri":"/a","origin":{"custom":{"customHeaders":{"x-shared":[{"key":"X-Shared","value":"secret"}]},"domainName":"origin.test","keepaliveTimeout":5,
			"path":"/base","port":8443,"protocol":"https","readTimeout":30,"sslProtocols":["TLSv1.2"]}}}}}]}`},
		{input(OriginResponse, "/a"), `{"Records":[{"cf":{"config":{"distributionDomainName":"d1.test","distributionId":"E1","eventType":"origin-response","requestId":"id"},
			"request":{"clientIp":"192.0.2.7","headers":{"host":[{"key":"Host","value":"www.test"}],"user-agent":[{"key":"User-Agent","value":"test"}],"via":[{"key":"Via","value":"1.1 x"}]},
			"method":"GET","querystring":"a=b","uri":"/a"},"response":{"status":"200","statusDescription":"OK",
			"headers":{"content-type":[{"key":"Content-Type","value":"text/plain"}],"set-cookie":[{"key":"Set-Cookie","value":"a"},{"key":"Set-Cookie","value":"b"}]}}}}]}`},
	} {
		c.in.Request.Header = shown(c.in.Request.Header)
		b, err := c.in.JSON()
		var got, want any
		if err != nil || json.Unmarshal(b, &got) != nil || json.Unmarshal([]byte(c.want), &want) != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s, %v", c.in.Event, b, err)
		}
	}
}

// ask is a request as a function returns it.
func ask(uri, more string) string {
	return `{"clientIp":"192.0.2.7","method":"GET","querystring":"c=d","uri":"` + uri + `","headers":{"host":[{"key":"Host","value":"www.test"}],"via":[{"key":"Via","value":"1.1 x"}],"x-new":[{"value":"1"}]}` + more + `}`
}

const custom = `,"origin":{"custom":{"customHeaders":{},"domainName":"Other.test","keepaliveTimeout":5,"path":"","port":8000,"protocol":"http","readTimeout":10,"sslProtocols":["TLSv1.2"]}}`

// TestTake: what is taken of what functions say (beliefs 544 to 546).
func TestTake(t *testing.T) {
	body := func(in *Input) *Input { in.Body = []byte("old"); return in }
	for _, c := range []struct {
		name string
		in   *Input
		said string
		want string // of the fault; "" for none
	}{
		{"a request", input(ViewerRequest, "/a"), ask("/b", ""), ""},
		{"another origin", input(OriginRequest, "/a"), ask("/b", custom), ""},
		{"a bucket", input(OriginRequest, "/a"), ask("/b", `,"origin":{"s3":{"authMethod":"none","customHeaders":{},"domainName":"b.s3.amazonaws.com","path":"/x","region":""}}`), ""},
		{"an answer", input(ViewerRequest, "/a"), `{"status":"302","headers":{"location":[{"key":"Location","value":"/x"}]}}`, ""},
		{"another status", input(OriginResponse, "/a"), `{"status":404,"headers":{},"body":"bm9uZQ==","bodyEncoding":"base64"}`, ""},
		{"another body", body(input(OriginRequest, "/a")), ask("/b", `,"body":{"action":"replace","encoding":"text","data":"new"}`), ""},
		{"the same body", body(input(OriginRequest, "/a")), ask("/b", `,"body":{"action":"read-only","encoding":"text","data":"new"}`), ""},
		{"no object", input(ViewerRequest, "/a"), `[]`, "no object"},
		{"nothing", input(ViewerRequest, "/a"), `null`, "neither"},
		{"nothing of a response", input(OriginResponse, "/a"), `null`, "status 0"},
		{"a relative uri", input(ViewerRequest, "/a"), ask("b", ""), "uri"},
		{"a uri with a query", input(ViewerRequest, "/a"), ask("/b?c", ""), "uri"},
		{"another method", input(ViewerRequest, "/a"), strings.Replace(ask("/b", ""), "GET", "PUT", 1), "method"},
		{"another viewer", input(ViewerRequest, "/a"), strings.Replace(ask("/b", ""), "192.0.2.7", "192.0.2.8", 1), "clientIp"},
		{"another host at the viewer's", input(ViewerRequest, "/a"), strings.Replace(ask("/b", ""), "www.test", "x.test", 1), "host is read-only"},
		{"another host at the origin's", input(OriginRequest, "/a"), strings.Replace(ask("/b", ""), "www.test", "x.test", 1), ""},
		{"Via", input(ViewerRequest, "/a"), strings.Replace(ask("/b", ""), "1.1 x", "1.1 y", 1), "via is read-only"},
		{"a header of the edge's", input(ViewerRequest, "/a"), strings.Replace(ask("/b", ""), "x-new", "x-edge-new", 1), "not allowed"},
		{"two names of a header", input(ViewerRequest, "/a"), strings.Replace(ask("/b", ""), `{"value":"1"}`, `{"key":"x-old","value":"1"}`, 1), "not well formed"},
		{"a line break", input(ViewerRequest, "/a"), strings.Replace(ask("/b", ""), `{"value":"1"}`, `{"value":"1\r\nx: y"}`, 1), "not well formed"},
		{"a body that was not shown", input(ViewerRequest, "/a"), ask("/b", `,"body":{"action":"replace","encoding":"text","data":"x"}`), "IncludeBody"},
		{"a body that is no base64", body(input(ViewerRequest, "/a")), ask("/b", `,"body":{"action":"replace","encoding":"base64","data":"!"}`), "base64"},
		{"a large body", body(input(ViewerRequest, "/a")), ask("/b", `,"body":{"action":"replace","encoding":"text","data":"`+strings.Repeat("x", 40<<10+1)+`"}`), "allowed"},
		{"a large answer", input(ViewerRequest, "/a"), `{"status":200,"body":"` + strings.Repeat("x", 40<<10+1) + `"}`, "allowed"},
		{"no status", input(ViewerRequest, "/a"), `{"status":"99"}`, "status"},
		{"another status at the viewer's", input(ViewerResponse, "/a"), `{"status":404,"headers":{}}`, "status"},
		{"two origins", input(OriginRequest, "/a"), ask("/b", strings.Replace(custom, `{"custom"`, `{"s3":{},"custom"`, 1)), "one of"},
		{"a port", input(OriginRequest, "/a"), ask("/b", strings.Replace(custom, "8000", "22", 1)), "port"},
		{"a domain", input(OriginRequest, "/a"), ask("/b", strings.Replace(custom, "Other.test", "a:b", 1)), "domainName"},
		{"a path", input(OriginRequest, "/a"), ask("/b", strings.Replace(custom, `"path":""`, `"path":"/x/"`, 1)), "path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := c.in.take([]byte(c.said))
			switch {
			case c.want != "":
				if out.Fault == nil || out.Fault.Status != 502 || out.Fault.Result != ValidationError || !strings.Contains(out.Fault.Why, c.want) {
					t.Errorf("%+v", out.Fault)
				}
			case out.Fault != nil:
				t.Error(out.Fault)
			case out.Response != nil:
				if b, _ := io.ReadAll(out.Response.Body); out.Response.Length != int64(len(b)) {
					t.Errorf("%d bytes, declared %d", len(b), out.Response.Length)
				}
			default:
				if r := out.Request; r.Path != "/b" || r.Query != "c=d" || r.Header.Get("X-New") != "1" || r.Header.Has("User-Agent") || r.Header.Get("X-Amz-Cf-Id") != "id" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
	out := input(OriginRequest, "/a").take([]byte(ask("/b", custom)))
	if o := out.Origin; o.Domain != "other.test" || o.HTTPPort != 8000 || o.Protocol != origins.HTTPOnly || o.Path != "" || len(o.CustomHeaders) != 0 || o.ReadTimeout != 10*time.Second || o.ID != "o" {
		t.Errorf("the origin is %+v", o)
	}
	in := body(input(OriginRequest, "/a"))
	if b, _ := io.ReadAll(in.take([]byte(ask("/b", `,"body":{"action":"replace","encoding":"text","data":"new"}`))).Request.Body); string(b) != "new" {
		t.Errorf("the body is %q", b)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestEndpoint: an HTTP server is posted events, and what it says, or does not, is told
// apart.
func TestEndpoint(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(b), `"uri":"/full"`):
			w.WriteHeader(429)
		case strings.Contains(string(b), `"uri":"/failed"`):
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		case strings.Contains(string(b), `"uri":"/500"`):
			w.WriteHeader(500)
		case strings.Contains(string(b), `"uri":"/elsewhere"`):
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
			return
		case strings.Contains(string(b), `"uri":"/hang"`):
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `{"status":"200","body":"made"}`)
	}))
	defer srv.Close()
	f := New(Mapping{arn: srv.URL}, 1, quiet())
	defer f.Close()
	for uri, want := range map[string]string{"/": "", "/full": LimitExceeded, "/failed": ExecutionError, "/500": ExecutionError, "/elsewhere": ExecutionError} {
		out := f.Run(t.Context(), arn, input(ViewerRequest, uri))
		if got := result(out); got != want || want == "" && out.Response.Status != 200 {
			t.Errorf("%s: %q, %+v", uri, got, out)
		}
	}
	event, err := input(ViewerRequest, "/hang").JSON()
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.invokers[arn].invoke(t.Context(), event, 100*time.Millisecond)
	if fault, is := err.(*Fault); !is || fault.Status != 503 || fault.Result != ExecutionError || !strings.Contains(fault.Why, "too long") {
		t.Errorf("it hangs: %v", err)
	}
	srv.Close()
	if got := result(f.Run(t.Context(), arn, input(ViewerRequest, "/"))); got != ExecutionError {
		t.Errorf("without a server: %q", got)
	}
	if got := result(f.Run(t.Context(), "arn:other", input(ViewerRequest, "/"))); got != ExecutionError {
		t.Errorf("without a program: %q", got)
	}
}

func result(o Outcome) string {
	if o.Fault == nil {
		return ""
	}
	return o.Fault.Result
}

// TestProcesses runs a real function in node, by the Lambda runtime API.
func TestProcesses(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	path, err := filepath.Abs("testdata/bootstrap.cjs")
	if err != nil {
		t.Fatal(err)
	}
	f := New(Mapping{arn: "exec:" + path}, 1, quiet())
	defer f.Close()
	run := func(uri string) Outcome { return f.Run(t.Context(), arn, input(OriginRequest, uri)) }
	said := func(o Outcome) string {
		if o.Fault != nil {
			t.Fatal(o.Fault)
		}
		b, _ := io.ReadAll(o.Response.Body)
		return string(b)
	}
	if out := run("/a/photo.jpg"); out.Fault != nil || out.Request.Path != "/a/photo.webp" || out.Origin.Domain != "origin.test" || out.Request.Header.Get("User-Agent") != "test" {
		t.Fatalf("%+v", out)
	}
	first := said(run("/version"))
	if !strings.HasPrefix(first, "7 ") {
		t.Errorf("the version is %q", first)
	}
	for uri, want := range map[string]string{"/throw": ExecutionError, "/large": ValidationError, "/nothing": ValidationError} {
		if out := run(uri); result(out) != want {
			t.Errorf("%s: %+v", uri, out.Fault)
		}
	}
	if again := said(run("/version")); again != first {
		t.Errorf("another process, %q: it was %q", again, first)
	}
	// One event at a time, and no more processes than are allowed.
	one := f.invokers[arn].(*pool)
	busy, err := one.take(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got := result(run("/version")); got != LimitExceeded {
		t.Errorf("a second event while the one process has one: %q", got)
	}
	one.giveBack(busy, nil, time.Now())
	// A process that ends is another one's turn.
	if got := result(run("/exit")); got != ExecutionError {
		t.Errorf("a process that ends: %q", got)
	}
	if now := said(run("/version")); now == first {
		t.Error("the process has not ended")
	}
}

// TestAFunctionThatHangsIsKilled, by the clock of its event, with what it started.
func TestAFunctionThatHangsIsKilled(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	path, err := filepath.Abs("testdata/bootstrap.cjs")
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(arn, path, 1, quiet())
	defer p.close()
	event, err := input(ViewerRequest, "/hang").JSON()
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.invoke(context.Background(), event, time.Second)
	if fault, ok := err.(*Fault); !ok || fault.Result != ExecutionError || !strings.Contains(fault.Why, "too long") {
		t.Errorf("%v", err)
	}
	if len(p.all) != 0 {
		t.Errorf("%d processes are left", len(p.all))
	}
}

func TestCommandsThatAreNone(t *testing.T) {
	f := New(Mapping{arn: "exec:/nowhere/at/all"}, 1, quiet())
	defer f.Close()
	if out := f.Run(t.Context(), arn, input(ViewerRequest, "/")); result(out) != ExecutionError || !strings.Contains(out.Fault.Why, "cannot be started") {
		t.Errorf("%+v", out.Fault)
	}
	script := filepath.Join(t.TempDir(), "ends")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	g := New(Mapping{arn: "exec:" + script}, 1, quiet())
	defer g.Close()
	if out := g.Run(t.Context(), arn, input(ViewerRequest, "/")); result(out) != ExecutionError || !strings.Contains(out.Fault.Why, "before it asked") {
		t.Errorf("%+v", out.Fault)
	}
}

func TestMapping(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "functions")
	if err := os.WriteFile(file, []byte("# ours\n\n"+arn+"=exec:rewrite/bootstrap\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(arn, ":7", ":8", 1)
	m, err := ReadMapping([]string{other + "=http://127.0.0.1:9000/x?a=b"}, []string{file})
	if err != nil || !m.Has(arn) || !m.Has(other) || m.Has("x") || m[arn] != "exec:"+filepath.Join(dir, "rewrite/bootstrap") || m[other] != "http://127.0.0.1:9000/x?a=b" {
		t.Errorf("%v, %v", m, err)
	}
	for _, wrong := range []string{"", arn, arn + "=", arn + "=ftp://x", arn + "=exec:", strings.TrimSuffix(arn, ":7") + "=exec:x", "x=exec:y"} {
		if _, err := ReadMapping([]string{wrong}, nil); err == nil || !strings.HasPrefix(err.Error(), "--lambda: ") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := ReadMapping(nil, []string{filepath.Join(dir, "none")}); err == nil {
		t.Error("a file that is not there is read")
	}
}
