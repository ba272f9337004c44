package cache

import (
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache/eviction"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// Object is one stored response. It does not change once it was put in a Store,
// but that its body may still grow: a confirmation makes another Object that
// shares the body.
type Object struct {
	// Key is the distribution's id and the cache key. A distribution that is
	// deleted and made again has another id, so nothing of the old one is found.
	Key string
	// Vary names the request fields the response was chosen by, and Variant is
	// their values in the request that fetched it.
	Vary    []string
	Variant string

	Status int
	Header message.Header // as stored: nothing that belongs to one connection
	// Body is nil where there is none: the answer to a HEAD.
	Body *Body
	// Length is the size of the body as the origin declared it, -1 where it did
	// not. Of a HEAD's answer it is the size the body would have.
	Length int64
	// Fragment is set where parts of the body that are not here cannot be brought:
	// nothing says that they would be of the same version.
	Fragment bool
	// Compressed is set where the edge compressed the body. OriginTag is then the
	// origin's entity tag, if Header has another made of it.
	Compressed bool
	OriginTag  string
	// Failure, where it is set, says why there is no answer of the origin: the
	// object then stands for an error page of the edge's own.
	Failure string

	// Birth is the journal version that the node had applied when the fetch, or
	// the last confirmation, began. It is never taken later: a fetch that
	// straddles an invalidation is older than it.
	Birth cdn.Version
	// Order is the place of that beginning among the arrivals of requests and the
	// beginnings of fetches at this node.
	Order uint64
	// Recorded is the number of the record on the disk that it was read from; 0
	// where this process has the origin's word for it.
	Recorded uint64
	// Received is when the response, or its last confirmation, was received, and
	// InitialAge how old it was then.
	Received   time.Time
	InitialAge time.Duration
	// Ahead is how far a sandbox's clock was ahead then: Received is by that, the dates in
	// Header are not.
	Ahead    time.Duration
	Lifetime rfc9111.Lifetime
	// URIs are those it answers for, and Tags its cache tags (cdn.CacheTags): an
	// invalidation of any of them is one of the object.
	URIs, Tags []string

	checked atomic.Pointer[check]
	// entry is the object in the eviction policy, gone whether it was removed: then
	// it is never taken in again. Both are guarded by the Memory's eviction lock.
	entry eviction.Entry[tenant]
	gone  bool
	// counted is set once the policy may be told of hits.
	counted atomic.Bool
	// dead is set once it may not be found any more, on the disk either: it was
	// removed, or replaced, or came too late to be stored.
	dead atomic.Bool
}

// evicted implements tenant.
func (o *Object) evicted(m *Memory) {
	if !m.unlink(o) {
		return // it was replaced or removed meanwhile
	}
	m.evictions.Add(1)
	o.release(m)
	if o.Body != nil {
		o.Body.Overflow(maxWindow) // what still grows is for who reads it, and no more
	}
}

// Verifiable reports whether parts of the body can be asked for one by one: the
// origin can say that they are of the same version. Of what was compressed here it
// has none.
func (o *Object) Verifiable() bool { return !o.Compressed && rfc9111.StrongValidator(o.Header) != "" }

// check is what was found when the object was last compared with the journal.
type check struct{ at, newest cdn.Version }

// NewestInvalidation returns the version of the newest invalidation of any of the
// object's URIs and tags, as known at version at. What was found is kept, so that an
// object is compared once per version of the journal and not once per request.
func (o *Object) NewestInvalidation(at cdn.Version, inv cdn.Invalidations) cdn.Version {
	if c := o.checked.Load(); c != nil && c.at == at {
		return c.newest
	}
	newest := o.newestOf(inv)
	o.checked.Store(&check{at, newest})
	return newest
}

// newestOf keeps nothing of what it finds: it is also for who looks at everything once.
func (o *Object) newestOf(inv cdn.Invalidations) cdn.Version {
	newest := inv.Floor()
	for _, names := range [...][]string{o.URIs, o.Tags} {
		for _, name := range names {
			newest = newest.Max(inv.Newest(name))
		}
	}
	return newest
}

// Age is how old the object is, for the Age field.
func (o *Object) Age(now time.Time) time.Duration {
	return rfc9111.Age(o.InitialAge, o.Received, now)
}

// TimeToLive is for how long it stays fresh; 0 or less once it is stale.
func (o *Object) TimeToLive(now time.Time) time.Duration {
	return o.Lifetime.Fresh - max(0, now.Sub(o.Received))
}

// held is how many bytes of a body that is kept whole are in memory.
func (o *Object) held() int64 {
	if o.Body == nil || o.Body.sliced != nil {
		return 0
	}
	return o.Body.Size()
}

// overhead is about what an object costs beside its bytes: itself, its place in
// the index, its check.
const overhead = 512

func (o *Object) size() int64 {
	n := int64(overhead + len(o.Key) + len(o.Variant) + o.Header.Size() + len(o.Failure))
	for _, names := range [...][]string{o.URIs, o.Tags} {
		for _, name := range names {
			n += int64(len(name)) + 16
		}
	}
	if o.Body != nil {
		n += o.Body.footprint(o.Length)
	}
	return n
}
