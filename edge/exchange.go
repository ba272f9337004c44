package edge

import (
	"context"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// exchange is one request on its way through the edge. What routing finds is set
// once, before anything else reads it; only done changes afterwards, and only by
// the request's own goroutine.
type exchange struct {
	edge *Edge
	req  *message.Request
	id   string // X-Amz-Cf-Id
	// state is the one the request sees to its end; start, arrived, leased and
	// it were read after the request was, the state after the lease.
	state   *cdn.State
	start   time.Time
	arrived uint64
	leased  bool

	plan     *cdn.Plan
	behavior *cdn.Behavior
	origin   *cdn.Origin
	path     string // what is asked for: the viewer's, or the default root object
	query    string // as far as the cache policy selects it
	encoding string // Accept-Encoding, normalised as the cache policy allows
	uris     []string
	key      string
	// nextOnly is set once a shared fetch was of no use.
	nextOnly bool
	// inner is set on the request for a custom error page.
	inner bool

	done record
}

// record is what was done with a request: it becomes headers, metrics and a log
// line.
type record struct {
	result result
	hit    bool
	// forward says why the origin was asked, in RFC 9211's words, and status what
	// it answered.
	forward   string
	status    int
	stored    bool
	collapsed bool
	ttl       time.Duration
	detail    string
	// health is set on the routers' own questions, which count for nothing.
	health bool
}

// result is CloudFront's result type, as X-Cache gives it.
type result string

const (
	resultHit        result = "Hit"
	resultMiss       result = "Miss"
	resultRefreshHit result = "RefreshHit"
	resultError      result = "Error"
	resultRedirect   result = "Redirect"
)

// Handle answers a viewer's request. The caller closes the answer's body; it is
// read while ctx lasts.
func (e *Edge) Handle(ctx context.Context, req *message.Request) *message.Response {
	resp, _ := e.handle(ctx, req)
	return resp
}

func (e *Edge) handle(ctx context.Context, req *message.Request) (*message.Response, *exchange) {
	x := e.receive(req)
	if resp := x.health(); resp != nil {
		return resp, x
	}
	resp := x.respond(ctx)
	if page := x.customError(ctx, resp.Status); page != nil {
		resp.Close()
		resp = page
	}
	x.finish(resp)
	return resp, x
}

// receive begins the exchange for a request that has been read.
func (e *Edge) receive(req *message.Request) *exchange {
	x := &exchange{
		edge: e, req: e.mapHost(req), id: newRequestID(),
		start: e.cfg.Now(), arrived: e.order.Add(1),
		done: record{result: resultMiss},
	}
	// The lease first, then the state, never the other way round. A lease that is
	// valid now means that everything Completed before now is in any state read
	// from here on. Were the state read first, a fenced node could catch up and
	// get its lease back in between, and the request would serve by the old state
	// what a Completed invalidation, which only the new one holds, forbids.
	//
	// The lease goes by the real clock: a sandbox that moves its time moves
	// freshness with it, and never a lease.
	x.leased = e.cfg.Lease.Valid(time.Now())
	x.state = e.state()
	return x
}

// state is the newest state applied, nil before the first: an empty one says
// nothing about what the network serves, and must not be mistaken for it.
func (e *Edge) state() *cdn.State {
	if s := e.cfg.State(); s != nil && !s.Version.IsZero() {
		return s
	}
	return nil
}

// respond makes the answer, before custom error pages and the headers that every
// answer gets.
func (x *exchange) respond(ctx context.Context) *message.Response {
	for _, check := range [...]func() *fault{x.checkLimits, x.route, x.checkViewer} {
		if f := check(); f != nil {
			return x.errorPage(*f)
		}
	}
	if x.mustRedirect() {
		return x.redirect()
	}
	return x.serve(ctx)
}

// facts returns what the request knows, given that newest is the newest
// invalidation that concerns it.
func (x *exchange) facts(newest cdn.Version) facts {
	f := facts{
		now: x.start, arrived: x.arrived, leased: x.leased,
		applied: x.state.Version, newest: newest, floor: x.state.Invalidations(x.plan.ID).Floor(),
		planned: x.plan.Version,
	}
	if x.strict() {
		f.asked = rfc9111.Asked{Directives: rfc9111.CacheControl(x.req.Header)}
	}
	return f
}

// strict reports whether the distribution caches by RFC 9111 alone.
func (x *exchange) strict() bool { return x.plan.Caching == cdn.CachingRFC9111 }

// newestInvalidation is the newest that matches what the request asks for.
func (x *exchange) newestInvalidation() cdn.Version {
	inv := x.state.Invalidations(x.plan.ID)
	newest := inv.Floor()
	for _, uri := range x.uris {
		newest = newest.Max(inv.Newest(uri))
	}
	return newest
}
