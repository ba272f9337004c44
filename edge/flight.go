package edge

import (
	"context"
	"sync"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
)

// flight is one request to an origin for the benefit of all who wait for it. It
// ends, for them, as soon as its header has told what it brought: the body then
// grows in the cache and is read from there. It does not end with the viewer for
// whom it began.
type flight struct {
	fetch
	begun // set when it begins
	done  chan struct{}
	// queued is set on flights that others may join.
	queued bool

	// What it brought, set before done is closed: an object, or a response that is
	// for one viewer alone, or err. The latter two may come with an object that may
	// be served stale.
	object    *cache.Object
	confirmed bool  // by a 304
	stale     bool  // object is what was stored: the origin failed
	status    int   // of the origin's answer, 0 where there was none
	kept      bool  // object was stored
	err       error // why there was no answer

	mu        sync.Mutex
	response  *message.Response // not to be shared: only who began the flight takes it
	hold      *cache.Reader     // keeps the place at the body's beginning until then
	abandoned bool
}

func newFlight(f fetch) *flight { return &flight{fetch: f, done: make(chan struct{})} }

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

// keepPlace holds the body's beginning for who began the flight, if they are
// still there: a body too large to keep must not run away before they read it.
func (f *flight) keepPlace(o *cache.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.abandoned {
		f.hold, _ = o.Body.Reader(context.Background(), 0, -1)
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

// maxUnderWay is how many flights of one key may wait for the origin at once: the
// one under way, and one for those who may not join it because it began too
// early. Whoever comes then waits for the next, all of them for the same.
const maxUnderWay = 2

// flights are those that wait for an origin, by cache key.
type flights struct {
	mu sync.Mutex
	m  map[string]*queue
}

type queue struct {
	latest   *flight // the one that began last, nil once none is under way
	underWay int
	next     *flight // waits for one to end
}

// join returns a flight for key that accept takes, and whether it is a
// new one, of what fetch makes (it may have to wait for its turn). begin stamps a flight
// and starts it; it is called with the lock held, so that who looks at a flight
// under way finds its stamp.
//
// Between a look into the store and this call a flight may have landed: its
// object is in the store then, and another fetch would be one too many. So
// stored is asked, under the lock, before one begins; if it says yes there is no
// flight.
func (g *flights) join(key string, fetch func() fetch, accept func(begun) bool, stored func() bool, begin func(*flight)) (f *flight, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	q := g.m[key]
	if q == nil {
		q = &queue{}
		g.m[key] = q
	}
	switch {
	case q.latest != nil && accept(q.latest.begun):
		return q.latest, false
	case q.next != nil:
		return q.next, false
	case stored():
		if q.underWay == 0 {
			delete(g.m, key)
		}
		return nil, false
	}
	f = newFlight(fetch())
	f.queued = true
	if q.underWay < maxUnderWay {
		q.latest = f
		q.underWay++
		begin(f)
	} else {
		q.next = f
	}
	return f, true
}

// landed takes a flight off the queue and begins the one that waits. It is called
// before the flight's done is closed: who comes after finds what it stored.
func (g *flights) landed(f *flight, begin func(*flight)) {
	if !f.queued {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	q := g.m[f.key]
	q.underWay--
	if q.latest == f {
		q.latest = nil
	}
	if q.next != nil {
		q.latest, q.next = q.next, nil
		q.underWay++
		begin(q.latest)
	}
	if q.underWay == 0 {
		delete(g.m, f.key)
	}
}

// crew is the goroutines of fetches, which may begin while the edge closes.
type crew struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// start runs f. After finish nobody waits for it: its context has ended then, and
// so will it.
func (c *crew) start(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		go f()
		return
	}
	c.wg.Go(f)
}

// finish waits for those that were started.
func (c *crew) finish() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.wg.Wait()
}
