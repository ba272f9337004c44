package admission

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/restriction"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/policy"
	"github.com/warmfront/warmfront/edge/private"
	"github.com/warmfront/warmfront/geo"
)

func request(change func(*message.Request)) *message.Request {
	r := &message.Request{Method: "GET", Scheme: "https", Host: "d1.warmfront.test", Path: "/a", Major: 1, Minor: 1, Viewer: netip.MustParseAddrPort("127.1.8.1:1")}
	if change != nil {
		change(r)
	}
	return r
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*message.Request)
		status int // 0: passes
	}{
		{"a plain request", nil, 0},
		{"the longest URL", func(r *message.Request) { r.Path = "/" + strings.Repeat("a", maxURL-2) }, 0},
		{"a byte more", func(r *message.Request) { r.Path = "/" + strings.Repeat("a", maxURL-1) }, 413},
		{"a byte more in the query", func(r *message.Request) { r.Query = strings.Repeat("a", maxURL-2) }, 413},
		{"no host", func(r *message.Request) { r.Host = "" }, 400},
		{"not a path", func(r *message.Request) { r.Path = "*" }, 400},
		{"large fields", func(r *message.Request) { r.Header.Add("A", strings.Repeat("a", maxRequest)) }, 431},
		{"a GET with a body", func(r *message.Request) { r.Length = 3 }, 403},
		{"a POST with a body", func(r *message.Request) { r.Method, r.Length = "POST", 3 }, 0},
	} {
		r := Malformed(request(c.change))
		if r == nil && c.status != 0 || r != nil && r.Status != c.status {
			t.Errorf("%s: %+v, want %d", c.name, r, c.status)
		}
	}
}

// Each check refuses what it is there for, and Describe names what it went by.
func TestChecks(t *testing.T) {
	gate := Gate{Zone: "warmfront.test", Ports: func(string) []int { return []int{8443} }}
	for _, c := range []struct {
		name   string
		plan   func(*cdn.Plan)
		change func(*message.Request)
		check  Check
		status int
		detail string
		found  string
	}{
		{"nothing asked", nil, nil, Checks, 0, "", ""},
		{"its own request", nil, func(r *message.Request) { r.Header.Add("CDN-Loop", `other, `+gate.LoopMark("E1")) }, Loop, 508, "", "CDN-Loop: other, warmfront.test; distribution=E1"},
		{"another distribution's", nil, func(r *message.Request) { r.Header.Add("CDN-Loop", gate.LoopMark("E2")) }, Checks, 0, "", ""},
		{"stacked twice", nil, func(r *message.Request) {
			r.Header.Add("Via", "1.1 a.cloudfront.net (CloudFront), 1.1 b.cloudfront.net (CloudFront)")
		}, Stacked, 403, accesslog.LimitExceeded, "Via: 1.1 a.cloudfront.net (CloudFront), 1.1 b.cloudfront.net (CloudFront)"},
		{"a country that is not served", func(p *cdn.Plan) { p.Countries = restriction.Countries{Blocked: []string{"JP"}} }, nil, Country, 403, accesslog.ClientGeoBlocked, "the country JP"},
		{"a country that is", func(p *cdn.Plan) { p.Countries = restriction.Countries{Allowed: []string{"JP"}} }, nil, Checks, 0, "", ""},
		{"a method that is not allowed", nil, func(r *message.Request) { r.Method = "DELETE" }, Method, 403, "", "DELETE"},
		{"HTTP where HTTPS alone is served", func(p *cdn.Plan) { p.Behaviors[0].ViewerProtocol = cdn.HTTPSOnly }, func(r *message.Request) { r.Scheme = "http" }, Protocol, 403, "", "http"},
		{"a POST by HTTP/1.0 that cannot be redirected", func(p *cdn.Plan) {
			p.Behaviors[0].ViewerProtocol, p.Behaviors[0].AllowedMethods = cdn.RedirectToHTTPS, []string{"POST"}
		}, func(r *message.Request) { r.Scheme, r.Method, r.Minor = "http", "POST", 0 }, Protocol, 403, "", "http"},
		{"no signature", func(p *cdn.Plan) { p.Behaviors[0].Private = true }, nil, Signature, 403, "", "none"},
		{"no signature, but to be redirected", func(p *cdn.Plan) {
			p.Behaviors[0].Private, p.Behaviors[0].ViewerProtocol = true, cdn.RedirectToHTTPS
		}, func(r *message.Request) { r.Scheme = "http" }, Checks, 0, "", ""},
	} {
		plan := &cdn.Plan{ID: "E1", Behaviors: []cdn.Behavior{{Pattern: "*", AllowedMethods: []string{"GET", "HEAD"}}}}
		if c.plan != nil {
			c.plan(plan)
		}
		v := &policy.View{Request: request(c.change), Plan: plan, Behavior: &plan.Behaviors[0], Locate: func(netip.Addr) geo.Place { return geo.Place{Country: "JP"} }}
		r := gate.Refuse(v, &private.Signature{}, time.Unix(0, 0))
		if c.check == Checks {
			if r != nil {
				t.Errorf("%s: %+v", c.name, r)
			}
			continue
		}
		if r == nil || r.Status != c.status || r.Detail != c.detail || r.Sentence == "" {
			t.Errorf("%s: %+v, want %d %s", c.name, r, c.status, c.detail)
		}
		for check := range Checks {
			if failed := gate.Check(check, v, &private.Signature{}, time.Unix(0, 0)) != nil; failed != (check == c.check) {
				t.Errorf("%s: check %d failed: %v", c.name, check, failed)
			}
		}
		if d := gate.Describe(c.check, v, &private.Signature{}); d.Found != c.found || d.Name == "" || d.Rule == "" {
			t.Errorf("%s: %+v, want %q", c.name, d, c.found)
		}
	}
}
