package edge

import (
	"context"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/explain"
	"github.com/warmfront/warmfront/edge/identity"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/policy"
	"github.com/warmfront/warmfront/edge/private"
	"github.com/warmfront/warmfront/edge/reroute"
	"github.com/warmfront/warmfront/edge/result"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/edge/tier"
)

// exchange is one request on its way through the edge. An adapter has one for each
// connection or stream and uses it for one request after the other, so that a hit
// allocates nothing. What routing finds is set once, before anything else reads
// it; only done changes afterwards, and only by the request's own goroutine.
type exchange struct {
	edge *Edge
	// View is the request as the settings found for it see it; its Plan and Behavior
	// are nil until then.
	policy.View
	asked *message.Request // as the adapter gave it
	// explains is what is to be explained, see edge/explain, and explained what was.
	explains  string
	explained *explain.Explanation
	id        string // X-Amz-Cf-Id
	// state is the one the request sees to its end; start, arrived, leased and
	// it were read after the request was, the state after the lease.
	state   *cdn.State
	start   time.Time
	arrived uint64
	// ahead is how far start is ahead of the real time, in a sandbox whose clock was moved.
	ahead time.Duration
	// leased says whether the node may serve what it has stored, once the plan is known.
	leased, entitled bool
	doubt            cache.Doubt // read after the lease

	uris []string
	key  string
	// level is at which an edge has asked; tier.Viewer for viewers.
	level tier.Level
	// handedOn is set where an edge asks that the request be handed to the origin.
	handedOn bool
	// rerouted is what tiers are told of where a function sends the request, "" if nowhere.
	rerouted string
	// nextOnly is set once a shared fetch was of no use.
	nextOnly bool
	// inner is set on the request for a custom error page.
	inner bool
	ready ready
	// signature is that of a request for private content.
	signature private.Signature
	staged    staged
	// span is that of the request, nil where it is not traced.
	span *span.Span

	done result.Outcome

	// What answers are made in, used again for the next request.
	answer message.Response
	fields message.Header
	text   message.Text
	reader cache.Reader
	// selecting is x.selects, made once.
	selecting func(*cache.Object) bool
	// serving is the object whose body is being read.
	serving *cache.Object
	mapped  message.Request
	// sending is the answer, and line what the access log is told of it.
	sending *message.Response
	line    accesslog.Record
	ranges  []rfc9111.Range
	ids     identity.Requests
}

// newExchange makes an exchange for a connection or a stream.
func (e *Edge) newExchange() *exchange {
	x := &exchange{edge: e, ids: identity.NewRequests()}
	x.Locate, x.Text, x.selecting = e.cfg.Locate, &x.text, x.selects
	return x
}

// Handle answers a viewer's request. The answer, and all that the request refers
// to, are used until Delivered is called; the caller closes the answer's body
// before that, and reads it while ctx lasts.
func (x *exchange) Handle(ctx context.Context, req *message.Request) *message.Response {
	if resp := x.respondReady(ctx, req); resp != nil {
		return resp
	}
	x.receive(req)
	if x.edge.cfg.Tracer != nil {
		ctx = x.trace(ctx)
	}
	if resp := x.health(); resp != nil {
		return resp
	}
	if resp := x.onlyExplained(ctx); resp != nil {
		return resp
	}
	resp := x.respond(ctx)
	if page := x.customError(ctx, resp.Status); page != nil {
		resp.Close()
		resp = page
	}
	x.finish(resp)
	return resp
}

// receive begins the exchange for a request that has been read.
func (x *exchange) receive(req *message.Request) {
	x.reset()
	x.asked, x.Request = req, x.mapHost(req)
	x.explains, x.explained = x.askedToExplain(), nil
	x.id = x.ids.Next()
	x.start, x.arrived = x.edge.cfg.Now(), x.edge.fetcher.Arrive()
	// The lease first, then the state, never the other way round. A lease that is
	// valid now means that everything Completed before now is in any state read
	// from here on. Were the state read first, a fenced node could catch up and
	// get its lease back in between, and the request would serve by the old state
	// what a Completed invalidation, which only the new one holds, forbids.
	//
	// The lease goes by the real clock: a sandbox that moves its time moves
	// freshness with it, and never a lease.
	now := req.Received
	if now.IsZero() {
		now = time.Now()
	}
	x.leased, x.entitled = x.edge.cfg.Lease.Valid(now), x.edge.cfg.entitled()
	x.state, x.doubt = x.edge.state(), x.edge.store.Doubt()
	if x.ahead = 0; x.edge.cfg.Sandbox && x.state != nil {
		x.ahead = x.state.Clock().Ahead
		x.start = x.start.Add(x.ahead)
	}
}

// real is when the request was received by the clock that viewers and origins have.
func (x *exchange) real() time.Time { return x.start.Add(-x.ahead) }

// reset forgets the request before.
func (x *exchange) reset() {
	x.Request, x.Plan, x.Behavior, x.Origin = nil, nil, nil, nil
	x.Path, x.Query, x.Encoding, x.Bound, x.key = "", "", "", "", ""
	x.Target, x.rerouted = reroute.Target{}, ""
	x.signature = private.Signature{}
	x.staged.primary = nil
	x.nextOnly, x.inner, x.ready, x.Relayed = false, false, ready{}, false
	x.Second, x.handedOn = false, false
	x.done = result.Outcome{Type: result.Miss}
	x.uris = x.uris[:0]
	x.fields = x.fields[:0]
	x.text.Reset()
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
	f := x.refused()
	if x.explains != "" {
		x.explained = x.explain(f)
	}
	if f != nil {
		return x.errorPage(*f)
	}
	if x.mustRedirect() {
		return x.redirect()
	}
	if resp := x.elsewhere(); resp != nil {
		return resp
	}
	if !x.Behavior.HasViewerEvents() {
		return x.serve(ctx)
	}
	return x.serveByFunctions(ctx)
}

// facts returns what the request knows, given that newest is the newest
// invalidation that concerns it.
func (x *exchange) facts(newest cdn.Version) reuse.Facts {
	f := reuse.Facts{
		Now: x.start, Arrived: x.arrived, Leased: x.leased,
		Applied: x.state.Version, Newest: newest, Floor: x.state.Invalidations(x.Plan.ID).Floor(),
		Planned: x.Plan.Version, URIs: x.uris, Doubt: x.doubt, SetBack: x.state.Clock().SetBack,
	}
	if x.Strict() {
		f.Asked = rfc9111.Asked{Directives: rfc9111.CacheControl(x.Request.Header)}
	}
	return f
}

// newestInvalidation is the newest that matches what the request asks for.
func (x *exchange) newestInvalidation() cdn.Version {
	return reuse.Newest(x.state.Invalidations(x.Plan.ID), x.uris)
}
