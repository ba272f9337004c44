package edge

import (
	"strings"

	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/private"
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
func (x *exchange) mapHost(r *message.Request) *message.Request {
	name, ok := strings.CutSuffix(r.Host, ".localhost")
	if !ok || x.edge.cfg.LocalhostZone == "" {
		return r
	}
	zone := x.edge.cfg.LocalhostZone
	x.mapped = *r
	mapped := &x.mapped
	mapped.Host, mapped.Scheme = x.text.Concat(name, ".", zone), "https"
	if sni, ok := strings.CutSuffix(Host(r.ServerName), ".localhost"); ok {
		mapped.ServerName = x.text.Concat(sni, ".", zone)
	}
	return mapped
}

// route finds the plan, the behavior and what is asked for.
func (x *exchange) route() *fault {
	if x.state == nil {
		return &fault{503, "This edge location has not been told yet what it serves."}
	}
	plan := x.state.PlanFor(x.Request.Host)
	if plan == nil {
		return &fault{403, "No distribution is configured for this host name."}
	}
	// A certificate was shown for the name that TLS asked for: another
	// distribution is not answered for on the same connection (RFC 9110 section
	// 15.5.20). The two names of one distribution are.
	if sni := x.Request.ServerName; sni != "" && x.state.PlanFor(Host(sni)) != plan {
		return &fault{421, "This connection was made for another host name."}
	}
	if !plan.Enabled {
		return &fault{403, "The distribution is disabled."}
	}
	if plan.Staging || plan.Deployment != nil {
		if plan = x.stage(plan); plan == nil {
			return &fault{403, "This is a staging distribution: it is reached by the names of its primary distribution alone."}
		}
	}
	x.Plan, x.leased = plan, plan.MayServe(x.leased, x.entitled)
	x.aim(x.Request.Path)
	if x.Behavior.Private {
		x.unsign()
	}
	return nil
}

// unsign takes the signature out of a request for private content, so that neither the key
// nor the origin sees it.
func (x *exchange) unsign() {
	cookies := x.Request.Header.Joined("Cookie")
	signature, query, rest := private.Find(x.Request.Query, cookies)
	x.signature = signature
	if query == x.Request.Query && rest == cookies {
		return
	}
	x.mapped = *x.Request
	x.mapped.Query = query
	if rest != cookies {
		x.mapped.Header = x.Request.Header.Clone(1)
		if x.mapped.Header.Del("Cookie"); rest != "" {
			x.mapped.Header.Add("Cookie", rest)
		}
	}
	x.Request = &x.mapped
	x.aim(x.Request.Path)
}

// aim finds the behavior for a path, and the key of what is asked for.
func (x *exchange) aim(path string) {
	x.Aim(path)
	x.uris = x.URIs(x.uris[:0])
	x.key = x.Key(x.Request.Method)
}
