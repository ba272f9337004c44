package edge

import (
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
)

// Host returns a viewer's Host as the rules see it: in lower case, without a port
// and without a final dot.
func Host(h string) string {
	if i := strings.LastIndexByte(h, ':'); i >= 0 && strings.IndexByte(h[i:], ']') < 0 {
		h = h[:i]
	}
	return strings.ToLower(strings.TrimSuffix(h, "."))
}

// mapHost applies LocalhostZone. The request is not changed but copied: the
// adapter's log shows what was asked.
func (e *Edge) mapHost(r *message.Request) *message.Request {
	name, ok := strings.CutSuffix(r.Host, ".localhost")
	if !ok || e.cfg.LocalhostZone == "" {
		return r
	}
	mapped := *r
	mapped.Host, mapped.Scheme = name+"."+e.cfg.LocalhostZone, "https"
	if sni, ok := strings.CutSuffix(Host(r.ServerName), ".localhost"); ok {
		mapped.ServerName = sni + "." + e.cfg.LocalhostZone
	}
	return &mapped
}

// route finds the plan, the behavior and what is asked for.
func (x *exchange) route() *fault {
	if x.state == nil {
		return &fault{503, "This edge location has not been told yet what it serves."}
	}
	plan := x.state.PlanFor(x.req.Host)
	if plan == nil {
		return &fault{403, "No distribution is configured for this host name."}
	}
	// A certificate was shown for the name that TLS asked for: another
	// distribution is not answered for on the same connection (RFC 9110 section
	// 15.5.20). The two names of one distribution are.
	if sni := x.req.ServerName; sni != "" && x.state.PlanFor(Host(sni)) != plan {
		return &fault{421, "This connection was made for another host name."}
	}
	if !plan.Enabled {
		return &fault{403, "The distribution is disabled."}
	}
	x.plan = plan
	x.aim(x.req.Path)
	return nil
}

// aim finds the behavior for a viewer's path, and what follows from it.
func (x *exchange) aim(path string) {
	// The default root object stands in for "/" alone, and for the behavior's
	// pattern too (developer guide, "Specify a default root object").
	if path == "/" && x.plan.DefaultRootObject != "" {
		path = "/" + x.plan.DefaultRootObject
	}
	x.path = path
	// Patterns are matched on the normalised path, origins get it as it was sent
	// (developer guide, "Cache behavior settings", path pattern).
	x.behavior = x.plan.Match(cdn.NormalURI(path))
	x.origin = &x.plan.Origins[x.behavior.Origin]
	x.query = selectQuery(x.behavior.Cache.Query, x.req.Query)
	x.encoding = normalEncoding(x.req.Header.Joined("Accept-Encoding"), x.behavior.Cache)
	x.uris = x.answersFor()
	x.key = x.cacheKey(x.req.Method)
}
