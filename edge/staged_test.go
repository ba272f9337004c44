package edge

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
)

const traffic = "<TrafficConfig><Type>%s</Type>%s</TrafficConfig>"

var (
	byHeader = fmt.Sprintf(traffic, "SingleHeader", "<SingleHeaderConfig><Header>aws-cf-cd-side</Header><Value>new</Value></SingleHeaderConfig>")
	byWeight = fmt.Sprintf(traffic, "SingleWeight", "<SingleWeightConfig><Weight>0.15</Weight></SingleWeightConfig>")
	sticky   = fmt.Sprintf(traffic, "SingleWeight", "<SingleWeightConfig><Weight>0.15</Weight><SessionStickinessConfig><IdleTTL>300</IdleTTL><MaximumTTL>600</MaximumTTL></SessionStickinessConfig></SingleWeightConfig>")
)

// deploy gives the distribution E1 a policy, and the staging distribution E2, of which
// every object is at the origin's path /new.
func (n *network) deploy(traffic string, primary, other site) {
	n.t.Helper()
	n.applyChange(other.staging().change("E2"))
	n.policy("true", traffic)
	primary.more += "<ContinuousDeploymentPolicyId>CD</ContinuousDeploymentPolicyId>"
	n.applyChange(primary.change("E1"))
}

func (s site) staging() site {
	s.more += "<Staging>true</Staging>"
	return s
}

func (n *network) policy(enabled, traffic string) {
	n.t.Helper()
	n.apply(cdn.KindResourcePut, cdn.Resource{Kind: cdn.ResourceContinuousDeploymentPolicy, ID: "CD", Document: "<ContinuousDeploymentPolicyConfig>" +
		"<StagingDistributionDnsNames><Quantity>1</Quantity><Items><DnsName>de2.warmfront.test</DnsName></Items></StagingDistributionDnsNames><Enabled>" + enabled + "</Enabled>" + traffic + "</ContinuousDeploymentPolicyConfig>"})
}

// told is the side that answered, as a response headers policy of the staging
// distribution alone tells it.
func told(r reply) string {
	if r.Header.Get("X-Frame-Options") != "" {
		return "staging"
	}
	return "primary"
}

const secured = "<ResponseHeadersPolicyId>67f7725c-6f97-4210-82d7-5512b31e9d03</ResponseHeadersPolicyId>"

// TestStagingByHeader: who sends the policy's header is answered by the staging
// distribution's behaviors, from a cache of its own, at each of the primary one's names.
func TestStagingByHeader(t *testing.T) {
	n := newNetwork(t, site{}, numbered("Cache-Control", "max-age=60"))
	n.deploy(byHeader, site{}, site{behaviors: []behavior{{policy: optimized, more: secured}}})
	for _, c := range []struct {
		host, value, side, xcache, body string
	}{
		{"de1.warmfront.test", "", "primary", "Miss", "answer 1"},
		{"de1.warmfront.test", "new", "staging", "Miss", "answer 2"},
		{"www.e1.test", "new", "staging", "Hit", "answer 2"},
		{"www.e1.test", "old", "primary", "Hit", "answer 1"},
	} {
		r := n.request("GET", "/a")
		if r.Host = c.host; c.value != "" {
			r.Header.Add("AWS-CF-CD-Side", c.value)
		}
		got := n.do(r)
		if told(got) != c.side || got.xcache() != c.xcache || got.body != c.body || got.Header.Has("Set-Cookie") {
			t.Errorf("%s with %q: %s %s %q", c.host, c.value, told(got), got.xcache(), got.body)
		}
	}
	for _, host := range []string{"de2.warmfront.test", "www.e2.test"} { // control gives it no alias; a journal might
		r := n.request("GET", "/a", "aws-cf-cd-side", "new")
		r.Host = host
		if got := n.do(r); got.Status != 403 || !strings.Contains(got.body, "staging distribution") {
			t.Errorf("%s itself: %d %q", host, got.Status, got.body)
		}
	}

	log := &noted{}
	n.edge.cfg.AccessLog = log
	for _, value := range []string{"new", "old"} {
		line := n.logged(log, t.Context(), n.request("GET", "/a", "aws-cf-cd-side", value), message.Delivery{})
		if want := map[string][3]string{"new": {"E2", "E1", "de1.warmfront.test"}, "old": {"E1", "", ""}}[value]; [3]string{line.Distribution, line.Primary, line.PrimaryDomain} != want {
			t.Errorf("%s: logged as %s, for %q %q", value, line.Distribution, line.Primary, line.PrimaryDomain)
		}
	}
	n.edge.cfg.AccessLog = nil

	// The invalidation of one is none of the other; the guarantee is each one's.
	n.apply(cdn.KindInvalidation, cdn.Invalidation{ID: "I2", Distribution: "E2", Paths: []string{"/*"}})
	if got := n.get("/a"); got.xcache() != "Hit" {
		t.Errorf("the primary one after an invalidation of the staging one: %s", got.xcache())
	}
	if got := n.get("/a", "aws-cf-cd-side", "new"); got.xcache() != "Miss" || got.body != "answer 3" {
		t.Errorf("the staging one after its invalidation: %s %q", got.xcache(), got.body)
	}
	n.lease.ended.Store(true)
	if got := n.get("/a", "aws-cf-cd-side", "new"); got.xcache() == "Hit" {
		t.Error("the staging one is served without a lease")
	}
	n.lease.ended.Store(false)

	n.policy("false", byHeader)
	if got := n.get("/a", "aws-cf-cd-side", "new"); told(got) != "primary" {
		t.Error("a disabled policy sends viewers away")
	}
	n.policy("true", byHeader)
	off := site{disabled: true}
	n.applyChange(off.staging().change("E2"))
	if got := n.get("/a", "aws-cf-cd-side", "new"); told(got) != "primary" || got.Status != 200 {
		t.Errorf("with the staging distribution disabled: %d by %s", got.Status, told(got))
	}
}

