package edge

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/function"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/originauth"
	"github.com/warmfront/warmfront/edge/tier"
	"github.com/warmfront/warmfront/sigv4"
)

// engineForTests is one engine for all tests that run functions.
var engineForTests = sync.OnceValue(func() *function.Engine {
	dir, err := os.UserCacheDir()
	if err != nil {
		return function.NewEngine("")
	}
	return function.NewEngine(filepath.Join(dir, "warmfront", "functions"))
})

// rerouter is a function that does what the header X-Do says.
const rerouter = `import cf from 'cloudfront';
function handler(event) {
  const r = event.request;
  switch (r.headers['x-do']?.value) {
    case 'select': cf.selectRequestOriginById('p'); break;
    case 'update': cf.updateRequestOrigin({ domainName: 'second.example.com', originPath: '/v2', customHeaders: { 'x-own': 'function' } }); break;
    case 'group': cf.createRequestOriginGroup({ originIds: ['o', 'p'], failoverCriteria: { statusCodes: [503] } }); break;
    case 'bucket': cf.updateRequestOrigin({ domainName: 'copy.s3.eu-west-1.amazonaws.com', originAccessControlConfig: { enabled: true, signingBehavior: 'always', signingProtocol: 'sigv4', originType: 's3' } }); break;
    case 'nobody': cf.selectRequestOriginById('nobody'); break;
    case 'invalid': cf.updateRequestOrigin({ connectionAttempts: 9 }); break;
    case 'header': cf.updateRequestOrigin({ customHeaders: { 'x-do': 'again' } }); break;
    case 'answer': cf.selectRequestOriginById('nobody'); return { statusCode: 204 };
    case 'often': for (let i = 0; i < 9; i++) cf.selectRequestOriginById('p'); break;
  }
  return r;
}`

// withFunction has the functions of a network be one of that code, at viewers' requests.
func withFunction(t testing.TB, s site, code string, nodes ...*network) {
	t.Helper()
	document := "<UpdateFunctionRequest><FunctionConfig><Comment/><Runtime>cloudfront-js-2.0</Runtime></FunctionConfig><FunctionCode>" + base64.StdEncoding.EncodeToString([]byte(code)) + "</FunctionCode></UpdateFunctionRequest>"
	for i := range s.behaviors {
		s.behaviors[i].more += "<FunctionAssociations><Quantity>1</Quantity><Items><FunctionAssociation><FunctionARN>arn:aws:cloudfront::123456789012:function/f</FunctionARN><EventType>viewer-request</EventType></FunctionAssociation></Items></FunctionAssociations>"
	}
	for _, n := range nodes {
		n.apply(cdn.KindResourcePut, cdn.Resource{Kind: cdn.ResourceFunction, ID: "f", Name: "f", ETag: "E1", Document: document, Live: &cdn.Stage{ETag: "E1", Document: document}})
		n.applyChange(s.change("E1"))
		n.edge.cfg.Events = function.NewNode(function.Config{Engine: engineForTests()})
		if !n.state.Load().Plans["E1"].Behaviors[0].ViewerRequest.Reroutes() {
			t.Fatal("the function is not that of the behavior")
		}
	}
}

// secondOrigin is a site's second origin, which no behavior names.
const secondOrigin = "<Origin><Id>p</Id><DomainName>second.test</DomainName><OriginPath>/copy</OriginPath><CustomOriginConfig><HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy></CustomOriginConfig></Origin>"

// twoOrigins changes a site's configuration so that it has both.
func twoOrigins(config string) string {
	return strings.Replace(config, "</Items></Origins>", secondOrigin+"</Items></Origins>", 1)
}

// TestFunctionsChooseOrigins holds the edge to beliefs 570 to 572.
func TestFunctionsChooseOrigins(t *testing.T) {
	var down sync.Map
	n := newNetwork(t, site{}, func(_ context.Context, i int, r *message.Request) (*message.Response, error) {
		if _, is := down.Load(r.Host); is {
			return status(503, "down"), nil
		}
		return ok(fmt.Sprint(r.Host, r.Path, " ", r.Header.Get("X-Shared"), r.Header.Get("X-Own"), " ", r.Header.Get("X-Amz-Source-Arn"), i), "Cache-Control", "max-age=60", "Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"), nil
	})
	n.edge.fetcher.Signer = originauth.S3{Credentials: sigv4.Credentials{AccessKeyID: "K", SecretAccessKey: "S"}}
	withFunction(t, site{edit: twoOrigins, behaviors: []behavior{{policy: optimized}}}, rerouter, n)
	for _, c := range []struct {
		do, xcache, body string
		status           int
	}{
		{"", "Miss", "origin.test/base/x secret ", 200},
		{"select", "Miss", "second.test/copy/x  ", 200},
		{"update", "Miss", "second.example.com/v2/x function ", 200},
		{"bucket", "Miss", "copy.s3.eu-west-1.amazonaws.com/base/x secret arn:aws:cloudfront::1:distribution/E1", 200},
		{"group", "Miss", "origin.test/base/x secret ", 200},
		{"nobody", "FunctionValidationError", "", 502}, {"invalid", "FunctionValidationError", "", 502}, {"header", "FunctionValidationError", "", 502},
		{"answer", "FunctionGeneratedResponse", "", 204}, {"often", "FunctionExecutionError", "", 503},
	} {
		n.edge.store.RemoveKey(n.keyOf("/x"))
		r := n.get("/x", "X-Do", c.do)
		if r.Status != c.status || r.xcache() != c.xcache || c.status == 200 && !strings.HasPrefix(r.body, c.body) {
			t.Errorf("%s: %d %s %q", c.do, r.Status, r.xcache(), r.body)
		}
	}
	// A group of the function's fails over by its statuses; a behavior's without one does not.
	down.Store("origin.test", true)
	if r := n.get("/y", "X-Do", "group"); !strings.HasPrefix(r.body, "second.test/copy/y") || !strings.Contains(r.Header.Get("Cache-Status"), "failover-503") {
		t.Errorf("failing over: %d %q %s", r.Status, r.body, r.Header.Get("Cache-Status"))
	}
	if r := n.get("/z"); r.Status != 503 {
		t.Errorf("without a group: %d %q", r.Status, r.body)
	}
	down.Delete("origin.test")
	// The origin is no part of the key: whoever asks next gets what is stored, wherever it came from. Of
	// several origins a date confirms nothing: what is stale is fetched whole.
	if r := n.get("/y"); r.xcache() != "Hit" || !strings.HasPrefix(r.body, "second.test") {
		t.Errorf("stored: %s %q", r.xcache(), r.body)
	}
	n.advance(2 * time.Minute)
	if r := n.get("/y"); !strings.HasPrefix(r.body, "origin.test/base/y") || n.at.last().Header.Has("If-Modified-Since") {
		t.Errorf("stale: %s %q", r.xcache(), r.body)
	}
	// An invalidation holds whatever the origin was.
	n.invalidate("/y")
	if r := n.get("/y", "X-Do", "select"); r.xcache() != "Miss" || !strings.HasPrefix(r.body, "second.test") {
		t.Errorf("invalidated: %s %q", r.xcache(), r.body)
	}
}

