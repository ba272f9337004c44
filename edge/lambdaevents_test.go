package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/lambda"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/tier"
)

// noting is a function at an HTTP endpoint, which notes the events it is given. What it
// does at them is said by do, which returns what it answers; nil: nothing is changed.
type noting struct {
	do func(e lambdaEvent) any

	mu   sync.Mutex
	seen []string
	urls string
}

// lambdaEvent is one event.
type lambdaEvent struct {
	kind, method, uri, host string
	status                  string // of the response
	request, response       map[string]any
}

// fields is what an event has of a request's or response's header.
func fields(of map[string]any) map[string]any { return of["headers"].(map[string]any) }

func field(value string) []any { return []any{map[string]any{"value": value}} }

func newNoting(t *testing.T, do func(e lambdaEvent) any) *noting {
	f := &noting{do: do}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	f.urls = srv.URL
	return f
}

// on has the function run at nodes, as one program does at all nodes of a process.
func (f *noting) on(nodes ...*network) {
	run := lambda.NewNode(lambda.New(lambda.Mapping{lambdaARN: f.urls}, 1, slog.New(slog.DiscardHandler)), nil)
	for _, n := range nodes {
		n.edge.fetcher.Events, n.edge.cfg.Events = run, run
	}
}

func (f *noting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
	n := lambdaEvent{kind: cf.Config.EventType, method: cf.Request["method"].(string), uri: cf.Request["uri"].(string), request: cf.Request, response: cf.Response}
	said := n.kind + " " + n.method + " " + n.uri
	if o, ok := cf.Request["origin"].(map[string]any); ok {
		n.host = o["custom"].(map[string]any)["domainName"].(string)
		said += " to " + n.host
	}
	if cf.Response != nil {
		n.status = cf.Response["status"].(string)
		said += " " + n.status
	}
	f.mu.Lock()
	f.seen = append(f.seen, said)
	f.mu.Unlock()
	var out any = cf.Request
	if cf.Response != nil {
		out = cf.Response
	}
	if f.do != nil {
		if made := f.do(n); made != nil {
			out = made
		}
	}
	if text, is := out.(string); is { // an exception
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		_, _ = io.WriteString(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(out)
}

// ran returns at what the function ran since it was last asked.
func (f *noting) ran() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := strings.Join(f.seen, ", ")
	f.seen = nil
	return all
}

// through has node 1 ask node 2 as its regional edge cache, and that node 3 as the shield.
func through() routes {
	next := map[string]tier.Tier{"NRT-1": {Level: tier.Regional}, "NRT-2": {Level: tier.Shield}}
	above := map[string]string{"NRT-1": "NRT-2", "NRT-2": "NRT-3"}
	route := func(a tier.Asking) []tier.Tier {
		t, found := next[a.Self.ID]
		if !found {
			return nil
		}
		t.Node = a.Nodes[above[a.Self.ID]]
		return []tier.Tier{t}
	}
	shield := func(a tier.Asking) []tier.Tier {
		if a.Self.ID == "NRT-3" {
			return nil
		}
		return []tier.Tier{{Level: tier.Shield, Node: a.Nodes["NRT-3"]}}
	}
	return routes{route, shield}
}

// TestFunctionsRunOnceBehindTiers (belief 600): viewers' events where the viewer asks,
// origins' events once for each request to the origin, at the node that makes it, and none
// for what a tier has stored.
func TestFunctionsRunOnceBehindTiers(t *testing.T) {
	four := onEvents("viewer-request", "origin-request", "origin-response", "viewer-response")
	c := newRouted(t, 3, through(), site{behaviors: []behavior{{policy: optimized, methods: all7, more: four}}}, func(_ context.Context, i int, r *message.Request) (*message.Response, error) {
		return ok(fmt.Sprint("answer ", i, " to ", r.Method, " ", r.Path), "Cache-Control", "max-age=60", "ETag", `"a"`), nil
	})
	f := newNoting(t, nil)
	f.on(c.nodes...)
	const all = "viewer-request GET /a, origin-request GET /a to origin.test, origin-response GET /a 200, viewer-response GET /a 200"
	if r := c.nodes[0].get("/a"); r.body != "answer 1 to GET /base/a" || hops(r) != "NRT-3 NRT-2 NRT-1" {
		t.Errorf("%q by %s", r.body, hops(r))
	}
	if ran := f.ran(); ran != all {
		t.Errorf("a miss: %s", ran)
	}
	for _, at := range []int{0, 1, 2} {
		if c.nodes[at].get("/a"); f.ran() != "viewer-request GET /a, viewer-response GET /a 200" {
			t.Errorf("a hit of node %d", at+1)
		}
	}
	// What is not cached goes by the shield alone, whose it is to run them.
	r := c.nodes[0].request("POST", "/a")
	r.Body, r.Length = strings.NewReader("data"), 4
	if got := c.nodes[0].do(r); got.body != "answer 2 to POST /base/a" || hops(got) != "NRT-3 NRT-1" {
		t.Errorf("%q by %s", got.body, hops(got))
	}
	if ran := f.ran(); ran != strings.ReplaceAll(all, "GET", "POST") {
		t.Errorf("a POST: %s", ran)
	}
	// A HEAD of what no GET has stored is one of its own.
	if got := c.nodes[0].do(c.nodes[0].request("HEAD", "/head")); got.Status != 200 || got.body != "" {
		t.Errorf("HEAD: %d %q", got.Status, got.body)
	}
	if ran := f.ran(); ran != strings.NewReplacer("GET", "HEAD", "/a", "/head").Replace(all) {
		t.Errorf("a HEAD: %s", ran)
	}
}

// TestAFunctionThatFailsAtATier is told as where the viewer asks, and is no failure of the
// origin's, whose group has another.
func TestAFunctionThatFailsAtATier(t *testing.T) {
	p := pairOf{primary: answers(200, "primary"), second: answers(200, "second")}
	c := newRouted(t, 3, through(), site{failover: "503", behaviors: []behavior{{policy: optimized, methods: all7, more: onEvents("origin-request")}}}, p.answer)
	f := newNoting(t, func(e lambdaEvent) any {
		if strings.HasPrefix(e.uri, "/invalid") {
			return map[string]any{"uri": "relative"}
		}
		return "thrown"
	})
	f.on(c.nodes...)
	for _, ask := range []struct {
		method, uri string
		status      int
		xcache      string
	}{
		{"GET", "/a", 503, "LambdaExecutionError"}, {"GET", "/invalid", 502, "LambdaValidationError"},
		{"POST", "/a", 503, "LambdaExecutionError"}, {"POST", "/invalid", 502, "LambdaValidationError"},
	} {
		got := c.nodes[0].do(c.nodes[0].request(ask.method, ask.uri))
		if got.Status != ask.status || got.xcache() != ask.xcache {
			t.Errorf("%s %s: %d %s", ask.method, ask.uri, got.Status, got.xcache())
		}
	}
	if ran := f.ran(); strings.Count(ran, "origin-request") != 4 || p.turn() != "" {
		t.Errorf("ran %s", ran)
	}
	// It is kept as an error of the origin would be, ten seconds (belief 601).
	if got := c.nodes[0].get("/a"); got.Status != 503 || f.ran() != "" {
		t.Errorf("again: %d", got.Status)
	}
	for _, n := range c.nodes {
		n.advance(11 * time.Second)
	}
	if got := c.nodes[0].get("/a"); got.Status != 503 || f.ran() != "origin-request GET /a to origin.test" {
		t.Errorf("after ten seconds: %d", got.Status)
	}
}

// TestFunctionsOfAnOriginGroup run for each origin that is asked (belief 602).
func TestFunctionsOfAnOriginGroup(t *testing.T) {
	p := pairOf{primary: answers(503, "busy"), second: answers(200, "second", "Cache-Control", "max-age=60")}
	n := newNetwork(t, site{failover: "503", behaviors: []behavior{{policy: optimized, more: onEvents("origin-request", "origin-response")}}}, p.answer)
	f := newNoting(t, func(e lambdaEvent) any {
		if e.response != nil {
			fields(e.response)["x-seen"] = field(e.status)
			return e.response
		}
		return nil
	})
	f.on(n)
	if r := n.get("/a"); r.Status != 200 || r.body != "second" || r.Header.Get("X-Seen") != "200" {
		t.Errorf("%d %q %q", r.Status, r.body, r.Header.Get("X-Seen"))
	}
	if ran := f.ran(); ran != "origin-request GET /a to origin.test, origin-response GET /a 503, origin-request GET /a to second.test, origin-response GET /a 200" {
		t.Errorf("ran %s", ran)
	}
	if r := n.get("/a"); r.xcache() != "Hit" || f.ran() != "" || p.turn() != "primary second" {
		t.Errorf("then %s", r.xcache())
	}
}

// TestFunctionsAndConfirmations (belief 603): what is stale is asked for with a condition
// that functions see and may not change; origin-response is given the 304, and what it
// makes of its header counts.
func TestFunctionsAndConfirmations(t *testing.T) {
	n := newNetwork(t, site{behaviors: []behavior{{policy: optimized, more: onEvents("origin-request", "origin-response")}}}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		if r.Header.Get("If-None-Match") == `"a"` && r.Path == "/base/rewritten" {
			return status(304, "", "ETag", `"a"`, "Cache-Control", "max-age=60"), nil
		}
		return ok("body", "ETag", `"a"`, "Cache-Control", "max-age=60"), nil
	})
	conditions := []any{}
	f := newNoting(t, func(e lambdaEvent) any {
		if e.response != nil {
			fields(e.response)["x-seen"] = field(e.status)
			return e.response
		}
		conditions = append(conditions, fields(e.request)["if-none-match"])
		e.request["uri"] = "/rewritten"
		return e.request
	})
	f.on(n)
	if r := n.get("/a"); r.body != "body" || r.Header.Get("X-Seen") != "200" {
		t.Errorf("%q, seen as %s", r.body, r.Header.Get("X-Seen"))
	}
	n.advance(2 * time.Minute)
	if r := n.get("/a"); r.Status != 200 || r.body != "body" || r.xcache() != "RefreshHit" || r.Header.Get("X-Seen") != "304" {
		t.Errorf("confirmed: %d %q %s, seen as %s", r.Status, r.body, r.xcache(), r.Header.Get("X-Seen"))
	}
	if ran := f.ran(); ran != "origin-request GET /a to origin.test, origin-response GET /rewritten 200, origin-request GET /a to origin.test, origin-response GET /rewritten 304" {
		t.Errorf("ran %s", ran)
	}
	if len(conditions) != 2 || conditions[0] != nil || fmt.Sprint(conditions[1]) == "<nil>" {
		t.Errorf("conditions %v", conditions)
	}
}

