package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/admission"
	"github.com/warmfront/warmfront/edge/explain"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

func newExplained(t testing.TB, s site, answer func(context.Context, int, *message.Request) (*message.Response, error)) *network {
	n := newNetwork(t, s, answer)
	n.edge.cfg.Sandbox = true
	return n
}

// why asks for nothing but the explanation.
func (n *network) why(r *message.Request) explain.Explanation {
	n.t.Helper()
	r.Header.Add(explain.Header, explain.Only+" "+r.Method)
	r.Method = "GET"
	resp := n.do(r)
	var x explain.Explanation
	if err := json.Unmarshal([]byte(resp.body), &x); err != nil || resp.Status != 200 || resp.Header.Has("X-Cache") {
		n.t.Fatalf("%d %v %s: %v", resp.Status, resp.Header, resp.body, err)
	}
	return x
}

// TestExplanationsAreTrue: what is said to be done with a request is what is then done, and
// saying it changes nothing.
func TestExplanationsAreTrue(t *testing.T) {
	changed := false
	n := newExplained(t, site{behaviors: []behavior{{pattern: "/never/*", policy: disabled}, {policy: optimized}}}, func(_ context.Context, i int, r *message.Request) (*message.Response, error) {
		switch {
		case r.Path == "/base/gone":
			return status(404, "gone"), nil
		case r.Header.Get("If-None-Match") == `"a"` && !changed:
			return status(304, "", "ETag", `"a"`, "Cache-Control", "max-age=60"), nil
		}
		return ok(fmt.Sprint("answer ", i), "ETag", `"a"`, "Cache-Control", "max-age=60"), nil
	})
	ask := func(step, method, uri, action, source, result string) {
		t.Helper()
		asked, stored := n.at.count(), n.stored(uri)
		x := n.why(n.request(method, uri))
		if n.at.count() != asked || n.stored(uri) != stored {
			t.Errorf("%s: the origin was asked, or what is stored is another", step)
		}
		if x.Decision == nil || x.Decision.Action != action || x.Decision.Why == "" {
			t.Errorf("%s: %+v, want %s", step, x.Decision, action)
		}
		if source != "" && (x.Stored == nil || x.Stored.Freshness == nil || string(x.Stored.Freshness.Source) != source) {
			t.Errorf("%s: %+v, want a lifetime by %s", step, x.Stored, source)
		}
		if again := n.why(n.request(method, uri)); again.Decision.Action != action {
			t.Errorf("%s, asked again: %+v", step, again.Decision)
		}
		if r := n.do(n.request(method, uri)); r.xcache() != result {
			t.Errorf("%s: then %s, want %s", step, r.xcache(), result)
		}
	}
	ask("nothing is stored", "GET", "/a", "fetch", "", "Miss")
	ask("stored", "GET", "/a", "serve", "max-age", "Hit")
	ask("what a GET stored answers a HEAD", "HEAD", "/a", "serve", "max-age", "Hit")
	n.advance(61 * time.Second)
	ask("stale", "GET", "/a", "confirm", "max-age", "RefreshHit")
	ask("confirmed", "GET", "/a", "serve", "max-age", "Hit")
	n.invalidate("/a*")
	ask("invalidated", "GET", "/a", "fetch", "max-age", "Miss")
	n.lease.ended.Store(true)
	ask("fenced", "GET", "/a", "confirm", "max-age", "RefreshHit")
	n.lease.ended.Store(false)
	ask("an error", "GET", "/gone", "fetch", "", "Error")
	ask("an error that is stored", "GET", "/gone", "serve", "error-ttl", "Error")
	ask("not cached", "GET", "/never/a", "pass", "", "Miss")
	if o := n.why(n.request("GET", "/a")).Stored; o == nil || len(o.Invalidation.Matches) != 1 || o.Invalidation.Matches[0].Name != "/a" || !o.Invalidation.Newest.Before(o.Invalidation.Birth.Next()) {
		t.Errorf("of the invalidation: %+v", o.Invalidation)
	}
}

