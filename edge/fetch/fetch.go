package fetch

import (
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/edge/tier"
)

// Fetch is what a flight asks an origin for, made when the flight is, and all
// that is needed to store the answer. It shares nothing with the viewer's
// request, which may be gone when the answer comes.
type Fetch struct {
	Plan     *cdn.Plan
	Behavior *cdn.Behavior
	Origin   *origins.Origin
	// Failover says when Second is asked; nil where the target is a single origin.
	Failover *origins.Failover
	// Pattern is the behavior's, where tiers cannot tell the behavior by the path.
	Pattern string
	// Planned is the version of the state that the plan was taken from.
	Planned cdn.Version
	Key     string
	URIs    []string
	Request *message.Request // finished, but for its signature
	// Second is asked if Origin fails; nil where the target is no origin group.
	Second *Target
	// Varying are the fields by which an answer may vary.
	Varying message.Header
	// Encoding is Accept-Encoding as the cache policy normalises it.
	Encoding string
	// Ranged is set where only a part is asked for, Fenced where the node had no
	// lease for the request.
	Ranged, Fenced bool
	// Tiers are asked before the origin, with Upward and X-Amz-Cf-Id ID, and told that a
	// function sent the request elsewhere by Rerouted.
	Tiers    []tier.Tier
	Upward   *message.Request
	ID       string
	Rerouted string
	// Stored is the key of what a GET stored, where a HEAD may say something of it.
	Stored string
	// Arrived is the place in the order of the request that it was made for.
	Arrived uint64

	// Traced is the span that the fetch is made for, nil for none; work is the fetch's own.
	Traced, work *span.Span

	// Ahead is how far the sandbox's time was ahead of the origin's when the answer came.
	Ahead time.Duration

	// Timing is of the origin, where this node asks it; nil where nobody wants to know.
	Timing *Timing

	// FailedOver says why the second origin was asked, "" if it was not: set with the
	// answer.
	FailedOver string

	answer tier.Answer // of the tier that answered
	others []string    // URIs for which what is confirmed was stored
}

// Get makes the fetch one of the object itself.
func (f *Fetch) Get() {
	f.Request.Method = "GET"
	if f.Upward != nil {
		f.Upward.Method = "GET"
	}
}

// variant is View.Variant of the request that the fetch was made for.
func (f *Fetch) variant(vary []string) string { return rfc9111.Variant(vary, f.Varying.Joined) }

// selects is exchange.selects of that request.
func (f *Fetch) selects(o *cache.Object) bool {
	return len(o.Vary) == 0 || rfc9111.Selects(o.Vary, o.Variant, Languages(o, f.Strict()), f.Varying.Joined)
}

// Languages is the header by which a variant in one of several languages may be
// selected for a viewer that likes it best; CloudFront does not.
func Languages(o *cache.Object, strict bool) message.Header {
	if strict {
		return o.Header
	}
	return nil
}

// Strict reports whether answers are stored by RFC 9111 instead of CloudFront's rules.
func (f *Fetch) Strict() bool { return f.Plan.Caching == cdn.CachingRFC9111 }

// judged is an answer as rfc9111 judges it: asked for and received at times that the clock
// of the sandbox showed, but dated by the origin, which does not know of that.
func (f *Fetch) judged(status int, h message.Header, sent, received time.Time) rfc9111.Response {
	return rfc9111.Response{Status: status, Header: h, RequestTime: sent.Add(-f.Ahead), ResponseTime: received.Add(-f.Ahead)}
}

// policy is what rfc9111 goes by for an answer with that status.
func (f *Fetch) policy(status int) rfc9111.Policy { return Policy(f.Plan, f.Behavior, status) }

// Policy is what answers with a status are stored by under a behavior of a plan.
func Policy(p *cdn.Plan, b *cdn.Behavior, status int) rfc9111.Policy {
	return rfc9111.Policy{
		Strict: p.Caching == cdn.CachingRFC9111, Min: b.Cache.MinTTL, Default: b.Cache.DefaultTTL, Max: b.Cache.MaxTTL, ErrorMin: p.ErrorMinTTL(status),
	}
}
