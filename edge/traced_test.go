package edge

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/cdn/span/spantest"
	"github.com/warmfront/warmfront/edge/message"
)

// traced is a network whose edge traces.
func traced(t testing.TB, s site, answer func(context.Context, int, *message.Request) (*message.Response, error)) (*network, *spantest.Tracer) {
	n, tracer := newNetwork(t, s, answer), &spantest.Tracer{}
	n.edge.cfg.Tracer, n.edge.cfg.BelieveTraces = tracer, true
	return n, tracer
}

// deliver answers a request as an adapter does, to the end.
func (n *network) deliver(r *message.Request) reply {
	x := n.edge.newExchange()
	resp := x.Handle(context.Background(), r)
	out := reply{Response: &message.Response{Status: resp.Status, Header: resp.Header.Detached()}}
	if resp.Body != nil {
		b, err := io.ReadAll(resp.Body)
		out.body, out.err = string(b), err
		resp.Close()
	}
	x.Delivered(message.Delivery{Body: int64(len(out.body)), Ended: time.Now()})
	return out
}

const toldTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestARequestIsASpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, tracer := traced(t, site{}, func(_ context.Context, i int, _ *message.Request) (*message.Response, error) {
			if i > 1 {
				return nil, errRefused
			}
			return ok("hello", "Cache-Control", "max-age=60"), nil
		})
		n.deliver(n.request("GET", "/x?secret=1", "Traceparent", toldTrace, "Tracestate", "a=1", "User-Agent", "test"))
		n.deliver(n.request("GET", "/x"))
		n.deliver(n.request("GET", "/y"))
		n.deliver(n.request("BREW", "/y"))
		synctest.Wait()
		want := "GET *\n  fetch\n    GET origin\nGET *\nGET * failed: AbortedOrigin\n  fetch failed: scripted failure\n    GET origin failed: scripted failure\nHTTP *\n"
		if got := tracer.Tree(); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		all := tracer.Spans()
		for key, want := range map[string]any{
			"http.request.method": "GET", "url.path": "/x", "server.address": "de1.warmfront.test", "http.response.status_code": 200,
			"warmfront.pop": "NRT", "warmfront.node": "NRT-1", "warmfront.distribution.id": "E1", "warmfront.behavior": "*",
			"warmfront.result_type": "Miss", "warmfront.cache.forward": "uri-miss", "warmfront.cache.hit": false, "warmfront.cache.collapsed": false,
			"client.address": "192.0.2.7", "network.protocol.version": "1.1", "url.scheme": "http", "user_agent.original": "test", "http.response.body.size": 5,
		} {
			if got := all[0].Facts[key]; got != want {
				t.Errorf("%s is %v, want %v", key, got, want)
			}
		}
		if id, _ := all[0].Facts["warmfront.request.id"].(string); len(id) != 56 {
			t.Errorf("the request's id is %q", id)
		}
		for _, s := range all {
			for key, value := range s.Facts {
				if strings.Contains(fmt.Sprint(value), "secret") {
					t.Errorf("%s tells the query: %v", key, value)
				}
			}
		}
		if hit := all[3].Facts; hit["warmfront.result_type"] != "Hit" || hit["warmfront.cache.age"] != 0 || hit["warmfront.cache.hit"] != true {
			t.Errorf("the hit is %v", hit)
		}
		parent := all[0].Parent
		if parent.String() != toldTrace || all[0].Kind != span.Server || all[2].Kind != span.Client {
			t.Errorf("the parent is %v", parent)
		}
		// What the origin is told is the span of asking it.
		first := n.at.asked[0].Header
		if first.Get("Traceparent") != all[2].Known.String() || first.Get("Tracestate") != "a=1" {
			t.Errorf("the origin is told %v", first)
		}
	})
}

// TestTracingKeepsOutOfTheCacheKey: though the distribution forwards all headers, and so has them in the key, a trace
// is not among them.
func TestTracingKeepsOutOfTheCacheKey(t *testing.T) {
	n, _ := traced(t, site{behaviors: []behavior{{def: 600, max: 600, forwarded: "<QueryString>false</QueryString><Headers><Items><Name>Traceparent</Name></Items></Headers>"}}}, numbered())
	for i := range 3 {
		r := n.deliver(n.request("GET", "/x", "Traceparent", strings.Replace(toldTrace, "4bf9", fmt.Sprintf("4bf%d", i), 1)))
		if r.body != "answer 1" {
			t.Errorf("%d: %q", i, r.body)
		}
	}
	// Ready looks at the request before Handle does.
	x := n.edge.newExchange()
	req := n.request("GET", "/x", "Traceparent", toldTrace)
	if !x.Ready(req) {
		t.Error("a hit is not ready")
	}
	if resp := x.Handle(context.Background(), req); resp.Header.Get("X-Cache") != "Hit from cloudfront" {
		t.Error(resp.Header)
	}
	x.Delivered(message.Delivery{})
}

