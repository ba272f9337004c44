package edge

import (
	"context"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/edge/message"
)

const (
	allViewer       = "<OriginRequestPolicyId>216adef6-5c7f-47e4-b989-5492eafa07d3</OriginRequestPolicyId>"
	exceptHost      = "<OriginRequestPolicyId>b689b0a8-53d0-40ab-baf2-68738e2966ac</OriginRequestPolicyId>"
	withOwnHeaders  = "<OriginRequestPolicyId>33f36d7e-f396-46d9-90e0-52428a34d9dc</OriginRequestPolicyId>"
	agentAndReferer = "<OriginRequestPolicyId>acba4595-bd28-49b8-b9fe-13317c0390fa</OriginRequestPolicyId>"
	preflight       = "<ResponseHeadersPolicyId>5cc3b908-e619-4b99-88e5-2cf7f45965bd</ResponseHeadersPolicyId>"
	security        = "<ResponseHeadersPolicyId>67f7725c-6f97-4210-82d7-5512b31e9d03</ResponseHeadersPolicyId>"
)

// TestOriginRequestPolicies: what they name is forwarded beside what the cache policy
// selects, and is no part of the key (compatibility.md 130).
func TestOriginRequestPolicies(t *testing.T) {
	const absent = "\x00"
	for _, c := range []struct {
		name, cache, policy string
		want                map[string]string
	}{
		{"none", optimized, "", map[string]string{"Host": "origin.test", "query": "", "X-Lang": absent, "Cookie": absent, "User-Agent": "Amazon CloudFront", "Accept": absent}},
		{"AllViewer", optimized, allViewer, map[string]string{
			"Host": "de1.warmfront.test", "query": "a=1&b=2", "X-Lang": "de", "Cookie": "s=1; t=2", "User-Agent": "Opera/9", "Accept": "text/html", "Authorization": "Basic x",
			"CloudFront-Viewer-City": absent,
		}},
		{"AllViewerExceptHostHeader", disabled, exceptHost, map[string]string{"Host": "origin.test", "query": "a=1&b=2", "X-Lang": "de", "Cookie": "s=1; t=2"}},
		{"AllViewerAndCloudFrontHeaders", optimized, withOwnHeaders, map[string]string{
			"Host": "de1.warmfront.test", "CloudFront-Viewer-City": "T%C5%8Dky%C5%8D", "CloudFront-Viewer-Country": "JP", "CloudFront-Viewer-Address": "192.0.2.7:1234",
			"CloudFront-Is-Desktop-Viewer": "true", "CloudFront-Is-Mobile-Viewer": "false", "CloudFront-Viewer-Latitude": "35.68000",
		}},
		{"UserAgentRefererHeaders", optimized, agentAndReferer, map[string]string{"User-Agent": "Opera/9", "Referer": "http://x.test/", "X-Lang": absent, "query": "", "Cookie": absent}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t, site{behaviors: []behavior{{policy: c.cache, more: c.policy}}}, numbered("Cache-Control", "max-age=60"))
			h := []string{
				"User-Agent", "Opera/9", "Referer", "http://x.test/", "X-Lang", "de", "Cookie", "s=1; t=2", "Accept", "text/html", "Authorization", "Basic x",
				"CloudFront-Viewer-Country", "DE", // a viewer's own word counts for nothing
			}
			n.get("/a?a=1&b=2", h...)
			r := n.at.last()
			for name, want := range c.want {
				got := r.Header.Joined(name)
				switch {
				case name == "Host":
					got = r.Host
				case name == "query":
					got = r.Query
				case !r.Header.Has(name):
					got = absent
				}
				if got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if c.cache == optimized {
				if r := n.get("/a?other", "User-Agent", "curl"); r.xcache() != "Hit" {
					t.Errorf("what the policy forwards is in the key: %s", r.xcache())
				}
			}
		})
	}
}

