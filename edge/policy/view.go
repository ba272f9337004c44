package policy

import (
	"net/netip"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/paths"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/geo"
)

// View is a viewer's request as the settings of a distribution see it.
type View struct {
	Request  *message.Request
	Plan     *cdn.Plan
	Behavior *cdn.Behavior
	Origin   *cdn.Origin
	// Path is what is asked for: the viewer's, or the default root object.
	Path string
	// Query is the query string as far as the cache policy selects it, and Encoding
	// Accept-Encoding as it counts under it.
	Query, Encoding string
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
	// The default root object stands in for "/" alone, and for the behavior's
	// pattern too (developer guide, "Specify a default root object").
	if path == "/" && v.Plan.DefaultRootObject != "" {
		path = v.Text.Concat("/", v.Plan.DefaultRootObject)
	}
	v.Path = path
	// Patterns are matched on the normalised path, origins get it as it was sent
	// (developer guide, "Cache behavior settings", path pattern).
	v.Behavior = v.Plan.Match(paths.Normal(path))
	v.Origin = &v.Plan.Origins[v.Behavior.Origin]
	if v.Second && v.Behavior.Failover != nil {
		v.Origin = &v.Plan.Origins[v.Behavior.Failover.Origin]
	}
	v.Query = selectQuery(v.Text, v.Behavior.Cache.Query, v.Request.Query)
	v.Encoding = ""
	if v.Request.Major > 1 || v.Request.Minor > 0 { // HTTP/1.0 gets nothing compressed (developer guide, "Serve compressed files")
		v.Encoding = normalEncoding(v.Request.Header.Joined("Accept-Encoding"), v.Behavior.Cache)
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