// TestTheHeaderIsNobodysBusiness: neither key nor origin sees it, a request is answered as
// without, and outside a sandbox it means nothing.
func TestTheHeaderIsNobodysBusiness(t *testing.T) {
	forwarded := "<QueryString>false</QueryString><Headers><Quantity>1</Quantity><Items><Name>X-Warmfront-Explain</Name></Items></Headers>"
	n := newExplained(t, site{behaviors: []behavior{{forwarded: forwarded, def: 60, max: 60}}}, numbered("X-Warmfront-Explain", "the origin's"))
	for i, want := range []string{"Miss", "Hit"} {
		r := n.get("/a", explain.Header, explain.Too)
		lines := fieldsOf(r, explain.Header)
		if r.xcache() != want || r.body != "answer 1" || len(lines) < 10 || slices.Contains(lines, "the origin's") {
			t.Errorf("%d: %s %q %q", i, r.xcache(), r.body, lines)
		}
		if said := strings.Join(lines, "\n"); i == 1 && !strings.Contains(said, "decision: serve: it is fresh") || i == 0 && !strings.Contains(said, "decision: fetch: nothing is stored") {
			t.Errorf("%d: %s", i, said)
		}
	}
	if r := n.get("/a"); r.xcache() != "Hit" || r.Header.Has(explain.Header) {
		t.Errorf("without it: %s %v", r.xcache(), r.Header)
	}
	if n.at.count() != 1 || n.at.last().Header.Has(explain.Header) {
		t.Errorf("asked %d times, %v", n.at.count(), n.at.last().Header)
	}
	if r := n.get("/a", explain.Header, "yes"); r.Header.Has(explain.Header) {
		t.Errorf("another value: %v", r.Header)
	}
	x := n.edge.newExchange()
	if x.Ready(n.request("GET", "/a", explain.Header, explain.Too)) || !x.Ready(n.request("GET", "/a")) {
		t.Error("what is to be explained is answered in passing, or nothing else is")
	}

	n.edge.cfg.Sandbox = false
	for _, how := range []string{explain.Too, explain.Only} {
		if r := n.get("/b"+how, explain.Header, how); r.Status != 200 || r.body == "" || r.Header.Has(explain.Header) || n.at.last().Header.Has(explain.Header) {
			t.Errorf("outside a sandbox: %d %v, asked with %v", r.Status, r.Header, n.at.last().Header)
		}
	}
}

func fieldsOf(r reply, name string) (values []string) {
	for _, f := range r.Header {
		if f.Name == name {
			values = append(values, f.Value)
		}
	}
	return values
}

// TestExplainedRouting says which distribution and behavior apply, why no earlier one does,
// and which check refuses.
func TestExplainedRouting(t *testing.T) {
	restriction := "<Restrictions><GeoRestriction><RestrictionType>blacklist</RestrictionType><Quantity>1</Quantity><Items><Location>JP</Location></Items></GeoRestriction></Restrictions>"
	behaviors := []behavior{{pattern: "/images/*.png", policy: optimized}, {pattern: "/api/*", protocol: "https-only", policy: disabled}, {protocol: "redirect-to-https", policy: optimized}}
	n := newExplained(t, site{root: "index.html", behaviors: behaviors}, numbered())
	https := func(r *message.Request) *message.Request { r.Scheme = "https"; return r }
	alias := https(n.request("GET", "/images/a.jpg"))
	alias.Host = "www.e1.test"

	x := n.why(alias)
	if d := x.Distribution; d.ID != "E1" || d.Named != (cdn.Name{By: "alias", Name: "www.e1.test"}) {
		t.Errorf("%+v", d)
	}
	want := []explain.Passed{{Pattern: "/images/*.png", Fits: "/images/*.", Lacks: "png"}, {Pattern: "/api/*", Fits: "/", Lacks: "api/*"}}
	if b := x.Behavior; b.Index != 2 || b.Of != 3 || !slices.Equal(b.Passed, want) {
		t.Errorf("%+v", b)
	}
	if x = n.why(https(n.request("GET", "/"))); x.Behavior.Path != "/index.html" || x.Origin.URI != "/base/index.html" || x.Origin.Host != "origin.test" || slices.Contains(x.Origin.Headers, explain.Header) || !slices.Contains(x.Origin.Headers, "X-Shared") {
		t.Errorf("%+v %+v", x.Behavior, x.Origin)
	}
	if said := fmt.Sprint(x.Lines()); strings.Contains(said, "secret") {
		t.Errorf("it tells what origins are told in secret: %s", said)
	}
	if x = n.why(n.request("GET", "/a")); x.Refused == nil || x.Refused.Status != 301 || x.Key != nil {
		t.Errorf("redirected: %+v", x.Refused)
	}
	other := n.request("GET", "/")
	other.Host = "www.example.org"
	if x = n.why(other); x.Refused == nil || x.Refused.Status != 403 || x.Distribution != nil || x.Behavior != nil {
		t.Errorf("another host: %+v", x)
	}
	for failing, r := range map[string]*message.Request{
		"protocol": n.request("GET", "/api/x"), "method": https(n.request("DELETE", "/a")),
		"loop": https(n.request("GET", "/a", "CDN-Loop", "warmfront.test; distribution=E1")),
	} {
		x := n.why(r)
		for _, c := range x.Checks {
			if c.Passed != (c.Name != failing) || (c.Why == "") != c.Passed {
				t.Errorf("%s: %+v", failing, c)
			}
		}
		if x.Refused == nil || len(x.Checks) != int(admission.Checks) {
			t.Errorf("%s: %+v", failing, x)
		}
	}
	n.applyChange(site{behaviors: behaviors, more: restriction}.change("E1"))
	if x = n.why(https(n.request("GET", "/a"))); x.Refused == nil || x.Checks[admission.Country].Passed || x.Checks[admission.Country].Rule != "not JP" || x.Checks[admission.Country].Found != "the country JP" {
		t.Errorf("%+v", x.Checks[admission.Country])
	}
}

