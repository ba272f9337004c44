package edge

import (
	"errors"
	"slices"
	"time"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/compression"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

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
		f.Answered(conditional && resp.Status == 304, e.cfg.State().Version)
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
	body := e.bodyFor(f, resp, part, partial, compressed)
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
		Birth: f.bornAt(), Order: f.Order, Received: received, InitialAge: rfc9111.InitialAge(resp.Header, sent, received), Lifetime: life, URIs: f.uris,
		Tags: f.tags(resp.Header),
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
	o := renewed(stored, updated, life)
	o.Birth, o.Order, o.Recorded, o.Received, o.InitialAge = f.bornAt(), f.Order, 0, received, rfc9111.InitialAge(updated, sent, received)
	o.URIs, o.Tags = bothURIs(stored.URIs, f.uris), f.tagsNow(o)
	f.object, f.confirmed = o, true
	if life.Store {
		e.retag(stored, o)
		f.kept = e.store.Put(o)
	} else {
		e.store.Remove(stored)
	}
}

// renewed is what is stored, of which header and lifetime are told anew.
func renewed(o *cache.Object, header message.Header, life rfc9111.Lifetime) *cache.Object {
	return &cache.Object{
		Key: o.Key, Vary: o.Vary, Variant: o.Variant, Status: o.Status, Header: header, Compressed: o.Compressed, OriginTag: o.OriginTag,
		Body: o.Body, Length: o.Length, Fragment: o.Fragment, Birth: o.Birth, Order: o.Order, Received: o.Received,
		Recorded: o.Recorded, InitialAge: o.InitialAge, Lifetime: life, URIs: o.URIs, Tags: o.Tags,
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
	var passing interface{ Passing() bool }
	if errors.As(f.err, &passing) && passing.Passing() || f.strict() || f.answer.Failed != "" || !errors.As(f.err, &told) { // a tier keeps its own
		return
	}
	if least := f.plan.ErrorMinTTL(told.Status()); least > 0 {
		f.object = &cache.Object{
			Key: f.key, Status: told.Status(), Failure: told.Sentence(), Birth: f.bornAt(), Order: f.Order, Received: now,
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
	f.object = renewed(stored, stored.Header, life)
	e.store.Put(f.object)
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

// learn brings what a GET stored up to date by what the origin answers to a HEAD,
// or drops it (RFC 9111 section 4.3.5); CloudFront does neither. The object's birth
// stays what it was: the origin has confirmed no byte of it.
func (e *Edge) learn(f *flight, resp *message.Response, sent, received time.Time) {
	if f.stored == "" {
		return
	}
	o := e.store.Get(f.stored, f.selects)
	if o == nil || o.Failure != "" || o.Status != 200 {
		return
	}
	head, length := resp.Header, resp.Length
	if o.Compressed { // as would be the answer to a GET
		head, length = head.Clone(2), -1
		compression.Label(&head, compression.Encoding(o.Header.Get("Content-Encoding")))
	}
	switch rfc9111.Head(o.Header, size(o), resp.Status, head, length) {
	case rfc9111.HeadOutdates:
		e.store.Remove(o)
	case rfc9111.HeadUpdates:
		header := rfc9111.Update(o.Header, head)
		life := rfc9111.Judge(f.policy(200), rfc9111.Request{Method: "GET", Header: f.request.Header},
			rfc9111.Response{Status: 200, Header: header, RequestTime: sent, ResponseTime: received})
		if !life.Store {
			return
		}
		updated := renewed(o, header, life)
		updated.Tags = f.tagsNow(updated)
		updated.Received, updated.InitialAge = received, rfc9111.InitialAge(header, sent, received)
		e.retag(o, updated)
		e.store.Put(updated)
	}
}
