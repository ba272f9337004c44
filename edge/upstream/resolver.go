package upstream

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// namesFor is for how long the addresses of a name are used without asking again.
// The system's resolver does not tell for how long they hold; an origin that moves
// is found again this soon, or as soon as its old addresses do not answer.
const namesFor = 5 * time.Second

// maxNames bounds how many names are remembered.
const maxNames = 1000

// resolver asks for a name once for all who want it at the time, and remembers the
// answer for a while. Failures are not remembered.
type resolver struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)

	mu    sync.Mutex
	names map[string]*lookup
}

// lookup is one question. Its answer is there once done is closed.
type lookup struct {
	done  chan struct{}
	ips   []netip.Addr
	err   error
	until time.Time // of an answer
}

// resolve returns the addresses of a host, which are not to be changed. It waits
// within that long, or as long as ctx lasts; the question outlives ctx, since
// others may wait for its answer too.
func (r *resolver) resolve(ctx context.Context, host string, within time.Duration) ([]netip.Addr, error) {
	l := r.join(ctx, host, within)
	select {
	case <-l.done:
		return l.ips, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join returns the lookup of a host, a new one where there is none of use.
func (r *resolver) join(ctx context.Context, host string, within time.Duration) *lookup {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if l := r.names[host]; l != nil && l.useful(now) {
		return l
	}
	if len(r.names) >= maxNames {
		for name, l := range r.names {
			if !l.useful(now) {
				delete(r.names, name)
			}
		}
	}
	l := &lookup{done: make(chan struct{})}
	if r.names == nil {
		r.names = map[string]*lookup{}
	}
	if len(r.names) < maxNames {
		r.names[host] = l
	}
	go func() {
		defer close(l.done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
		defer cancel()
		l.ips, l.err = r.lookup(ctx, host)
		l.until = time.Now().Add(namesFor)
	}()
	return l
}

// useful reports whether the answer holds, or is awaited.
func (l *lookup) useful(now time.Time) bool {
	select {
	case <-l.done:
		return l.err == nil && now.Before(l.until)
	default:
		return true
	}
}

// forget has a host asked for again: its addresses do not answer. A question that
// is under way is as new as can be.
func (r *resolver) forget(host string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.names[host]; l != nil {
		select {
		case <-l.done:
			delete(r.names, host)
		default:
		}
	}
}
