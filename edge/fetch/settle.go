package fetch

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/compression"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/edge/tier"
)

// ask settles what a flight brings, and returns the response whose body is still
// to come into f.Object, if there is one.
func (ft *Fetcher) ask(f *Flight) *message.Response {
	stored := ft.standIn(&f.Fetch)
	if stored != nil {
		f.others = stored.URIs
	}
	conditional := stored != nil && stored.Status == 200 && f.validated(stored)
	condition := func(h *message.Header) {
		if conditional {
			f.conditional(h, stored)
		}
	}
	for {
		asked := ft.Now()
		resp, header, err := ft.forward(&f.Fetch, f.passInterim, condition)
		f.Ahead = ft.Ahead()
		sent, received := asked.Add(f.Ahead), ft.Now().Add(f.Ahead)
		if err != nil {
			f.Err = err
			ft.unanswered(f, stored, received)
			return nil
		}
		f.Status = resp.Status
		f.Answered(conditional && resp.Status == 304, ft.State().Version)
		Clean(resp, received.Add(-f.Ahead))
		ft.learn(f, resp, sent, received)
		switch {
		case resp.Status == 304 && conditional:
			resp.Close()
			if !rfc9111.Confirms(stored.Header, resp.Header) {
				conditional = false // it speaks of something else: asked for whole
				continue
			}
			ft.confirm(f, stored, resp.Header, sent, received)
			return nil
		case rfc9111.Failure(resp.Status) && stored != nil && stored.Lifetime.OnError(false, stored.Received, received):
			f.keepPrivate(resp) // for who may not have the stale copy
			ft.keepStale(f, stored, resp.Status, received)
			return nil
		}
		return ft.take(f, stored, resp, header, sent, received)
	}
}

// standIn returns what is stored for a fetch and may answer it if the origin
// cannot: whole, and not invalidated. Where it has a validator the origin is asked
// whether it still holds.
func (ft *Fetcher) standIn(f *Fetch) *cache.Object {
	o := ft.Store.Get(f.Key, f.selects)
	if o == nil || o.Failure != "" || o.Fragment {
		return nil
	}
	if o.Body != nil && (o.Body.Failed() || o.Length < 0 && !o.Body.Complete()) {
		return nil
	}
	state := ft.State()
	inv := state.Invalidations(f.Plan.ID)
	if newest := o.NewestInvalidation(state.Version, inv); o.Birth.Before(newest) && newest != inv.Floor() {
		return nil // invalidated: fetched whole
	}
	return o
}

// take settles a response of the origin that is neither a confirmation nor a
// failure that something stored stands in for.
func (ft *Fetcher) take(f *Flight, stored *cache.Object, resp *message.Response,
	sentHeader message.Header, sent, received time.Time,
) *message.Response {
	contentRange := resp.Header.Get("Content-Range")
	part, partial := takePart(f, resp)
	life := rfc9111.Judge(f.policy(resp.Status), rfc9111.Request{Method: f.Request.Method, Header: sentHeader},
		f.judged(resp.Status, resp.Header, sent, received))
	vary := rfc9111.VaryNames(resp.Header) // before compression, by which the key differs already
	originTag, compressed := "", false
	if !partial {
		if originTag, compressed = ft.compress(f, resp, life.Store); compressed {
			part.Length, part.Size = 0, -1
		}
	}
	body := ft.bodyFor(f, resp, part, partial, compressed)
	if !life.Store || body == nil && (hasBody(f, resp) || f.Request.Method != "HEAD" && resp.Length > ft.Store.MaxObject()) {
		if partial {
			undoPart(resp, contentRange)
		}
		if stored != nil && resp.Status < 500 {
			ft.Store.Remove(stored) // the origin has something else now
		}
		ft.lone.Add(f.Key, received.Add(-f.Ahead))
		f.keepPrivate(resp)
		return nil
	}
	ft.lone.Remove(f.Key)
	o := &cache.Object{
		Key: f.Key, Vary: vary, Compressed: compressed, OriginTag: originTag, Status: resp.Status, Header: resp.Header, Length: part.Size,
		Birth: f.BornAt(), Order: f.Order, Received: received, InitialAge: f.judged(resp.Status, resp.Header, sent, received).InitialAge(), Ahead: f.Ahead, Lifetime: life, URIs: f.URIs,
		Tags: f.tags(resp.Header),
	}
	o.Vary = slices.DeleteFunc(o.Vary, func(n string) bool { return n == "*" }) // kept only where a minimum TTL says so
	o.Variant = f.variant(o.Vary)
	f.Object = o
	if body == nil {
		resp.Close()
		f.Kept = ft.Store.Put(o)
		return nil
	}
	o.Body = body
	f.keepPlace(o, part.First)
	if body.Sliced() {
		o.Fragment = !o.Verifiable() || f.strongValidator(o.Header) == ""
		f.Part, f.Partial, f.ContentRange = part, partial, contentRange
		f.fill = body.Fill(part.First, part.First+part.Length)
	}
	f.Kept = ft.Store.Put(o)
	return resp
}

