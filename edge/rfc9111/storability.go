package rfc9111

import (
	"math"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// Policy is what the cache policy of a behavior, and the error settings of its
// distribution, say about time.
type Policy struct {
	// Strict follows RFC 9111; the TTLs are then not used.
	Strict bool
	// Min, Default and Max are the TTLs of the cache policy.
	Min, Default, Max time.Duration
	// ErrorMin is the ErrorCachingMinTTL of the response's status.
	ErrorMin time.Duration
}

// Request is what the rules read of the request that was sent to the origin.
type Request struct {
	Method string
	Header message.Header
}

// Response is what the rules read of a response.
type Response struct {
	Status                    int
	Header                    message.Header
	RequestTime, ResponseTime time.Time
}

// Forever is longer than anything is kept.
const Forever = time.Duration(math.MaxInt64)

// Lifetime is what may be done with a response. All times count from when it was
// received.
type Lifetime struct {
	// Store says whether it may be stored at all.
	Store bool
	// Fresh is for how long it answers without the origin's word; 0 or less for
	// never.
	Fresh  time.Duration
	Source Source
	// WhileRevalidate is for how long after that it may still be used while it is
	// being confirmed; OnFailure where the origin answers with an error, and
	// Unreachable where it does not answer. None of them ever holds for what was
	// invalidated: that is the caller's to see to.
	WhileRevalidate, OnFailure, Unreachable time.Duration
	// Immutable says that as long as it is fresh it need not be confirmed for a
	// viewer that would have it younger (RFC 8246).
	Immutable bool
}

// Judge says what may be done with a response to a request.
func Judge(p Policy, q Request, r Response) Lifetime {
	l, _ := JudgeTerms(p, q, r)
	return l
}

func judgeCloudFront(p Policy, r Response, d Directives) (l Lifetime, t Terms) {
	switch {
	case p.Max == 0: // CachingDisabled
		return Lifetime{Source: SourceNone}, Terms{Source: SourceNone}
	case r.Status >= 400:
		t, l.Store = errorTTL(r.Status, p.ErrorMin, d)
		l.Fresh, l.Source = t.Fresh, t.Source
		l.Store = l.Store && l.Fresh > 0
		return l, t // an error is never better than what the origin says now
	case !completeSuccess(r.Status):
		return Lifetime{Source: SourceNone}, Terms{Source: SourceNone}
	}
	t = ttl(p, d, r)
	l.Fresh, l.Source = t.Fresh, t.Source
	switch {
	case l.Source == SourceForbidden && p.Min == 0:
		return l, t
	case p.Min == 0 && varies(r.Header, "*"):
		return l, t // "Vary: *" with a minimum of 0: fetched anew each time
	}
	l.Store = l.Fresh > 0 || HasValidator(r.Header)
	if d.MustRevalidate || d.ProxyRevalidate {
		return l, t
	}
	// The directives hold for as long as they say or the maximum TTL, whichever
	// is less. Without stale-if-error, an origin that fails leaves the stale copy
	// in service.
	l.WhileRevalidate = min(d.StaleWhileRevalidate.D, p.Max)
	l.OnFailure = Forever
	if d.StaleIfError.Set {
		l.OnFailure = min(d.StaleIfError.D, p.Max)
	}
	l.Unreachable = l.OnFailure
	if l.Source == SourceForbidden && !d.StaleIfError.Set {
		// Kept only because the minimum says so: served in place of no answer, not
		// of an error (developer guide, the same table).
		l.OnFailure = 0
	}
	return l, t
}

// completeSuccess reports whether CloudFront keeps a status by the TTLs of the
// cache policy. 206 is a part and 304 a confirmation: neither is an object.
func completeSuccess(status int) bool {
	return status >= 200 && status < 400 && status != 206 && status != 304
}

// judgeStrict is section 3 for a shared cache.
func judgeStrict(q Request, r Response) (Lifetime, Terms) {
	d, targeted := governing(r.Header)
	expires := !targeted && r.Header.Has("Expires")
	t := lifetime(d, expires, r)
	l := Lifetime{Fresh: t.Fresh, Source: t.Source, Immutable: d.Immutable}
	request := CacheControl(q.Header)
	explicit := d.Public || d.SMaxAge.Set || d.MaxAge.Set || expires
	authorized := !q.Header.Has("Authorization") || d.MustRevalidate || d.Public || d.SMaxAge.Set
	forbidden := d.Private || request.NoStore || d.NoStore && !d.MustUnderstand || d.MustUnderstand && !understood(r.Status)
	if !object(q, r) || forbidden || !authorized || !explicit && !heuristicallyCacheable(r.Status) || varies(r.Header, "*") {
		return l, t
	}
	if d.NoCache {
		l.Fresh, t.Fresh = 0, 0 // stored, and confirmed before each use (section 5.2.2.4)
	}
	l.Store = l.Fresh > 0 || HasValidator(r.Header)
	if d.MustRevalidate || d.ProxyRevalidate || d.SMaxAge.Set || d.NoCache {
		return l, t // section 4.2.4: not even while disconnected
	}
	l.WhileRevalidate, l.OnFailure, l.Unreachable = d.StaleWhileRevalidate.D, d.StaleIfError.D, d.StaleIfError.D
	if !d.StaleIfError.Set && r.Status < 400 {
		l.Unreachable = Forever
	}
	return l, t
}

// object reports whether a response is a whole object of its URI: no interim
// response, no confirmation, and nothing that only the request's range made of it.
func object(q Request, r Response) bool {
	return r.Status >= 200 && r.Status != 206 && r.Status != 304 && (r.Status != 416 || !q.Header.Has("Range"))
}

// understood lists the statuses whose caching requirements this cache knows
// (section 5.2.2.3).
func understood(status int) bool {
	return heuristicallyCacheable(status) || status == 302 || status == 303 || status == 307
}