// TestFunctionsAndErrors (belief 604): origin-response is given whatever status, and may
// make another one of it; viewer-response is given neither errors nor the pages that stand
// for them, even where those are a 200.
func TestFunctionsAndErrors(t *testing.T) {
	page := "<CustomErrorResponse><ErrorCode>404</ErrorCode><ResponsePagePath>/page</ResponsePagePath><ResponseCode>200</ResponseCode></CustomErrorResponse>"
	n := newNetwork(t, site{errors: page, behaviors: []behavior{{policy: optimized, more: onEvents("viewer-request", "origin-response", "viewer-response")}}}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		switch r.Path {
		case "/base/page":
			return ok("sorry"), nil
		case "/base/mended", "/base/missing":
			return status(404, "none"), nil
		}
		return status(403, "refused"), nil
	})
	f := newNoting(t, func(e lambdaEvent) any {
		if e.kind == "origin-response" && e.uri == "/mended" {
			return map[string]any{"status": "200", "headers": map[string]any{}, "body": "made"}
		}
		return nil
	})
	f.on(n)
	for _, c := range []struct {
		uri, body, ran string
		status         int
	}{
		{"/refused", "refused", "viewer-request GET /refused, origin-response GET /refused 403", 403},
		{"/missing", "sorry", "viewer-request GET /missing, origin-response GET /missing 404, origin-response GET /page 200", 200},
		{"/mended", "made", "viewer-request GET /mended, origin-response GET /mended 404, viewer-response GET /mended 200", 200},
	} {
		if r := n.get(c.uri); r.Status != c.status || r.body != c.body {
			t.Errorf("%s: %d %q", c.uri, r.Status, r.body)
		}
		if ran := f.ran(); ran != c.ran {
			t.Errorf("%s: ran %s", c.uri, ran)
		}
	}
}

