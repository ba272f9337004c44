package fetch

import (
	"context"
	"slices"
	"sync"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/edge/tier"
)

// Flight is one request to an origin for the benefit of all who wait for it. It
// ends, for them, as soon as its header has told what it brought: the body then
// grows in the cache and is read from there. It does not end with the viewer for
// whom it began.
type Flight struct {
	Fetch
	reuse.Begun // set when it begins
	done        chan struct{}
	// queued is set on flights that others may join.
	queued bool

	// What it brought, to be read once Wait has returned: an Object, or a response
	// that is for one viewer alone, or Err. The latter two may come with an Object
	// that may be served stale.
	Object    *cache.Object
	Confirmed bool // by a 304
	Stale     bool // Object is what was stored: the origin failed
	Status    int  // of the origin's answer, 0 where there was none
	Kept      bool // Object was stored
	// Part is what of the object the origin sent, if Partial is set, and ContentRange
	// what it called that; fill brings the body where it is kept in slices.
	Part         rfc9111.Part
	Partial      bool
	ContentRange string
	fill         *cache.Fill
	Err          error // why there was no answer

	mu        sync.Mutex
	response  *message.Response // not to be shared: only who began the flight takes it
	hold      *cache.Reader     // keeps the place at the body's beginning until then
	abandoned bool
	interim   func(int, message.Header) // of the viewer for whom the flight began
}

// NewFlight makes a flight of a fetch, which only who makes it waits for. interim is
// given what the origin answers meanwhile, and may be nil.
func NewFlight(f Fetch, interim func(int, message.Header)) *Flight {
	return &Flight{Fetch: f, done: make(chan struct{}), interim: interim}
}

// passInterim hands an interim answer to the viewer for whom the flight began.
func (f *Flight) passInterim(status int, h message.Header) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.abandoned && f.interim != nil {
		f.interim(status, h)
	}
}

// Wait returns when the flight has brought something, or ctx ends.
func (f *Flight) Wait(ctx context.Context) error {
	waiter, since := f.waiter(ctx)
	select {
	case <-f.done:
		if waiter != nil {
			f.traceWait(waiter, since)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// keepPrivate holds a response for who began the flight, if they are still there.
func (f *Flight) keepPrivate(r *message.Response) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.abandoned {
		r.Close()
		return
	}
	f.response = r
}

// Take gives the private response to who began the flight, nil if there is none.
func (f *Flight) Take() *message.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.response
	f.response = nil
	return r
}

// keepPlace holds the place where the body's bytes begin to come for who began the flight, if they are
// still there: a body too large to keep must not run away before they read it.
func (f *Flight) keepPlace(o *cache.Object, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.abandoned {
		f.hold = new(cache.Reader)
		o.Body.Open(context.Background(), f.hold, offset, -1)
	}
}

// Abandon says that who began the flight has left, or has what it needs: nobody
// will take a private response or the place at the beginning any more.
func (f *Flight) Abandon() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.abandoned = true
	f.response.Close()
	f.response = nil
	if f.hold != nil {
		_ = f.hold.Close()
		f.hold = nil
	}
}

// BornAt is the birth of what the flight brought.
func (f *Flight) BornAt() cdn.Version { return reuse.Birth(f.Birth, f.answer.Birth) }

// Above is what the tier that answered said of the caches there, "" where none did.
func (f *Flight) Above() string { return f.answer.Result }

// Rises reports whether all tiers that the flight asks are above a level. A request of
// that level may wait for no other flight: whom it waits for could be waiting for it.
func (f *Flight) Rises(from tier.Level) bool {
	lower := func(t tier.Tier) bool { return t.Level <= from }
	return !slices.ContainsFunc(f.Tiers, lower) && (f.Second == nil || !slices.ContainsFunc(f.Second.Shield, lower))
}
