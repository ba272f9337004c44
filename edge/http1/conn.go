package http1

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// conn is a viewer's connection. Its own goroutine reads requests and writes
// answers; others come in only where a field says so.
type conn struct {
	srv      *Server
	link     *link
	in       net.Conn  // what requests are read from and answers written to: the link, or TLS over it
	tls      *tls.Conn // nil without
	exchange Exchange
	viewer   netip.AddrPort
	state    atomic.Int32 // one of idle, busy, gone

	// work.buf[r:w] has been read and not used; err is why nothing more comes.
	// floor is where lines between chunks may begin.
	work        *work
	r, w, floor int
	err         error
	tryReadFunc func(fd uintptr) bool
	posted      bool       // the request before was a POST with a body
	lingers     bool       // the viewer may still be sending when the connection is closed
	given       bool       // to HTTP/2; guarded by srv.mu
	counted     netip.Addr // for the limit by viewer; guarded by srv.mu

	req  message.Request
	head head
	body *body
	ctx  atomic.Pointer[viewerContext] // read by the server's Close too

	// speaking is held while something is written that is no answer, answering set
	// once only the answer may be. interimFunc is interim, made once.
	speaking    sync.Mutex
	answering   bool
	interimFunc func(int, message.Header)

	answer answer
}

// What a connection is doing. The server closes those that are idle when it
// shuts down: whoever changes idle to something else first has it.
const (
	idle int32 = iota
	busy
	gone
)

// serve speaks to the viewer until one of them has had enough.
func (c *conn) serve() {
	defer c.end()
	if !c.meet() || !c.state.CompareAndSwap(idle, busy) {
		return
	}
	c.exchange = c.srv.cfg.NewExchange()
	c.ctx.Store(&viewerContext{conn: c})
	c.tryReadFunc, c.interimFunc = c.tryRead, c.interim
	c.link.tick = c.srv.cfg.StreamTimeout / 4
	now := time.Now()
	c.answer.last = now
	_ = c.link.SetWriteDeadline(now.Add(c.link.tick)) // a failure shows in the first write
	_ = c.link.SetReadDeadline(now.Add(c.srv.cfg.IdleTimeout))
	for c.receive() && c.respond() {
	}
}

// end undoes everything. A request that panics takes its own connection with it
// and not the node.
func (c *conn) end() {
	if p := recover(); p != nil {
		c.srv.cfg.Logger.Error("a request panicked", "viewer", c.viewer, "panic", p, "stack", string(debug.Stack()))
		c.link.reset()
	}
	c.state.Store(gone)
	if x := c.ctx.Load(); x != nil {
		x.cancel()
	}
	if c.lingers {
		c.linger()
	}
	c.link.tick = 0  // TLS says goodbye within a limit of its own
	_ = c.in.Close() // whoever hears of it does not care any more
	c.releaseWork()
	c.srv.forget(c)
}

// receive waits for a request and reads its head. False: there is none, or it
// was refused.
func (c *conn) receive() bool {
	if !c.await() {
		return false
	}
	if c.posted && len(c.unread()) > 1 && string(c.unread()[:2]) == crlf {
		// RFC 9112 section 2.2: old clients put a line end behind a form.
		if c.r += 2; !c.await() {
			return false
		}
	}
	c.posted = false
	for until := (time.Time{}); ; {
		c.req.Header = c.work.fields
		n, err := parseHead(c.unread(), &c.req, &c.head, c.srv.cfg.MaxFields)
		if err != nil {
			c.refuse(err)
			return false
		}
		if n > 0 {
			c.work.fields = c.req.Header // it may have grown
			c.r += n
			return true
		}
		if until.IsZero() {
			until = time.Now().Add(c.srv.cfg.HeaderTimeout)
			_ = c.link.SetReadDeadline(until) // a failure shows in the next Read
		}
		if err := c.more(); err != nil {
			c.refuse(err)
			return false
		}
	}
}

// await waits for the first bytes of a request, unless they are there.
func (c *conn) await() bool {
	since := time.Time{}
	for len(c.unread()) == 0 && c.err == nil {
		if !c.state.CompareAndSwap(busy, idle) || c.srv.closing.Load() {
			return false
		}
		err := c.readFirst()
		if !c.state.CompareAndSwap(idle, busy) {
			return false
		}
		if !timedOut(err) {
			if err != nil {
				c.err = err
			}
			continue
		}
		// The deadline was set when something else was waited for, or for a
		// request before this one: it says only that it is time to look.
		now := time.Now()
		if since.IsZero() {
			since = c.answer.last
		}
		if until := since.Add(c.srv.cfg.IdleTimeout); !now.Before(until) || !c.link.waits(until) {
			return false
		}
	}
	return len(c.unread()) > 0
}

// readFirst reads into a buffer that is empty.
func (c *conn) readFirst() error {
	if rawReads && c.tls == nil && c.link.raw != nil {
		c.releaseWork()
		if err := c.link.raw.Read(c.tryReadFunc); err != nil {
			return err
		}
		return c.err
	}
	w := c.workspace()
	n, err := c.in.Read(w.buf)
	if c.r, c.w = 0, n; n > 0 {
		return nil
	}
	return err
}

// more reads on in the middle of a head, until there is another line to look at.
func (c *conn) more() *refusal {
	for {
		if !c.room(c.srv.cfg.MaxHeaderBytes) {
			if !hasLine(c.unread()) {
				return errURLSize
			}
			return errHeaderSize
		}
		n, err := c.in.Read(c.work.buf[c.w:])
		fresh := c.work.buf[c.w : c.w+n]
		c.w += n
		switch {
		case hasLine(fresh):
			return nil
		case timedOut(err):
			return errSlowHeader
		case err != nil:
			c.err = err
			return errShortHeader
		}
	}
}

func hasLine(b []byte) bool { return bytes.IndexByte(b, '\n') >= 0 }

func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// request completes what the Exchange is asked.
func (c *conn) request(now time.Time) *message.Request {
	r := &c.req
	c.body = c.open(&c.head, r.Length)
	r.Body, r.Trailer, r.Interim = nil, nil, nil
	if c.body != nil {
		c.posted = r.Method == "POST"
		c.ctx.Load().expectBody()
		r.Body = c.body
		if c.body.chunked {
			r.Trailer = c.body.fields
		}
	}
	if r.Minor == 1 {
		r.Interim = c.interimFunc
	}
	r.Received = now
	return r
}

// respond answers the request that was received, and reports whether there may
// be another.
func (c *conn) respond() bool {
	a := &c.answer
	now := time.Now()
	r := c.request(now)
	a.begin(now, c.head.persists(r.Minor))
	c.quiet(false)
	ctx := c.ctx.Load()
	resp := c.exchange.Handle(ctx, r)
	c.quiet(true)
	c.send(resp)
	resp.Close()
	used := ctx.finish()
	c.exchange.Delivered(a.delivery())
	if c.body != nil && !c.body.close() {
		a.keep, c.lingers = false, true
	}
	if used {
		c.unwatch(ctx)
		c.ctx.Store(&viewerContext{conn: c})
	}
	// With something unread the kernel would reset the connection, and the answer
	// might be lost.
	c.lingers = c.lingers || !a.keep && len(c.unread()) > 0
	return a.keep
}

// unwatch ends watching for the viewer, and keeps what was read by that.
func (c *conn) unwatch(ctx *viewerContext) {
	early, lost := ctx.release()
	c.keep(early)
	if c.err == nil {
		c.err = lost
	}
}
