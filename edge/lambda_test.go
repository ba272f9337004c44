package edge

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/edge/lambda"
	"github.com/warmfront/warmfront/edge/message"
)

const lambdaARN = "arn:aws:lambda:us-east-1:123456789012:function:rewrite:1"

func onEvents(events ...string) string {
	items := ""
	for _, e := range events {
		items += "<LambdaFunctionAssociation><LambdaFunctionARN>" + lambdaARN + "</LambdaFunctionARN><EventType>" + e + "</EventType><IncludeBody>true</IncludeBody></LambdaFunctionAssociation>"
	}
	return "<LambdaFunctionAssociations><Quantity>1</Quantity><Items>" + items + "</Items></LambdaFunctionAssociations>"
}

// TestLambdaFunctions run at the four events: what they make of a request goes to the
// origin, what they make of its answer is stored, and failures are told by their results
// (beliefs 541 to 547).
func TestLambdaFunctions(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(answerEvents))
	defer srv.Close()
	var posted string
	n, log := newLogged(t, site{}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		if r.Body != nil {
			b, _ := io.ReadAll(r.Body)
			posted = string(b)
		}
		return ok("from "+r.Path+" at "+r.Header.Get("X-Shared")+r.Header.Get("X-Other"), "Cache-Control", "max-age=60"), nil
	})
	f := lambda.NewNode(lambda.New(lambda.Mapping{lambdaARN: srv.URL}, 1, slog.New(slog.DiscardHandler)), nil)
	n.edge.fetcher.Events, n.edge.cfg.Events = f, f
	n.applyChange(site{behaviors: []behavior{
		{pattern: "/viewer/*", policy: optimized, more: onEvents("viewer-request", "viewer-response")},
		{pattern: "/plain/*", policy: optimized},
		{policy: optimized, methods: all7, more: onEvents("origin-request", "origin-response")},
	}}.change("E1"))
	for _, c := range []struct {
		uri, xcache, body, field string
		status                   int
	}{
		{"/photo.jpg", "Miss", "from /base/photo.webp at secret", "origin-response", 200},
		{"/photo.jpg", "Hit", "from /base/photo.webp at secret", "origin-response", 200},
		{"/other", "Miss", "from /elsewhere/other at mine", "origin-response", 200},
		{"/made", "Miss", "made", "", 200},
		{"/made", "Hit", "made", "", 200},
		{"/invalid", "LambdaValidationError", "", "", 502},
		{"/failed", "LambdaExecutionError", "", "", 503},
		{"/viewer/photo.jpg", "Miss", "from /base/viewer/photo.webp at secret", "viewer-response", 200},
		{"/viewer/photo.webp", "Hit", "from /base/viewer/photo.webp at secret", "viewer-response", 200},
		{"/viewer/made", "LambdaGeneratedResponse", "made", "", 200},
		{"/viewer/failed", "LambdaExecutionError", "", "", 503},
		{"/plain/photo.jpg", "Miss", "from /base/plain/photo.jpg at secret", "", 200},
	} {
		got := n.get(c.uri)
		if got.Status != c.status || got.xcache() != c.xcache || c.body != "" && got.body != c.body || got.Header.Get("X-By") != c.field {
			t.Errorf("%s: %d %s %q by %q", c.uri, got.Status, got.xcache(), got.body, got.Header.Get("X-By"))
		}
	}
	if line := n.logged(log, t.Context(), n.request("GET", "/more/failed"), message.Delivery{}); line.Result != "LambdaExecutionError" || line.Status != 503 {
		t.Errorf("logged as %s, %d", line.Result, line.Status)
	}
	r := n.request("POST", "/post")
	r.Body, r.Length = strings.NewReader("hello"), 5
	if got := n.do(r); got.Status != 200 || posted != "HELLO" {
		t.Errorf("POST: %d, the origin was sent %q", got.Status, posted)
	}
	n.edge.fetcher.Events = lambda.NewNode(lambda.New(nil, 1, slog.New(slog.DiscardHandler)), nil)
	if got := n.get("/unmapped"); got.Status != 503 || got.xcache() != "LambdaExecutionError" {
		t.Errorf("without a program: %d %s", got.Status, got.xcache())
	}
}

// answerEvents is the function of the test.
func answerEvents(w http.ResponseWriter, r *http.Request) {
	var e struct {
		Records []struct {
			CF struct {
				Config            struct{ EventType string }
				Request, Response map[string]any
			} `json:"cf"`
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		w.WriteHeader(500)
		return
	}
	cf := e.Records[0].CF
	if cf.Response != nil {
		cf.Response["headers"].(map[string]any)["x-by"] = []any{map[string]any{"key": "X-By", "value": cf.Config.EventType}}
		_ = json.NewEncoder(w).Encode(cf.Response)
		return
	}
	uri := cf.Request["uri"].(string)
	switch {
	case strings.HasSuffix(uri, "/made"):
		_, _ = io.WriteString(w, `{"status":"200","headers":{"cache-control":[{"value":"max-age=60"}]},"body":"made"}`)
		return
	case strings.HasSuffix(uri, "/invalid"):
		_, _ = io.WriteString(w, `{"uri":"relative"}`)
		return
	case strings.HasSuffix(uri, "/failed"):
		w.WriteHeader(500)
		return
	case uri == "/other":
		cf.Request["origin"].(map[string]any)["custom"] = map[string]any{"customHeaders": map[string]any{"x-other": []any{map[string]any{"value": "mine"}}}, "domainName": "other.test",
			"keepaliveTimeout": 5, "path": "/elsewhere", "port": 80, "protocol": "http", "readTimeout": 30, "sslProtocols": []string{"TLSv1.2"}}
	case uri == "/post":
		cf.Request["body"] = map[string]any{"action": "replace", "encoding": "text", "data": "HELLO"}
	}
	cf.Request["uri"] = strings.Replace(uri, ".jpg", ".webp", 1)
	_ = json.NewEncoder(w).Encode(cf.Request)
}