// TestStagingByWeight: the part of requests is the weight, whatever is in memory on
// either side. A draw that was repeated for what is not would leave 2 % here.
func TestStagingByWeight(t *testing.T) {
	n := newNetwork(t, site{}, numbered("Cache-Control", "max-age=60"))
	n.deploy(byWeight, site{}, site{behaviors: []behavior{{policy: disabled, more: secured}}})
	n.get("/a")
	const requests = 4000
	there := 0
	x := n.edge.newExchange()
	for range requests {
		r := n.request("GET", "/a")
		ready := x.Ready(r)
		resp := x.Handle(context.Background(), r)
		if told(reply{Response: resp}) == "staging" {
			if there++; ready {
				t.Fatal("what is never stored was ready")
			}
		}
		if resp.Header.Has("Set-Cookie") {
			t.Fatal("a cookie without sessions")
		}
		resp.Close()
		x.Delivered(message.Delivery{})
	}
	if off := math.Abs(float64(there) - requests*0.15); off > 5*math.Sqrt(requests*0.15*0.85) {
		t.Errorf("%d of %d went to the staging distribution", there, requests)
	}
}

// TestStagingSessions: a session stays on its side while it lasts, and neither the cache
// key nor the origin sees its cookie.
func TestStagingSessions(t *testing.T) {
	all := behavior{forwarded: "<QueryString>false</QueryString><Cookies><Forward>all</Forward></Cookies>", def: 60, max: 60}
	other := all
	other.more = secured
	n := newNetwork(t, site{}, numbered("Cache-Control", "max-age=60"))
	n.deploy(sticky, site{behaviors: []behavior{all}}, site{behaviors: []behavior{other}})
	cookies := map[string]string{}
	for range 400 {
		got := n.get("/a", "Cookie", "mine=1")
		set := got.Header.Get("Set-Cookie")
		if !strings.HasPrefix(set, "AWS-CF-CD-") || !strings.HasSuffix(set, "; Max-Age=300; Path=/; HttpOnly") {
			t.Fatalf("Set-Cookie: %q", set)
		}
		cookies[told(got)], _, _ = strings.Cut(set, ";")
	}
	if len(cookies) != 2 {
		t.Fatalf("the sides seen: %v", cookies)
	}
	sent := n.at.count()
	for side, cookie := range cookies {
		for range 50 {
			got := n.get("/a", "Cookie", "mine=1; "+cookie)
			if told(got) != side || got.xcache() != "Hit" {
				t.Fatalf("in a session with %s: %s %s", side, told(got), got.xcache())
			}
		}
	}
	if n.at.count() != sent || n.at.last().Header.Get("Cookie") != "mine=1" {
		t.Errorf("the origin was sent %q", n.at.last().Header.Get("Cookie"))
	}
	n.advance(299 * time.Second)
	got := n.get("/a", "Cookie", cookies["staging"])
	if told(got) != "staging" {
		t.Fatal("the session is over too early")
	}
	cookies["staging"], _, _ = strings.Cut(got.Header.Get("Set-Cookie"), ";")
	n.advance(302 * time.Second)
	if got := n.sides(cookies["staging"]); got != 2 {
		t.Error("a session goes on for longer than its longest time")
	}
	fresh, _, _ := strings.Cut(n.get("/a").Header.Get("Set-Cookie"), ";")
	n.policy("false", sticky)
	n.policy("true", sticky)
	if got := n.sides(fresh); got != 2 {
		t.Error("a session goes on after the policy was disabled")
	}
}

// sides is how many sides answer requests with a cookie.
func (n *network) sides(cookie string) int {
	seen := map[string]bool{}
	for range 400 {
		seen[told(n.get("/a", "Cookie", cookie))] = true
	}
	return len(seen)
}

// TestAPolicyCostsNoAllocation: neither to whom it is none of, nor to those whose
// distribution has one, unless they send its cookie.
func TestAPolicyCostsNoAllocation(t *testing.T) {
	for name, traffic := range map[string]string{"none": "", "header": byHeader, "weight": byWeight, "sessions": sticky} {
		n := newNetwork(t, site{}, numbered("Cache-Control", "max-age=60"))
		if traffic != "" {
			n.deploy(traffic, site{}, site{})
		}
		n.get("/a")
		x, r := n.edge.newExchange(), n.request("GET", "/a", "User-Agent", "test")
		ask := func() {
			if !x.Ready(r) && traffic == "" {
				t.Fatal("a hit is not ready")
			}
			resp := x.Handle(context.Background(), r)
			resp.Close()
			x.Delivered(message.Delivery{})
		}
		for range 200 { // until both sides have it
			ask()
		}
		if got := testing.AllocsPerRun(500, ask); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
