package edge

import (
	"context"
	"sync"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// flight is one request to an origin for the benefit of all who wait for it. It
// ends, for them, as soon as its header has told what it brought: the body then
// grows in the cache and is read from there. It does not end with the viewer for
// whom it began.
type flight struct {
	fetch
	reuse.Begun // set when it begins
	done        chan struct{}
	// queued is set on flights that others may join.
	queued bool

	// What it brought, set before done is closed: an object, or a response that is
	// for one viewer alone, or err. The latter two may come with an object that may
	// be served stale.
	object    *cache.Object
	confirmed bool // by a 304
	stale     bool // object is what was stored: the origin failed
	status    int  // of the origin's answer, 0 where there was none
	kept      bool // object was stored
	// fill brings the object's body where that is kept in slices; part is what of it
	// the origin sent, if partial is set, and contentRange what it called that.
	fill         *cache.Fill
	part         rfc9111.Part
	partial      bool
	contentRange string
	err          error // why there was no answer

	mu        sync.Mutex
	response  *message.Response // not to be shared: only who began the flight takes it
	hold      *cache.Reader     // keeps the place at the body's beginning until then
	abandoned bool
	interim   func(int, message.Header) // of the viewer for whom the flight began
}

// newFlight makes a flight for what a request asks for.
func (x *exchange) newFlight() *flight {
	return &flight{fetch: x.fetch(), done: make(chan struct{}), interim: x.Request.Interim}
}

// passInterim hands an interim answer to the viewer for whom the flight began.
func (f *flight) passInterim(status int, h message.Header) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.abandoned && f.interim != nil {
		f.interim(status, h)
	}
}

// wait returns when the flight has brought something, or ctx ends.
func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// keepPrivate holds a response for who began the flight, if they are still there.
func (f *flight) keepPrivate(r *message.Response) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.abandoned {
		r.Close()
		return
	}
	f.response = r
}

// take gives the private response to who began the flight, nil if there is none.
func (f *flight) take() *message.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.response
	f.response = nil
	return r
}

// keepPlace holds the place where the body's bytes begin to come for who began the flight, if they are
// still there: a body too large to keep must not run away before they read it.
func (f *flight) keepPlace(o *cache.Object, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.abandoned {
		f.hold = new(cache.Reader)
		o.Body.Open(context.Background(), f.hold, offset, -1)
	}
}

// abandon says that who began the flight has left, or has what it needs: nobody
// will take a private response or the place at the beginning any more.
func (f *flight) abandon() {
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
