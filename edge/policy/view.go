package policy

import (
	"net/netip"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/paths"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reroute"
	"github.com/warmfront/warmfront/geo"
)

// View is a viewer's request as the settings of a distribution see it.
type View struct {
	Request  *message.Request
	Plan     *cdn.Plan
	Behavior *cdn.Behavior
	Origin   *origins.Origin
	// Target is the origins that the request goes to: those of its behavior, unless a
	// function sends it elsewhere (GoTo). Origin is one of them.
	Target reroute.Target
	// Path is what is asked for: the viewer's, or the default root object.
	Path string
	// Query is the query string as far as the cache policy selects it, and Encoding
	// Accept-Encoding as it counts under it.
	Query, Encoding string
	// Bound is the pattern of the behavior where the path would have another one: a function
	// has changed that. It is part of the key, for another behavior may have another
	// origin. "" otherwise.
	Bound string
	// Locate returns where an address is, the zero Place where it is not known. It may
	// be nil.
	Locate func(netip.Addr) geo.Place
	// Relayed is set where another edge asks on behalf of the viewer.
	Relayed bool
	// Second is set where the second origin of the behavior's group is asked for, in its
	// own right: the node is its Origin Shield.
	Second bool
	// Text is where strings are made that live as long as the request.
	Text *message.Text
}

// Aim finds the behavior for a path, and what follows from it.
func (v *View) Aim(path string) {
	path = v.root(path)
	// Patterns are matched on the normalised path, origins get it as it was sent
	// (developer guide, "Cache behavior settings", path pattern).
	v.take(v.Plan.Match(paths.Normal(path)), path)
	v.Bound = ""
}

// AimBy is Aim where the behavior is settled: by the path that the viewer asked for, before
// a function changed it (developer guide, "CloudFront Functions event structure", uri).
func (v *View) AimBy(b *cdn.Behavior, path string) {
	path = v.root(path)
	v.take(b, path)
	if v.Bound = ""; v.Plan.Match(paths.Normal(path)) != b {
		v.Bound = b.Pattern
	}
}

// root has the default root object stand in for "/" alone, and for the behavior's pattern
// too (developer guide, "Specify a default root object").
func (v *View) root(path string) string {
	if path == "/" && v.Plan.DefaultRootObject != "" {
		return v.Text.Concat("/", v.Plan.DefaultRootObject)
	}
	return path
}

// take makes a behavior the request's.
func (v *View) take(b *cdn.Behavior, path string) {
	v.Path, v.Behavior = path, b
	v.GoTo(reroute.Of(v.Plan, b))
	v.Query = selectQuery(v.Text, v.Behavior.Cache.Query, v.Request.Query)
	v.Encoding = ""
	if v.Request.Major > 1 || v.Request.Minor > 0 { // HTTP/1.0 gets nothing compressed (developer guide, "Serve compressed files")
		v.Encoding = normalEncoding(v.Request.Header.Joined("Accept-Encoding"), v.Behavior.Cache)
	}
}

// GoTo sends the request to a target. It is no part of the key (compatibility.md, 572).
func (v *View) GoTo(t reroute.Target) {
	v.Target, v.Origin = t, t.Origin
	if v.Second && t.Second != nil {
		v.Origin = t.Second
	}
}

// Strict reports whether the distribution caches by RFC 9111 alone.
func (v *View) Strict() bool { return v.Plan.Caching == cdn.CachingRFC9111 }

// Cacheable reports whether the cache is asked at all. A behavior that forwards
// all headers, or whose maximum TTL is 0, caches nothing (developer guide, "Cache
// content based on request headers"; managed policy CachingDisabled).
func (v *View) Cacheable() bool { return v.Uncacheable() == "" }

// Uncacheable says why the cache is not asked; "" if it is.
func (v *View) Uncacheable() string {
	switch {
	case !v.Behavior.Caches(v.Request.Method):
		return "the behavior caches no answers to this method"
	case v.Request.Upgrade != "":
		return "the connection is to be given over to another protocol"
	case v.Behavior.Cache.MaxTTL <= 0:
		return "the cache policy's maximum TTL is 0"
	case selectsAll(v.Behavior.Cache.Headers):
		return "all headers are part of the key"
	}
	return ""
}

// Collapses reports whether simultaneous requests for the same object share a
// fetch: not where cookies are forwarded (developer guide, "Simultaneous requests
// for the same object").
func (v *View) Collapses() bool { return !selectsAny(v.Behavior.Forward.Cookies) }

// Added are the fields that the edge adds to the request as functions see it: those of its
// own that a policy of the behavior names (developer guide, "Add CloudFront request
// headers").
func (v *View) Added() message.Header {
	var h message.Header
	for _, names := range [...][]string{v.Behavior.Cache.Headers.Names, v.Behavior.Forward.Named} {
		for _, name := range names {
			if value, own := v.ownHeader(name); own && value != "" && !h.Has(name) {
				h.Add(name, value)
			}
		}
	}
	return h
}
