package edge

import (
	"context"
	"errors"
	"slices"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/fetch"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/result"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// serve answers a request that passed all checks: from the cache, by a fetch
// that others share, or by handing it to the origin.
func (x *exchange) serve(ctx context.Context) *message.Response {
	if !x.Cacheable() {
		x.done.Forward = "bypass"
		if !x.Behavior.Caches(x.Request.Method) {
			x.done.Forward = "method"
		}
		return x.pass(ctx)
	}
	if x.Request.Method == "HEAD" {
		// What a GET stored answers a HEAD; if it does not, the HEAD is an object
		// of its own.
		head := x.key
		x.key = x.Key("GET")
		if o, act, _ := x.lookup(); act == reuse.Serve {
			return x.hit(ctx, o)
		}
		x.key = head
	}
	for range maxRounds {
		o, act, why := x.lookup()
		switch act {
		case reuse.Serve, reuse.Refresh:
			if act == reuse.Refresh {
				x.refresh()
			}
			if resp := x.hit(ctx, o); resp != nil {
				return resp
			}
		}
		x.done.Detail = why
		if x.facts(x.newestInvalidation()).Asked.Directives.OnlyIfCached {
			return x.errorPage(fault{504, "Nothing that is stored answers the request, and it may not be forwarded (only-if-cached)."})
		}
		x.done.Forward = forwardReason(o, act)
		if !x.Collapses() || x.edge.fetcher.Alone(x.key, x.real()) {
			break
		}
		if resp := x.share(ctx); resp != nil {
			return resp
		}
	}
	return x.alone(ctx)
}

// maxRounds is how often a request that shared a fetch in vain tries again before
// it makes one of its own: what comes may be older than the request in the first
// round, and of another variant in any.
const maxRounds = 4

func forwardReason(o *cache.Object, act reuse.Action) string {
	switch {
	case o == nil:
		return "uri-miss"
	case act == reuse.Confirm || act == reuse.Fetch:
		return "stale"
	}
	return "miss"
}

// lookup returns what is stored for the request, and what to do. What will never be
// served again it drops.
func (x *exchange) lookup() (*cache.Object, reuse.Action, string) {
	o := x.edge.store.Get(x.key, x.selecting)
	act, why := x.judge(o)
	switch {
	case o == nil:
	case act == reuse.Fetch:
		x.edge.store.Remove(o)
		if why == incomplete {
			return nil, reuse.Fetch, why
		}
	case x.lacks(o):
		return nil, reuse.Fetch, ""
	}
	return o, act, why
}

// incomplete is why what is stored is of no use whose body broke off.
const incomplete = "incomplete"

// recall says what to do by what is in memory alone: it waits for no disk.
func (x *exchange) recall() (*cache.Object, reuse.Action) {
	o := x.edge.store.Memory.Get(x.key, x.selecting)
	act, _ := x.judge(o)
	if act != reuse.Fetch && x.lacks(o) {
		return nil, reuse.Fetch
	}
	return o, act
}

// judge says what to do with a request for which o is stored, and why.
func (x *exchange) judge(o *cache.Object) (reuse.Action, string) {
	if o == nil {
		return reuse.Fetch, ""
	}
	if o.Body != nil && o.Body.Failed() {
		return reuse.Fetch, incomplete
	}
	return reuse.Decide(o, x.facts(x.newest(o)))
}

// newest is the newest invalidation of what is stored, or of what is asked for.
func (x *exchange) newest(o *cache.Object) cdn.Version {
	newest := o.NewestInvalidation(x.state.Version, x.state.Invalidations(x.Plan.ID))
	if !slices.Equal(x.uris, o.URIs) {
		newest = newest.Max(x.newestInvalidation())
	}
	return newest
}

// selects reports whether o is the variant for this request.
func (x *exchange) selects(o *cache.Object) bool {
	return len(o.Vary) == 0 || rfc9111.Selects(o.Vary, o.Variant, fetch.Languages(o, x.Strict()), x.Field)
}

// refresh has an object confirmed while it is served stale.
func (x *exchange) refresh() {
	x.done.Detail = "stale-while-revalidate"
	f, first := x.join(func(reuse.Begun) bool { return true }, x.renewed)
	if first {
		f.Abandon()
	}
}

// join returns a flight for what the request asks for that accept takes, and
// whether it was made for it; nil if what is wanted has been stored meanwhile.
func (x *exchange) join(accept func(reuse.Begun) bool, stored func() bool) (*fetch.Flight, bool) {
	suits := func(f *fetch.Flight) bool { return f.Rises(x.level) && accept(f.Begun) }
	return x.edge.fetcher.Join(x.key, suits, stored, x.newFlight)
}

// renewed reports whether what was stale is fresh by now.
func (x *exchange) renewed() bool {
	_, act := x.recall()
	return act == reuse.Serve
}

// arrivedMeanwhile reports whether what the request lacks has been stored since
// it looked.
func (x *exchange) arrivedMeanwhile() bool {
	_, act := x.recall()
	return act == reuse.Serve || act == reuse.Refresh
}

// share waits for a flight and answers with what it brings; nil if that is of no
// use to this request.
func (x *exchange) share(ctx context.Context) *message.Response {
	known := x.facts(x.newestInvalidation())
	accept := func(b reuse.Begun) bool { return reuse.MayJoin(b, known) && (b.Order > x.arrived || !x.nextOnly) }
	f, first := x.join(accept, x.arrivedMeanwhile)
	if f == nil {
		return nil
	}
	if first {
		defer f.Abandon()
	}
	if err := f.Wait(ctx); err != nil {
		return x.gone()
	}
	x.done.Collapsed = !first
	resp := x.brought(ctx, f, first, known)
	if resp == nil {
		// Now only a fetch that begins after the request arrived will do: its
		// answer is the request's own, whatever its lifetime.
		x.nextOnly = true
		x.done.Collapsed = false
	}
	return resp
}

// brought answers with what a flight brought, nil if the request cannot use it.
func (x *exchange) brought(ctx context.Context, f *fetch.Flight, first bool, known reuse.Facts) *message.Response {
	known = x.about(f.Object, known)
	x.done.Failover = f.FailedOver
	if first {
		x.done.Timing = f.Timing
	}
	switch {
	case f.Stale && reuse.MayServeStale(f.Object, known):
		x.done.Detail = "stale-if-error"
		x.done.Status = f.Status
		return x.hit(ctx, f.Object)
	case f.Err != nil && (f.Object == nil || f.Stale):
		return x.failed(f.Err)
	case f.Stale && first:
		return x.private(ctx, f)
	case f.Stale:
		return x.errorPage(fault{f.Status, "The origin answered with an error, and what is stored may not be served in its place."})
	case f.Object != nil:
		if !first && !(x.selects(f.Object) && reuse.MayUse(f.Object, known)) || !first && x.lacks(f.Object) {
			return nil
		}
		if f.Err != nil {
			x.done.ErrorType = result.DetailOfOrigin(f.Err)
		}
		resp := x.fetched(ctx, f, first)
		x.noteEvent(f.Err)
		return resp
	case first:
		return x.private(ctx, f)
	}
	return nil
}

// alone fetches for this request and nobody else.
func (x *exchange) alone(ctx context.Context) *message.Response {
	x.done.Collapsed = false
	f := x.newFlight()
	x.edge.fetcher.Launch(f)
	defer f.Abandon()
	if err := f.Wait(ctx); err != nil {
		return x.gone()
	}
	known := x.facts(x.newestInvalidation())
	if resp := x.brought(ctx, f, true, known); resp != nil {
		return resp
	}
	return x.pass(ctx) // what came was evicted before it could be read
}

// private answers with a response that is for this request alone. A range of it
// is asked for anew: it may be far into something too large to store.
func (x *exchange) private(ctx context.Context, f *fetch.Flight) *message.Response {
	x.done.Status, x.done.Birth, x.done.From = f.Status, f.BornAt(), nil
	resp := f.Take()
	own := f.Ranged && x.Strict() // asked for by the viewer's own range
	if !own && (f.Ranged && resp.Status == 206 || x.Request.Header.Has("Range") && resp.Status == 200) {
		resp.Close()
		return x.pass(ctx)
	}
	return x.stream(resp)
}

// gone is the answer for a viewer that has left.
func (x *exchange) gone() *message.Response {
	x.done.ErrorType = accesslog.ClientHungUpRequest
	return x.errorPage(fault{499, "The viewer closed the connection."})
}

// failed says that the origin gave no answer. Without a lease it is a 504 always:
// what may be stored here would have needed the origin's word.
func (x *exchange) failed(err error) *message.Response {
	f := fault{502, "The origin could not be asked."}
	var told interface {
		error
		Status() int
		Sentence() string
	}
	if errors.As(err, &told) {
		f = fault{told.Status(), told.Sentence()}
	}
	if !x.leased {
		f.status = 504
	}
	x.done.ErrorType = result.DetailOfOrigin(err)
	x.edge.cfg.Logger.Debug("origin failed", "id", x.id, "distribution", x.Plan.ID, "origin", x.Origin.ID, "err", err)
	resp := x.errorPage(f)
	x.noteEvent(err)
	return resp
}

// noteEvent has the answer be counted as what a function brought about, if one failed: at
// this node, or at a tier that was asked.
func (x *exchange) noteEvent(err error) {
	var function interface{ Result() string }
	if errors.As(err, &function) && function.Result() != "" {
		x.done.Type = result.OfEvent(event.Result(function.Result()))
	}
}