// TestExplainedKey: the key is told part by part, whatever the policy selects.
func TestExplainedKey(t *testing.T) {
	forwarded := "<QueryString>true</QueryString><Cookies><Forward>whitelist</Forward><WhitelistedNames><Quantity>1</Quantity><Items><Name>session</Name></Items></WhitelistedNames></Cookies>" +
		"<Headers><Quantity>2</Quantity><Items><Name>Accept</Name><Name>CloudFront-Viewer-Country</Name></Items></Headers>"
	n := newExplained(t, site{behaviors: []behavior{{forwarded: forwarded, def: 60, max: 60, compress: true}}}, numbered())
	x := n.why(n.request("GET", "/a?b=1", "Accept", "text/html", "Cookie", "other=1; session=2", "Accept-Encoding", "gzip"))
	got := map[string]string{}
	for _, p := range x.Key {
		got[p.Name] = p.Value
	}
	for name, want := range map[string]string{
		"distribution": "E1", "method": "GET", "path": "/a", "query": "b=1", "header Accept": "text/html", "header CloudFront-Viewer-Country": "JP", "cookies": "session=2",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(got) != len(x.Key) || len(got) != 8 {
		t.Errorf("%v", x.Key)
	}
}

// TestExplainedSum: the terms come to what is served by.
func TestExplainedSum(t *testing.T) {
	n := newExplained(t, site{}, numbered("Cache-Control", "max-age=600", "Age", "100", "ETag", `"a"`))
	n.get("/a")
	n.advance(50 * time.Second)
	f := n.why(n.request("GET", "/a")).Stored.Freshness
	if f.Source != rfc9111.SourceMaxAge || f.Stated != 600*time.Second || f.Aged != 100*time.Second || *f.Least != time.Second || f.Sum != 500*time.Second ||
		f.Lifetime != f.Sum || f.Resident != 50*time.Second || f.Left != 450*time.Second || f.Age != 150*time.Second || f.OnFailure != -1 {
		t.Errorf("%+v", f)
	}
	// The settings are changed: the object keeps the lifetime that it was stored with.
	n.applyChange(site{behaviors: []behavior{{forwarded: "<QueryString>false</QueryString>", def: 60, max: 60}}}.change("E1"))
	if f := n.why(n.request("GET", "/a")).Stored.Freshness; f.Sum != time.Minute || f.Lifetime != 500*time.Second {
		t.Errorf("after a change: %+v", f)
	}
}

// TestExplainedBeyond names the node that owns the key, and what a group would be asked.
func TestExplainedBeyond(t *testing.T) {
	c := newCity(t, 2, site{failover: "500 503"}, numbered())
	n, uri := c.nodes[0], c.owner("/", 1)
	n.edge.cfg.Sandbox = true
	x := n.why(n.request("GET", uri))
	if len(x.Tiers) != 1 || x.Tiers[0] != (explain.Tier{Level: "peer", Node: "NRT-2", POP: "NRT"}) {
		t.Errorf("%+v", x.Tiers)
	}
	if g := x.Origin.Group; g == nil || !slices.Equal(g.Statuses, []int{500, 503}) || !g.Used || g.Second == x.Origin.ID {
		t.Errorf("%+v", x.Origin)
	}
	if c.at.count() != 0 {
		t.Error("the origin was asked")
	}
}

// TestExplainedDeployment says which side answers, and goes by that side's behaviors.
func TestExplainedDeployment(t *testing.T) {
	n := newExplained(t, site{}, numbered())
	n.deploy(byHeader, site{}, site{behaviors: []behavior{{policy: disabled}}})
	for value, want := range map[string]string{"": "E1 fetch", "new": "E2 pass"} {
		x := n.why(n.request("GET", "/a", "AWS-CF-CD-Side", value))
		if d := x.Distribution; d.ID != "E1" || d.Deployment == nil || d.Deployment.Why == "" || d.Deployment.ID+" "+x.Decision.Action != want {
			t.Errorf("%q: %+v %+v, want %s", value, d.Deployment, x.Decision, want)
		}
	}
}