// TestFunctionsAndCollapsing: who waits for another's fetch has origins' events run once,
// and viewers' events each (belief 600).
func TestFunctionsAndCollapsing(t *testing.T) {
	g := newGate()
	n := newNetwork(t, site{behaviors: []behavior{{policy: optimized, more: onEvents("viewer-request", "origin-request", "origin-response", "viewer-response")}}}, func(ctx context.Context, _ int, _ *message.Request) (*message.Response, error) {
		return ok("body", "Cache-Control", "max-age=60"), g.wait(ctx)
	})
	f := newNoting(t, nil)
	f.on(n)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if r := n.get("/a"); r.Status != 200 || r.body != "body" {
				t.Errorf("%d %q", r.Status, r.body)
			}
		})
	}
	deadline := time.After(30 * time.Second)
	for waiting := 0; waiting < 20; {
		select {
		case <-deadline:
			t.Fatal("not all have asked within 30 s")
		case <-time.After(time.Millisecond):
		}
		f.mu.Lock()
		waiting = strings.Count(strings.Join(f.seen, ","), "viewer-request")
		f.mu.Unlock()
	}
	close(g.open)
	wg.Wait()
	ran := f.ran()
	for kind, want := range map[string]int{"viewer-request": 20, "viewer-response": 20, "origin-request": 1, "origin-response": 1} {
		if got := strings.Count(ran, kind); got != want {
			t.Errorf("%s ran %d times", kind, got)
		}
	}
}