// TestResponseHeadersPolicies: what viewers get, from the cache and not (compatibility.md 131).
func TestResponseHeadersPolicies(t *testing.T) {
	n := newNetwork(t, site{behaviors: []behavior{{policy: optimized, methods: all7, more: preflight}}}, numbered("Cache-Control", "max-age=60", "Access-Control-Allow-Origin", "https://own.test"))
	for _, result := range []string{"Miss", "Hit"} {
		if r := n.get("/a", "Origin", "https://a.test"); r.xcache() != result || r.Header.Joined("Access-Control-Allow-Origin") != "https://own.test" || r.Header.Get("Access-Control-Expose-Headers") != "*" || r.Header.Has("Access-Control-Allow-Methods") {
			t.Errorf("%s: %v", result, r.Header)
		}
	}
	if r := n.get("/a"); r.Header.Has("Access-Control-Expose-Headers") {
		t.Errorf("no cross-origin request: %v", r.Header)
	}
	n = newNetwork(t, site{behaviors: []behavior{{policy: optimized, more: security}}}, numbered("Cache-Control", "max-age=60", "X-Content-Type-Options", "other", "X-Frame-Options", "DENY"))
	for _, result := range []string{"Miss", "Hit"} {
		r := n.get("/a")
		for name, want := range map[string]string{
			"Strict-Transport-Security": "max-age=31536000", "Referrer-Policy": "strict-origin-when-cross-origin", "X-XSS-Protection": "1; mode=block",
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		} {
			if got := r.Header.Joined(name); got != want {
				t.Errorf("%s, %s: %q, want %q", result, name, got, want)
			}
		}
	}
	if o := n.stored("/a"); o.Header.Has("Strict-Transport-Security") || o.Header.Get("X-Content-Type-Options") != "other" {
		t.Errorf("the policy's fields are stored: %v", o.Header)
	}
	n = newNetwork(t, site{behaviors: []behavior{{policy: optimized, protocol: "redirect-to-https", more: security}}}, numbered())
	if r := n.get("/a"); r.Status != 301 || r.Header.Has("Strict-Transport-Security") {
		t.Errorf("a redirect: %d %v", r.Status, r.Header)
	}
}

// TestGeoRestriction: viewers are in JP here (compatibility.md 132).
func TestGeoRestriction(t *testing.T) {
	restrict := func(kind, codes string) string {
		return "<Restrictions><GeoRestriction><RestrictionType>" + kind + "</RestrictionType><Items>" + codes + "</Items></GeoRestriction></Restrictions>"
	}
	for _, c := range []struct {
		more   string
		status int
	}{
		{restrict("none", ""), 200},
		{restrict("whitelist", "<Location>US</Location><Location>JP</Location>"), 200},
		{restrict("whitelist", "<Location>US</Location>"), 403},
		{restrict("blacklist", "<Location>JP</Location>"), 403},
		{restrict("blacklist", "<Location>US</Location>"), 200},
	} {
		n := newNetwork(t, site{more: c.more}, numbered())
		if r := n.get("/a"); r.Status != c.status || (r.Status == 403) != strings.Contains(r.body, "country") {
			t.Errorf("%s: %d %s", c.more, r.Status, r.body)
		}
		if asked := n.at.count(); (asked == 0) != (c.status == 403) {
			t.Errorf("%s: the origin was asked %d times", c.more, asked)
		}
	}
	// Its error page may be the distribution's, as any.
	n := newNetwork(t, site{
		more:   restrict("blacklist", "<Location>JP</Location>"),
		errors: "<CustomErrorResponse><ErrorCode>403</ErrorCode><ResponsePagePath>/sorry</ResponsePagePath><ResponseCode>403</ResponseCode></CustomErrorResponse>",
	}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		return ok("page " + r.Path), nil
	})
	if r := n.get("/a"); r.Status != 403 || r.body != "page /base/sorry" {
		t.Errorf("%d %q", r.Status, r.body)
	}
}
