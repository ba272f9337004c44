package edge

import (
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/edge/tier"
)

// fetch is what a flight asks an origin for, made when the flight is, and all
// that is needed to store the answer. It shares nothing with the viewer's
// request, which may be gone when the answer comes.
type fetch struct {
	plan     *cdn.Plan
	behavior *cdn.Behavior
	origin   *cdn.Origin
	// planned is the version of the state that the plan was taken from.
	planned cdn.Version
	key     string
	uris    []string
	request *message.Request // finished, but for its signature
	// varying are the fields by which an answer may vary.
	varying message.Header
	// encoding is Accept-Encoding as the cache policy normalises it.
	encoding string
	// ranged is set where only a part is asked for, fenced where the node had no
	// lease for the request.
	ranged, fenced bool
	// tiers are asked before the origin, with upward; answer is what the one said
	// that answered.
	tiers  []tier.Tier
	upward *message.Request
	answer tier.Answer
	id     string // X-Amz-Cf-Id
	// others are URIs for which what is confirmed was stored.
	others []string
	// stored is the key of what a GET stored, where a HEAD may say something of it.
	stored string
	// arrived is the place in the order of the request that it was made for.
	arrived uint64
}

// fetch makes the fetch of what the request asks for.
func (x *exchange) fetch() fetch {
	f := fetch{
		plan: x.Plan, behavior: x.Behavior, origin: x.Origin, planned: x.state.Version, arrived: x.arrived,
		key: strings.Clone(x.key), request: x.OriginRequest(x.asking(false)), encoding: x.Encoding,
	}
	for _, u := range x.uris {
		f.uris = append(f.uris, strings.Clone(u))
	}
	add := func(name string) {
		if value := x.Field(name); value != "" && !f.varying.Has(name) {
			f.varying.Add(name, value)
		}
	}
	for _, name := range [...]string{"Accept-Encoding", "User-Agent", "Cookie", "Host"} {
		add(name)
	}
	for _, name := range x.Behavior.Cache.Headers.Names {
		add(name)
	}
	for i := range x.Request.Header {
		add(x.Request.Header[i].Name)
	}
	f.varying = f.varying.Detached()
	if x.Strict() && x.Request.Method == "HEAD" {
		f.stored = strings.Clone(x.Key("GET"))
	}
	if f.tiers, f.fenced = x.above(), !x.leased; len(f.tiers) > 0 {
		f.upward, f.id = x.TierRequest(), strings.Clone(x.id)
	}
	if value, ok := x.partAsked(); ok {
		f.ranged = true
		f.request.Header.Set("Range", value)
	}
	return f
}

// get makes the fetch one of the object itself.
func (f *fetch) get() {
	f.request.Method = "GET"
	if f.upward != nil {
		f.upward.Method = "GET"
	}
}

// variant is View.Variant of the request that the fetch was made for.
func (f *fetch) variant(vary []string) string { return rfc9111.Variant(vary, f.varying.Joined) }

// selects is exchange.selects of that request.
func (f *fetch) selects(o *cache.Object) bool {
	return len(o.Vary) == 0 || rfc9111.Selects(o.Vary, o.Variant, languages(o, f.strict()), f.varying.Joined)
}

func (f *fetch) strict() bool { return f.plan.Caching == cdn.CachingRFC9111 }

// policy is what rfc9111 goes by for an answer with that status.
func (f *fetch) policy(status int) rfc9111.Policy {
	c := &f.behavior.Cache
	return rfc9111.Policy{Strict: f.strict(), Min: c.MinTTL, Default: c.DefaultTTL, Max: c.MaxTTL, ErrorMin: f.plan.ErrorMinTTL(status)}
}

// launch begins a flight.
func (e *Edge) launch(f *flight) {
	f.Begun = e.begin(f.arrived, f.plan, f.planned)
	e.fetches.Start(func() { e.fly(f) }, func(err error) { e.crash(f, err) })
}

// begin stamps what begins to be fetched for a request.
func (e *Edge) begin(arrived uint64, plan *cdn.Plan, planned cdn.Version) reuse.Begun {
	b := reuse.Begin(e.order.Add(1), plan, planned, e.cfg.State())
	if e.store.Doubt().OfOrder(arrived) { // read after the order was given: see Joined
		b.Birth = cdn.Version{} // the plan is of a journal that is no more, as is its version
	}
	return b
}

// fly asks the origin and settles what the flight brings; then it fills the body
// of what is shared while others read it.
func (e *Edge) fly(f *flight) {
	resp := e.ask(f)
	e.land(f)
	if resp != nil {
		e.fillBody(f, resp)
	}
}

// land has all know what the flight brings.
func (e *Edge) land(f *flight) {
	if f.queued {
		e.flights.Landed(f.key, f, e.launch)
	}
	close(f.done)
}

// crash ends a flight that panicked: with an error for all who wait, or for all who
// read what it was bringing.
func (e *Edge) crash(f *flight, err error) {
	if !f.confirmed && !f.stale {
		e.breakOff(f, err)
	}
	select {
	case <-f.done:
	default:
		f.object, f.stale, f.err = nil, false, err
		e.land(f)
	}
}
