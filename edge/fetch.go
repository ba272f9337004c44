package edge

import (
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/compression"
	"github.com/warmfront/warmfront/edge/message"
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
	// get is the key of what a GET stored, where a HEAD may say something of it.
	get string
}

// fetch makes the fetch of what the request asks for.
func (x *exchange) fetch() fetch {
	f := fetch{
		plan: x.Plan, behavior: x.Behavior, origin: x.Origin, planned: x.state.Version,
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
		f.get = strings.Clone(x.Key("GET"))
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

// launch begins a flight. Its birth is the version applied now, before the origin
// is asked: if an invalidation arrives while the answer is on its way, the answer
// is older than it, and is stored dead (C, L).
//
// But a birth is never newer than the plan by which the origin is asked. A flight
// may have waited for its turn, or its request for a processor, while the
// distribution was given another origin and then invalidated: what comes from the
// old origin is older than that invalidation.
func (e *Edge) launch(f *flight) {
	f.begun = e.stamp(f.plan, f.planned)
	e.fetches.Start(func() { e.fly(f) })
}

func (e *Edge) stamp(plan *cdn.Plan, planned cdn.Version) begun {
	b := begun{order: e.order.Add(1), birth: planned}
	state := e.cfg.State()
	if p := state.Plans[plan.ID]; p != nil && p.Version == plan.Version {
		b.birth = state.Version
	}
	return b
}

// fly asks the origin and settles what the flight brings; then it fills the body
// of what is shared while others read it.
func (e *Edge) fly(f *flight) {
	resp := e.ask(f)
	if f.queued {
		e.flights.Landed(f.key, f, e.launch)
	}
	close(f.done)
	if resp != nil {
		e.fillBody(f, resp)
	}
}

// fillBody brings in the body of what a flight brought.
func (e *Edge) fillBody(f *flight, resp *message.Response) {
	if f.fill != nil {
		e.fillSlices(f.object, f.fill, resp)
		return
	}
	e.fillWhole(f.object, resp)
}

// ask settles what a flight brings, and returns the response whose body is still
// to come into f.object, if there is one.
func (e *Edge) ask(f *flight) *message.Response {
	stored := e.standIn(&f.fetch)
	if stored != nil {
		f.others = stored.URIs
	}
	conditional := stored != nil && stored.Status == 200 && rfc9111.HasValidator(stored.Header)
	condition := func(h *message.Header) {
		if conditional {
			rfc9111.Conditional(h, stored.Header)
			if stored.OriginTag != "" {
				h.Set("If-None-Match", stored.OriginTag)
			}
		}
	}
	for {
		sent := e.cfg.Now()
		resp, header, err := e.forward(&f.fetch, f.passInterim, condition)
		received := e.cfg.Now()
		if err != nil {
			f.err = err
			e.unanswered(f, stored, received)
			return nil
		}
		f.status = resp.Status
		clean(resp, received)
		e.learn(f, resp, sent, received)
		switch {
		case resp.Status == 304 && conditional:
			resp.Close()
			if !rfc9111.Confirms(stored.Header, resp.Header) {
				conditional = false // it speaks of something else: asked for whole
				continue
			}
			e.confirm(f, stored, resp.Header, sent, received)
			return nil
		case rfc9111.Failure(resp.Status) && stored != nil && stored.Lifetime.OnError(false, stored.Received, received):
			f.keepPrivate(resp) // for who may not have the stale copy
			e.keepStale(f, stored, resp.Status, received)
			return nil
		}
		return e.take(f, stored, resp, header, sent, received)
	}
}

// standIn returns what is stored for a fetch and may answer it if the origin
// cannot: whole, and not invalidated. Where it has a validator the origin is asked
// whether it still holds.
func (e *Edge) standIn(f *fetch) *cache.Object {
	o := e.store.Get(f.key, f.selects)
	if o == nil || o.Failure != "" || o.Fragment {
		return nil
	}
	if o.Body != nil && (o.Body.Failed() || o.Length < 0 && !o.Body.Complete()) {
		return nil
	}
	state := e.cfg.State()
	inv := state.Invalidations(f.plan.ID)
	if newest := o.NewestInvalidation(state.Version, inv); o.Birth.Before(newest) && newest != inv.Floor() {
		return nil // invalidated: fetched whole
	}
	return o
}

// take settles a response of the origin that is neither a confirmation nor a
// failure that something stored stands in for.
func (e *Edge) take(f *flight, stored *cache.Object, resp *message.Response, sentHeader message.Header, sent, received time.Time) *message.Response {
	contentRange := resp.Header.Get("Content-Range")
	part, partial := takePart(f, resp)
	life := rfc9111.Judge(f.policy(resp.Status), rfc9111.Request{Method: f.request.Method, Header: sentHeader},
		rfc9111.Response{Status: resp.Status, Header: resp.Header, RequestTime: sent, ResponseTime: received})
	vary := rfc9111.VaryNames(resp.Header) // before compression, by which the key differs already
	originTag, compressed := "", false
	if !partial {
		if originTag, compressed = e.compress(f, resp, life.Store); compressed {
			part.Length, part.Size = 0, -1
		}
	}
	body := e.bodyFor(f, resp, part, partial)
	if !life.Store || body == nil && (hasBody(f, resp) || f.request.Method != "HEAD" && resp.Length > e.store.MaxObject()) {
		if partial {
			undoPart(resp, contentRange)
		}
		if stored != nil && resp.Status < 500 {
			e.store.Remove(stored) // the origin has something else now
		}
		e.lone.Add(f.key, received)
		f.keepPrivate(resp)
		return nil
	}
	e.lone.Remove(f.key)
	o := &cache.Object{
		Key: f.key, Vary: vary, Compressed: compressed, OriginTag: originTag, Status: resp.Status, Header: resp.Header, Length: part.Size,
		Birth: f.bornAt(), Order: f.order, Received: received, InitialAge: rfc9111.InitialAge(resp.Header, sent, received), Lifetime: life, URIs: f.uris,
	}
	o.Vary = slices.DeleteFunc(o.Vary, func(n string) bool { return n == "*" }) // kept only where a minimum TTL says so
	o.Variant = f.variant(o.Vary)
	f.object = o
	if body == nil {
		resp.Close()
		f.kept = e.store.Put(o)
		return nil
	}
	o.Body = body
	f.keepPlace(o, part.First)
	if body.Sliced() {
		o.Fragment = !o.Verifiable()
		f.part, f.partial, f.contentRange = part, partial, contentRange
		f.fill = body.Fill(part.First, part.First+part.Length)
	}
	f.kept = e.store.Put(o)
	return resp
}

// confirm settles a 304: the object's header is brought up to date, and its birth
// becomes the version at which the confirmation began (L).
func (e *Edge) confirm(f *flight, stored *cache.Object, header message.Header, sent, received time.Time) {
	updated := rfc9111.Update(stored.Header, header)
	if stored.Compressed {
		compression.Label(&updated, compression.Encoding(stored.Header.Get("Content-Encoding")))
	}
	life := rfc9111.Judge(f.policy(stored.Status), rfc9111.Request{Method: f.request.Method},
		rfc9111.Response{Status: stored.Status, Header: updated, RequestTime: sent, ResponseTime: received})
	o := &cache.Object{
		Key: stored.Key, Vary: stored.Vary, Variant: stored.Variant, Status: stored.Status, Header: updated,
		Compressed: stored.Compressed, OriginTag: stored.OriginTag,
		Body: stored.Body, Length: stored.Length, Fragment: stored.Fragment, Birth: f.bornAt(), Order: f.order, Received: received,
		InitialAge: rfc9111.InitialAge(updated, sent, received), Lifetime: life, URIs: bothURIs(stored.URIs, f.uris),
	}
	f.object, f.confirmed = o, true
	if life.Store {
		f.kept = e.store.Put(o)
	} else {
		e.store.Remove(stored)
	}
}

// maxURIs bounds how many URIs an object that answers for several collects.
const maxURIs = 8

func bothURIs(stored, asked []string) []string {
	for _, u := range asked {
		if len(stored) < maxURIs && !slices.Contains(stored, u) {
			stored = append(slices.Clip(stored), u)
		}
	}
	return stored
}

// unanswered settles a flight whose origin gave no answer: with what is stored,
// where its age allows that, else with the failure, which is kept as long as an
// error of the origin would be.
func (e *Edge) unanswered(f *flight, stored *cache.Object, now time.Time) {
	if stored != nil && stored.Lifetime.OnError(true, stored.Received, now) {
		e.keepStale(f, stored, 0, now)
		return
	}
	var told interface {
		error
		Status() int
		Sentence() string
	}
	if f.strict() || f.answer.Failed != "" || !errors.As(f.err, &told) { // a tier keeps its own
		return
	}
	if least := f.plan.ErrorMinTTL(told.Status()); least > 0 {
		f.object = &cache.Object{
			Key: f.key, Status: told.Status(), Failure: told.Sentence(), Birth: f.bornAt(), Order: f.order, Received: now,
			Lifetime: rfc9111.Lifetime{Store: true, Fresh: least, Source: rfc9111.SourceError}, URIs: f.uris,
		}
		f.kept = e.store.Put(f.object)
	}
}

// keepStale settles a flight with what is stored. CloudFront leaves the origin
// alone then for the ErrorCachingMinTTL: the object counts as fresh that long.
// Its birth stays what it was: nobody has confirmed it.
func (e *Edge) keepStale(f *flight, stored *cache.Object, status int, now time.Time) {
	f.object, f.stale, f.status = stored, true, status
	if f.strict() {
		return
	}
	if status == 0 {
		status = 504
	}
	life := stored.Lifetime
	life.Fresh = now.Sub(stored.Received) + f.plan.ErrorMinTTL(status)
	gained := life.Fresh - stored.Lifetime.Fresh
	for _, window := range []*time.Duration{&life.WhileRevalidate, &life.OnFailure, &life.Unreachable} {
		if *window != rfc9111.Forever {
			*window = max(0, *window-gained)
		}
	}
	f.object = &cache.Object{
		Key: stored.Key, Vary: stored.Vary, Variant: stored.Variant, Status: stored.Status, Header: stored.Header,
		Compressed: stored.Compressed, OriginTag: stored.OriginTag,
		Body: stored.Body, Length: stored.Length, Fragment: stored.Fragment, Birth: stored.Birth, Order: stored.Order, Received: stored.Received,
		InitialAge: stored.InitialAge, Lifetime: life, URIs: stored.URIs,
	}
	e.store.Put(f.object)
}

// resizeStep is how much a body of unknown size grows before it is counted again.
const resizeStep = 1 << 20

// fillWhole brings an object's body in. It goes on when no viewer is left: who asks
// next finds it. A body that turns out too large to store goes on only as long
// as somebody reads it.
func (e *Edge) fillWhole(o *cache.Object, resp *message.Response) {
	defer resp.Close()
	err := e.copyBody(o, resp.Body)
	o.Body.Finish(err)
	if err != nil {
		e.store.Remove(o)
		e.cfg.Logger.Debug("body broke off", "key", o.Key, "err", err)
		return
	}
	e.store.Resize(o)
}

func (e *Edge) copyBody(o *cache.Object, from io.Reader) error {
	var size, counted int64
	overflowed := false
	for o.Length < 0 || size < o.Length {
		buf, err := o.Body.Buffer(e.ctx)
		if err != nil {
			return err
		}
		n, err := from.Read(buf)
		o.Body.Commit(n)
		size += int64(n)
		switch {
		case errors.Is(err, io.EOF) && size < o.Length:
			return io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !overflowed && size > e.store.MaxObject():
			e.store.Remove(o)
			o.Body.Overflow(e.store.MaxObject())
			overflowed = true
		case size-counted >= resizeStep && o.Length < 0:
			e.store.Resize(o)
			counted = size
		}
	}
	return nil
}

// clean drops from an origin's answer what belongs to its connection, what the
// edge says itself, and gives it a Date if it has none (RFC 9110 section 6.6.1).
func clean(resp *message.Response, received time.Time) {
	resp.Header.DropHopByHop()
	resp.Header.Del("Content-Length") // resp.Length says it
	resp.Header.Filter(func(f message.Field) bool { return !ownField(f.Name) })
	if !resp.Header.Has("Date") {
		resp.Header.Add("Date", rfc9111.FormatDate(received))
	}
}