// keyOf is the key of a GET.
func (n *network) keyOf(uri string) string {
	x := n.edge.newExchange()
	x.receive(n.request("GET", uri))
	if f := x.route(); f != nil {
		n.t.Fatal(f.sentence)
	}
	return x.key
}

// TestTiersAskTheOriginThatAFunctionChose: the node that is asked in between asks the same
// origin, whether it caches or passes on, and fails over as the function said.
func TestTiersAskTheOriginThatAFunctionChose(t *testing.T) {
	var down sync.Map
	c := newRouted(t, 2, shields(map[string]string{"o": "NRT-2", "p": "NRT-2"}), site{}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		if _, is := down.Load(r.Host); is {
			return status(503, "down"), nil
		}
		return ok(r.Method + " " + r.Host + r.Path), nil
	})
	withFunction(t, site{edit: twoOrigins, behaviors: []behavior{{policy: optimized, methods: all7}}}, rerouter, c.nodes...)
	n := c.nodes[0]
	for do, want := range map[string]string{"": "origin.test/base", "select": "second.test/copy", "update": "second.example.com/v2", "group": "origin.test/base"} {
		for _, method := range []string{"GET", "POST"} {
			r := n.do(n.request(method, "/"+do+"x", "X-Do", do))
			if want := method + " " + want + "/" + do + "x"; r.body != want || hops(r) != "NRT-2 NRT-1" {
				t.Errorf("%q: %q by %s, want %q", do, r.body, hops(r), want)
			}
		}
	}
	down.Store("origin.test", true)
	if r := n.get("/failing", "X-Do", "group"); r.body != "GET second.test/copy/failing" || hops(r) != "NRT-2 NRT-1" {
		t.Errorf("failing over: %q by %s", r.body, hops(r))
	}
	// A tier whose plan has no such origin any more is passed over.
	c.nodes[1].applyChange(site{behaviors: []behavior{{policy: optimized}}}.change("E1"))
	c.nodes[1].apply(cdn.KindInvalidation, cdn.Invalidation{ID: "I1", Distribution: "E1", Paths: []string{"/elsewhere"}})
	if r := n.get("/gone", "X-Do", "select"); r.body != "GET second.test/copy/gone" || hops(r) != "NRT-1" {
		t.Errorf("not known there: %q by %s", r.body, hops(r))
	}
	x := peer{c.nodes[1].edge.newExchange()}
	if resp, a := x.Answer(context.Background(), n.request("GET", "/"), tier.Ask{Level: tier.Shield, Distribution: "E1", Least: n.state.Load().Version, Rerouted: "nonsense"}); a.Passed != tier.Unknown {
		t.Errorf("nonsense: %d %+v", resp.Status, a)
	}
}

// TestTheShieldOfAChosenSecondOrigin is asked for that origin, by whoever found the first
// failing.
func TestTheShieldOfAChosenSecondOrigin(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	c := newRouted(t, 2, shields(map[string]string{"p": "NRT-2"}), site{}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if asked[r.Host]++; r.Host == "origin.test" {
			return status(503, "down"), nil
		}
		return ok(r.Method + " " + r.Host + r.Path), nil
	})
	withFunction(t, site{edit: twoOrigins, behaviors: []behavior{{pattern: "/never/*", policy: disabled}, {policy: optimized}}}, rerouter, c.nodes...)
	n := c.nodes[0]
	for _, uri := range []string{"/x", "/never/x"} {
		if r := n.get(uri, "X-Do", "group"); r.body != "GET second.test/copy"+uri || hops(r) != "NRT-2 NRT-1" {
			t.Errorf("%s: %d %q by %s", uri, r.Status, r.body, hops(r))
		}
	}
	if asked["origin.test"] != 2 || asked["second.test"] != 2 {
		t.Errorf("asked: %v", asked)
	}
}
