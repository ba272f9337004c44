package http1

import (
	"context"
	"net"
	"sync"
	"time"
)

// viewerContext is the context of one request. It ends when the viewer leaves,
// when the server is closed and when the answer has been delivered. The viewer is
// watched only once somebody waits for the end: then a goroutine reads what the
// viewer sends beyond the request, and puts it by for the next.
//
// Nobody may look at it for the first time after its request is over: where
// nobody has waited on it it serves the next one.
type viewerContext struct {
	conn *conn

	mu   sync.Mutex
	done chan struct{} // nil until somebody waits
	err  error
	then map[*func()]struct{} // to be called at the end, see AfterFunc

	// unread is set while what the viewer sends is the request's body: who reads
	// that notices the end.
	unread bool
	// watching is closed when the goroutine has ended; nil while there is none.
	watching chan struct{}
	early    []byte // what it has read
	lost     error  // what ended its reading
}

// earlySize is how much of the next requests is taken while one is answered; a
// viewer that has sent more is not seen leaving.
const earlySize = 512

// Deadline implements context.Context: there is none.
func (x *viewerContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements context.Context: there is none.
func (x *viewerContext) Value(any) any { return nil }

// Err implements context.Context.
func (x *viewerContext) Err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err
}

// Done implements context.Context.
func (x *viewerContext) Done() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.wait()
	return x.done
}

// wait begins to care for the end. Call it with mu held.
func (x *viewerContext) wait() {
	if x.done != nil {
		return
	}
	x.done = make(chan struct{})
	if x.err != nil {
		close(x.done)
	}
	x.watch()
}

// AfterFunc calls f in a goroutine of its own once the context has ended, unless
// stopped before. The context package asks for it, to do without a goroutine for
// each context derived from this one.
func (x *viewerContext) AfterFunc(f func()) (stop func() bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.wait()
	if x.err != nil {
		go f()
		return func() bool { return false }
	}
	if x.then == nil {
		x.then = map[*func()]struct{}{}
	}
	key := &f
	x.then[key] = struct{}{}
	return func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		_, waiting := x.then[key]
		delete(x.then, key)
		return waiting
	}
}

// cancel ends the context.
func (x *viewerContext) cancel() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.end()
}

func (x *viewerContext) end() {
	if x.err != nil {
		return
	}
	x.err = context.Canceled
	if x.done != nil {
		close(x.done)
	}
	for f := range x.then {
		go (*f)()
	}
	x.then = nil
}

// expectBody says that what the viewer sends next is the request's body.
func (x *viewerContext) expectBody() {
	x.mu.Lock()
	x.unread = true
	x.mu.Unlock()
}

// bodyRead says that what the viewer sends from now on is no body.
func (x *viewerContext) bodyRead() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.unread = false
	x.watch()
}

// watch starts the goroutine where somebody waits and it is time. Call it with mu
// held.
func (x *viewerContext) watch() {
	if x.done == nil || x.unread || x.err != nil || x.watching != nil {
		return
	}
	x.watching = make(chan struct{})
	// Set here and not in the goroutine: finish's interrupt comes later, then.
	_ = x.conn.link.Conn.SetReadDeadline(time.Time{})
	go x.read(x.conn.in, x.watching)
}

func (x *viewerContext) read(from net.Conn, watching chan struct{}) {
	buf := make([]byte, earlySize)
	n, err := 0, error(nil)
	for n < len(buf) && err == nil {
		var m int
		m, err = from.Read(buf[n:])
		n += m
	}
	x.early, x.lost = buf[:n], err
	if err != nil && !timedOut(err) {
		x.cancel()
	}
	close(watching)
}

// release ends watching without ending the context, and returns what has been read
// beyond the request and what ended the reading, if not release itself. Nobody
// watches afterwards.
func (x *viewerContext) release() (early []byte, lost error) {
	x.mu.Lock()
	x.unread = true
	watching := x.watching
	x.watching = nil
	x.mu.Unlock()
	if watching == nil {
		return nil, nil
	}
	x.conn.link.interrupt()
	<-watching
	x.conn.link.resume(time.Now().Add(x.conn.srv.cfg.IdleTimeout))
	if timedOut(x.lost) {
		return x.early, nil
	}
	return x.early, x.lost
}

// finish ends the context because the request is over. It reports whether the
// next one needs another.
func (x *viewerContext) finish() (used bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	used = x.done != nil || x.err != nil || x.unread
	if used {
		x.end()
	}
	return used
}