// confirm settles a 304: the object's header is brought up to date, and its birth
// becomes the version at which the confirmation began (L).
func (ft *Fetcher) confirm(f *Flight, stored *cache.Object, header message.Header, sent, received time.Time) {
	updated := rfc9111.Update(stored.Header, header)
	if stored.Compressed {
		compression.Label(&updated, compression.Encoding(stored.Header.Get("Content-Encoding")))
	}
	life := rfc9111.Judge(f.policy(stored.Status), rfc9111.Request{Method: f.Request.Method},
		f.judged(stored.Status, updated, sent, received))
	o := renewed(stored, updated, life)
	o.Birth, o.Order, o.Recorded, o.Received, o.Ahead = f.BornAt(), f.Order, 0, received, f.Ahead
	o.InitialAge = f.judged(stored.Status, updated, sent, received).InitialAge()
	o.URIs, o.Tags = bothURIs(stored.URIs, f.URIs), f.tagsNow(o)
	f.Object, f.Confirmed = o, true
	if life.Store {
		ft.retag(stored, o)
		f.Kept = ft.Store.Put(o)
	} else {
		ft.Store.Remove(stored)
	}
}

// renewed is what is stored, of which header and lifetime are told anew.
func renewed(o *cache.Object, header message.Header, life rfc9111.Lifetime) *cache.Object {
	return &cache.Object{
		Key: o.Key, Vary: o.Vary, Variant: o.Variant, Status: o.Status, Header: header, Compressed: o.Compressed, OriginTag: o.OriginTag,
		Body: o.Body, Length: o.Length, Fragment: o.Fragment, Birth: o.Birth, Order: o.Order, Received: o.Received,
		Recorded: o.Recorded, InitialAge: o.InitialAge, Ahead: o.Ahead, Lifetime: life, URIs: o.URIs, Tags: o.Tags,
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
func (ft *Fetcher) unanswered(f *Flight, stored *cache.Object, now time.Time) {
	if stored != nil && stored.Lifetime.OnError(true, stored.Received, now) {
		ft.keepStale(f, stored, 0, now)
		return
	}
	var told interface {
		error
		Status() int
		Sentence() string
	}
	var passing interface{ Passing() bool }
	if errors.As(f.Err, &passing) && passing.Passing() || f.Strict() || f.answer.Failed != "" || !errors.As(f.Err, &told) { // a tier keeps its own
		return
	}
	if least := f.Plan.ErrorMinTTL(told.Status()); least > 0 {
		f.Object = &cache.Object{
			Key: f.Key, Status: told.Status(), Failure: told.Sentence(), Birth: f.BornAt(), Order: f.Order, Received: now,
			Lifetime: rfc9111.Lifetime{Store: true, Fresh: least, Source: rfc9111.SourceError}, URIs: f.URIs,
		}
		f.Kept = ft.Store.Put(f.Object)
	}
}

// keepStale settles a flight with what is stored. CloudFront leaves the origin
// alone then for the ErrorCachingMinTTL: the object counts as fresh that long.
// Its birth stays what it was: nobody has confirmed it.
func (ft *Fetcher) keepStale(f *Flight, stored *cache.Object, status int, now time.Time) {
	f.Object, f.Stale, f.Status = stored, true, status
	if f.Strict() {
		return
	}
	if status == 0 {
		status = 504
	}
	life := stored.Lifetime
	life.Fresh = max(0, now.Sub(stored.Received)) + f.Plan.ErrorMinTTL(status)
	gained := life.Fresh - stored.Lifetime.Fresh
	for _, window := range []*time.Duration{&life.WhileRevalidate, &life.OnFailure, &life.Unreachable} {
		if *window != rfc9111.Forever {
			*window = max(0, *window-gained)
		}
	}
	f.Object = renewed(stored, stored.Header, life)
	ft.Store.Put(f.Object)
}

// Clean drops from an origin's answer what belongs to its connection, what the
// edge says itself, and gives it a Date if it has none (RFC 9110 section 6.6.1).
func Clean(resp *message.Response, received time.Time) {
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
func (ft *Fetcher) learn(f *Flight, resp *message.Response, sent, received time.Time) {
	if f.Stored == "" || f.FailedOver != "" {
		return // it may be of another origin's object
	}
	o := ft.Store.Get(f.Stored, f.selects)
	if o == nil || o.Failure != "" || o.Status != 200 {
		return
	}
	head, length := resp.Header, resp.Length
	if o.Compressed { // as would be the answer to a GET
		head, length = head.Clone(2), -1
		compression.Label(&head, compression.Encoding(o.Header.Get("Content-Encoding")))
	}
	switch rfc9111.Head(o.Header, Size(o), resp.Status, head, length) {
	case rfc9111.HeadOutdates:
		ft.Store.Remove(o)
	case rfc9111.HeadUpdates:
		header := rfc9111.Update(o.Header, head)
		life := rfc9111.Judge(f.policy(200), rfc9111.Request{Method: "GET", Header: f.Request.Header},
			f.judged(200, header, sent, received))
		if !life.Store {
			return
		}
		updated := renewed(o, header, life)
		updated.Tags = f.tagsNow(updated)
		updated.Received, updated.InitialAge, updated.Ahead = received, f.judged(200, header, sent, received).InitialAge(), f.Ahead
		ft.retag(o, updated)
		ft.Store.Put(updated)
	}
}

// Size is that of an object's body, -1 while it is not known.
func Size(o *cache.Object) int64 {
	if o.Length < 0 && o.Body != nil && o.Body.Complete() {
		return o.Body.Size()
	}
	return o.Length
}

// ownField reports whether a field of an origin's answer is one that the edge
// says itself.
func ownField(name string) bool {
	switch strings.ToLower(name) {
	case "x-cache", "x-amz-cf-pop", "x-amz-cf-id", "x-warmfront-explain":
		return true
	}
	return tier.Own(name)
}
