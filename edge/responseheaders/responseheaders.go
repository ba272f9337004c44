// Package responseheaders applies a response headers policy to an answer on its way to a
// viewer (developer guide, "Understand response headers policies"). It is pure: what is
// stored keeps the origin's fields, and each viewer's answer is made anew of them.
//
// One answer goes through it like this: the fields to be removed go first, then those for
// cross-origin requests are set, then the security headers and the custom ones, each in the
// place of the origin's where the policy overrides it.
package responseheaders

import (
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/cdn/policies"
	"github.com/warmfront/warmfront/edge/message"
)

// Apply changes an answer's header as p says, for a viewer that sent req.
func Apply(h *message.Header, p *policies.ResponseHeaders, req *message.Request) {
	for _, name := range p.Remove {
		h.Del(name)
	}
	if p.CORS != nil {
		crossOrigin(h, p.CORS, req)
	}
	for i := range p.Set {
		set(h, p.Set[i].Name, p.Set[i].Value, p.Set[i].Override)
	}
}

func set(h *message.Header, name, value string, override bool) {
	switch {
	case !h.Has(name):
		h.Add(name, value)
	case override:
		h.Set(name, value)
	}
}

// crossOrigin sets what a cross-origin request is answered with: one that has an Origin.
// Methods, headers and the age are for preflight requests, the exposed headers for the
// others (Fetch standard, section 3.2).
func crossOrigin(h *message.Header, c *policies.CORS, req *message.Request) {
	origin := req.Header.Get("Origin")
	if origin == "" {
		return
	}
	if c.Override {
		h.Filter(func(f message.Field) bool {
			return len(f.Name) < len(corsPrefix) || !strings.EqualFold(f.Name[:len(corsPrefix)], corsPrefix)
		})
	}
	allowed, varies := allowedOrigin(c, origin)
	if allowed == "" {
		return
	}
	if varies && !slices.ContainsFunc(message.Items(h.Joined("Vary")), func(n string) bool { return n == "*" || strings.EqualFold(n, "Origin") }) {
		h.Add("Vary", "Origin")
	}
	set(h, corsPrefix+"Allow-Origin", allowed, c.Override)
	if c.AllowCredentials {
		set(h, corsPrefix+"Allow-Credentials", "true", c.Override)
	}
	if req.Method != "OPTIONS" || !req.Header.Has("Access-Control-Request-Method") {
		list(h, corsPrefix+"Expose-Headers", c.ExposeHeaders, c.Override)
		return
	}
	list(h, corsPrefix+"Allow-Methods", methods(c.AllowMethods), c.Override)
	list(h, corsPrefix+"Allow-Headers", c.AllowHeaders, c.Override)
	if c.MaxAge >= 0 {
		set(h, corsPrefix+"Max-Age", strconv.FormatInt(c.MaxAge, 10), c.Override)
	}
}

const corsPrefix = "Access-Control-"

func list(h *message.Header, name string, values []string, override bool) {
	if len(values) > 0 {
		set(h, name, strings.Join(values, ", "), override)
	}
}

// methods spells out ALL.
func methods(names []string) []string {
	if slices.Contains(names, "ALL") {
		return []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
	}
	return names
}

// allowedOrigin is what Access-Control-Allow-Origin says to an origin, "" where it is not
// among those allowed, and whether another origin is told something else.
func allowedOrigin(c *policies.CORS, origin string) (allowed string, varies bool) {
	if slices.Contains(c.AllowOrigins, "*") {
		return "*", false
	}
	for _, pattern := range c.AllowOrigins {
		if matchesOrigin(strings.ToLower(pattern), strings.ToLower(origin)) {
			return origin, true
		}
	}
	return "", true
}

// matchesOrigin compares an origin with one of a policy's: scheme, host and port, of which
// the first and the last may be left out, the host may begin with "*." and the port be "*"
// (developer guide, "Access-Control-Allow-Origin").
func matchesOrigin(pattern, origin string) bool {
	scheme, host, found := strings.Cut(pattern, "://")
	if !found {
		scheme, host = "", pattern
	}
	gotScheme, got, found := strings.Cut(origin, "://")
	if !found || scheme != "" && scheme != gotScheme {
		return false
	}
	name, port := hostPort(host)
	gotName, gotPort := hostPort(got)
	if port != "*" && port != gotPort {
		return false
	}
	if domain, wild := strings.CutPrefix(name, "*."); wild {
		return strings.HasSuffix(gotName, "."+domain)
	}
	return name == gotName
}

// hostPort cuts off a port; the host may be an IPv6 address in brackets.
func hostPort(s string) (host, port string) {
	if i := strings.LastIndexByte(s, ':'); i >= 0 && i > strings.LastIndexByte(s, ']') {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// Timed reports whether the answer to a request gets a Server-Timing header: as many in a
// hundred as the policy says, told by the request's id, and all that ask for one with
// Pragma: server-timing.
func Timed(p *policies.ResponseHeaders, req *message.Request, id string) bool {
	switch {
	case !p.ServerTimingEnabled:
		return false
	case req.Header.Has("Pragma") && strings.EqualFold(strings.TrimSpace(req.Header.Get("Pragma")), "server-timing"):
		return true
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(id)) // never fails
	return float64(sum.Sum32()) < p.ServerTiming/100*math.MaxUint32
}