// TestFunctionsAndRanges (belief 605): of a large object each request for slices is a
// request to the origin, with an origin-request of its own; a function at origin-response
// is given wholes, as it may replace them; and what one makes is cut as the viewer asks.
func TestFunctionsAndRanges(t *testing.T) {
	const slice = 1 << 20
	large := strings.Repeat("0123456789abcdef", 3*slice/16)
	var mu sync.Mutex
	var asked []string
	n := newNetwork(t, site{behaviors: []behavior{
		{pattern: "/whole/*", policy: optimized, more: onEvents("origin-request", "origin-response")},
		{policy: optimized, more: onEvents("origin-request")},
	}}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		mu.Lock()
		asked = append(asked, r.Header.Get("Range"))
		mu.Unlock()
		var first, last int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); err != nil {
			return ok(large, "ETag", `"a"`, "Cache-Control", "max-age=60"), nil
		}
		last = min(last, len(large)-1)
		return status(206, large[first:last+1], "ETag", `"a"`, "Cache-Control", "max-age=60", "Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(large))), nil
	})
	f := newNoting(t, func(e lambdaEvent) any {
		if e.uri == "/made" {
			return map[string]any{"status": "200", "headers": map[string]any{"cache-control": field("max-age=60")}, "body": "0123456789"}
		}
		return nil
	})
	f.on(n)
	part := func(uri, want string, at string) {
		t.Helper()
		r := n.get(uri, "Range", "bytes="+at)
		if r.Status != 206 || r.body != want || !strings.HasPrefix(r.Header.Get("Content-Range"), "bytes "+at+"/") {
			t.Errorf("%s: %d %.20q %s", uri, r.Status, r.body, r.Header.Get("Content-Range"))
		}
	}
	part("/sliced", "0123456789", "0-9")
	part("/sliced", "6789", fmt.Sprint(2*slice+6, "-", 2*slice+9))
	part("/sliced", "45", "20-21")
	if ran := f.ran(); ran != "origin-request GET /sliced to origin.test, origin-request GET /sliced to origin.test" {
		t.Errorf("slices: ran %s, asked for %q", ran, asked)
	}
	asked = nil
	part("/whole/x", "45", "20-21")
	part("/whole/x", "6789", fmt.Sprint(2*slice+6, "-", 2*slice+9))
	if ran := f.ran(); ran != "origin-request GET /whole/x to origin.test, origin-response GET /whole/x 200" || fmt.Sprintf("%q", asked) != `[""]` {
		t.Errorf("a whole: ran %s, asked for %q", ran, asked)
	}
	part("/made", "345", "3-5")
	part("/made", "6", "6-6")
	if ran := f.ran(); ran != "origin-request GET /made to origin.test" {
		t.Errorf("made: ran %s", ran)
	}
}

// TestAPassedOnRequestKeepsItsBehavior at the shield, where a function has sent it to the
// path of another.
func TestAPassedOnRequestKeepsItsBehavior(t *testing.T) {
	c := newRouted(t, 3, through(), site{behaviors: []behavior{
		{pattern: "/b", policy: disabled, methods: all7, more: onEvents("origin-response")},
		{policy: disabled, methods: all7, more: onEvents("viewer-request", "origin-request")},
	}}, echo)
	f := newNoting(t, func(e lambdaEvent) any {
		if e.kind == "viewer-request" {
			e.request["uri"] = "/b"
			return e.request
		}
		return nil
	})
	f.on(c.nodes...)
	if r := c.nodes[0].do(c.nodes[0].request("DELETE", "/a")); r.Status != 201 || hops(r) != "NRT-3 NRT-1" {
		t.Errorf("%d by %s", r.Status, hops(r))
	}
	if ran := f.ran(); ran != "viewer-request DELETE /a, origin-request DELETE /b to origin.test" {
		t.Errorf("ran %s", ran)
	}
}

// TestCloudFrontsFieldsComeAfterTheViewersRequest (belief 607).
func TestCloudFrontsFieldsComeAfterTheViewersRequest(t *testing.T) {
	n := newNetwork(t, site{behaviors: []behavior{{
		def: 60, max: 60, forwarded: "<QueryString>false</QueryString><Headers><Items><Name>CloudFront-Viewer-Country</Name></Items></Headers>", more: onEvents("viewer-request", "origin-request"),
	}}}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		return ok(r.Header.Get("CloudFront-Viewer-Country")), nil
	})
	var seen []string
	f := newNoting(t, func(e lambdaEvent) any {
		seen = append(seen, fmt.Sprint(e.kind, " ", fields(e.request)["cloudfront-viewer-country"] != nil))
		return nil
	})
	f.on(n)
	if r := n.get("/a"); r.Status != 200 || r.body != "JP" || strings.Join(seen, ", ") != "viewer-request false, origin-request true" {
		t.Errorf("%d %q, seen at %v", r.Status, r.body, seen)
	}
}