// TestWithoutATracerARequestIsAsEver: its traceparent is a field like any other.
func TestWithoutATracerARequestIsAsEver(t *testing.T) {
	n := newNetwork(t, site{behaviors: []behavior{{def: 600, max: 600, forwarded: "<QueryString>false</QueryString><Headers><Items><Name>Traceparent</Name></Items></Headers>"}}}, numbered())
	other := strings.Replace(toldTrace, "4bf9", "4bf0", 1)
	a, b := n.get("/x", "Traceparent", toldTrace), n.get("/x", "Traceparent", other)
	if a.body == b.body || n.at.last().Header.Get("Traceparent") != other {
		t.Errorf("%q, %q, the origin is sent %v", a.body, b.body, n.at.last().Header)
	}
	n = newNetwork(t, site{}, numbered())
	n.get("/x", "Traceparent", toldTrace)
	if h := n.at.last().Header; h.Has("Traceparent") || h.Has("Tracestate") {
		t.Errorf("the origin is sent %v", h)
	}
}

func TestWhoeverIsNotBelievedIsLinked(t *testing.T) {
	n, tracer := traced(t, site{}, numbered())
	n.edge.cfg.BelieveTraces = false
	n.deliver(n.request("GET", "/x", "Traceparent", toldTrace))
	s := tracer.Spans()[0]
	if s.Parent.Valid() || len(s.Links) != 1 || s.Links[0].String() != toldTrace {
		t.Errorf("%+v", s)
	}
	if got := n.at.last().Header.Get("Traceparent"); got == "" || strings.Contains(got, toldTrace[3:35]) {
		t.Errorf("the origin is told %q", got)
	}
}

func TestWhoWaitsIsLinkedToTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		n, tracer := traced(t, site{}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
			return ok(fmt.Sprint("answer ", i)), g.wait(ctx)
		})
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { n.deliver(n.request("GET", "/cold")) })
			synctest.Wait()
		}
		close(g.open)
		all.Wait()
		synctest.Wait()
		if got, want := tracer.Tree(), "GET *\n  fetch\n    GET origin\nGET *\n  wait (linked)\nGET *\n  wait (linked)\n"; got != want {
			t.Fatalf("got\n%swant\n%s", got, want)
		}
		var fetch span.Context
		for _, s := range tracer.Spans() {
			switch s.Name {
			case "fetch":
				fetch = s.Known
			case "wait":
				if s.Links[0] != fetch || s.Parent.TraceID == fetch.TraceID {
					t.Errorf("it is linked to %v, not %v", s.Links, fetch)
				}
			}
		}
	})
}

// TestATraceGoesThroughOtherNodes over real connections.
func TestATraceGoesThroughOtherNodes(t *testing.T) {
	c := newCity(t, 2, site{}, numbered("ETag", `"a"`))
	tracer := &spantest.Tracer{}
	for _, n := range c.nodes {
		n.edge.cfg.Tracer = tracer
	}
	uri := c.owner("/x", 1)
	if r := c.nodes[0].deliver(c.nodes[0].request("GET", uri)); r.body != "answer 1" {
		t.Fatal(r.body)
	}
	want := "GET *\n  fetch\n    GET peer\n      GET *\n        fetch\n          GET origin\n"
	c.until("all spans end", func() bool { return tracer.Tree() == want })
	if got := c.at.last().Header.Get("Traceparent"); got != tracer.Spans()[5].Known.String() {
		t.Errorf("the origin is told %q", got)
	}
	if f := tracer.Spans()[3].Facts; f["warmfront.node"] != "NRT-2" || f["warmfront.tier.level"] != "peer" || f["http.response.status_code"] != 200 {
		t.Errorf("%v", f)
	}
	// A node that is gone is passed over.
	if err := c.nodes[1].edge.tiers.Close(); err != nil {
		t.Fatal(err)
	}
	other := c.owner("/y", 1)
	c.nodes[0].deliver(c.nodes[0].request("GET", other))
	c.until("a node is passed over", func() bool {
		tree := tracer.Tree()
		return strings.Contains(tree, "    GET peer failed: ") && strings.HasSuffix(tree, "    GET origin\n")
	})
}

// TestTheRoutersQuestionsAreNotTraced, which come each second from each of them.
func TestTheRoutersQuestionsAreNotTraced(t *testing.T) {
	n, tracer := traced(t, site{}, numbered())
	r := n.request("GET", "/healthz")
	r.Host = "health.warmfront.test"
	if got := n.deliver(r); got.Status != 200 {
		t.Fatal(got.Status)
	}
	for _, s := range tracer.Spans() {
		if s.Ended {
			t.Errorf("%+v", s)
		}
	}
}
