package http2

import (
	"context"
	"errors"
	"io"
	"runtime/debug"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// stream is one request and its answer. The reader makes it, answers it or gives
// it to a worker, and then has no more to do with it than its connection's mutex
// allows.
type stream struct {
	c        *conn
	id       uint32
	req      message.Request
	exchange Exchange
	ready    Ready // the exchange, if it can tell

	// Of a stream that has a worker.
	ctx    context.Context
	cancel context.CancelFunc
	resp   *message.Response // where the reader had it already,
	first  []byte            // and the first piece of its body
	timer  *time.Timer
	wake   chan struct{} // for send

	// These are guarded by the connection's mutex.
	window int64
	piece  []byte // what send waits with
	last   bool   // nothing comes after piece
	queued bool
	body   *requestBody
	began  bool  // the answer's HEADERS were sent
	ended  bool  // and its END_STREAM
	err    error // why nothing may be sent any more
	sent   message.Delivery
}

var (
	errReset    = errors.New("http2: the viewer reset the stream")
	errPanicked = errors.New("http2: the core panicked")
	errTooLong  = errors.New("http2: a body is longer than was announced")
	errUpgrade  = errors.New("http2: an answer of 101")
)

// inlineBody is the largest body that is sent with its header at once: one frame,
// as any viewer takes it.
const inlineBody = maxWriteFrame

// newStream returns a stream for the next request.
func (c *conn) newStream() *stream {
	if n := len(c.spare); n > 0 {
		st := c.spare[n-1]
		c.spare = c.spare[:n-1]
		return st
	}
	st := &stream{c: c, exchange: c.exchange()}
	st.ready, _ = st.exchange.(Ready)
	return st
}

// exchange returns one that a worker gave back, or a new one.
func (c *conn) exchange() Exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.exchanges); n > 0 {
		x := c.exchanges[n-1]
		c.exchanges = c.exchanges[:n-1]
		return x
	}
	return c.srv.cfg.NewExchange()
}

// recycle takes back a stream that no worker has seen.
func (c *conn) recycle(st *stream) {
	fields := st.req.Header[:0]
	clear(st.req.Header[:cap(st.req.Header)])
	*st = stream{c: c, exchange: st.exchange, ready: st.ready}
	st.req.Header = fields
	c.spare = append(c.spare, st)
}

// handle has the core answer. Nil: it panicked, which is logged and costs no more
// than this answer.
func (st *stream) handle(ctx context.Context) (resp *message.Response) {
	defer st.recovered(nil)
	return st.exchange.Handle(ctx, &st.req)
}

func (st *stream) recovered(err *error) {
	p := recover()
	if p == nil {
		return
	}
	st.c.srv.cfg.Logger.Error("panic", "viewer", st.req.Viewer, "host", st.req.Host, "panic", p, "stack", string(debug.Stack()))
	if err != nil {
		*err = errPanicked
	}
}

// inline answers a request on the goroutine that reads, as far as nothing has to
// be waited for.
func (c *conn) inline(st *stream) error {
	resp := st.handle(c.ctx)
	var first []byte
	whole := resp != nil && resp.Trailer == nil && resp.Upgraded == nil
	if whole && !st.bodyless(resp) {
		if body, ok := resp.Body.(message.Pieces); ok {
			first, _ = body.Next() // an error comes again
		}
		whole = resp.Length >= 0 && int64(len(first)) == resp.Length && resp.Length <= inlineBody
	}
	n := int64(len(first))
	c.mu.Lock()
	if !whole || n > c.initial || n > c.window {
		c.mu.Unlock()
		st.resp, st.first = resp, first
		if resp == nil {
			st.resp = &message.Response{}
		}
		return c.launch(st)
	}
	st.window = c.initial
	c.appendAnswer(st, resp, n == 0, c.now)
	if n > 0 {
		c.appendData(st, first, true)
	}
	c.idle = c.now
	full := len(c.out.b) >= writeSize
	c.mu.Unlock()
	resp.Close()
	c.answered = append(c.answered, st)
	if full || len(c.answered) >= maxStreams {
		return c.flush()
	}
	return nil
}

// deliver reports what was answered inline, once it was written.
func (c *conn) deliver(err error) {
	now := time.Now()
	for i, st := range c.answered {
		st.sent.First, st.sent.Ended, st.sent.Err = now, now, err
		st.exchange.Delivered(st.sent)
		c.recycle(st)
		c.answered[i] = nil
	}
	c.budget.refund(refundAnswer * len(c.answered))
	c.answered = c.answered[:0]
}

// launch gives a request to a worker.
func (c *conn) launch(st *stream) error {
	st.wake = make(chan struct{}, 1)
	st.ctx, st.cancel = context.WithCancel(c.ctx)
	st.req.Interim = st.interim
	c.mu.Lock()
	st.window = c.initial
	c.streams[st.id] = st
	c.running++
	c.mu.Unlock()
	c.srv.start(st)
	return nil
}

// run answers a request on a worker.
func (st *stream) run() {
	if st.resp == nil {
		st.resp = st.handle(st.ctx)
	}
	st.finish(st.answer())
}

// answer sends the answer. An error is a reason to reset the stream.
func (st *stream) answer() (err error) {
	resp := st.resp
	if resp == nil || resp.Status == 0 {
		return errPanicked
	}
	defer st.recovered(&err)
	defer resp.Close()
	if resp.Upgraded != nil || resp.Status < 200 {
		if resp.Upgraded != nil {
			_ = resp.Upgraded.Close()
		}
		return errUpgrade
	}
	c, bodyless := st.c, st.bodyless(resp)
	ends := bodyless && (resp.Trailer == nil || st.headOnly(resp))
	now := time.Now()
	c.mu.Lock()
	if err := c.failure(st); err != nil {
		c.mu.Unlock()
		return err
	}
	st.sent.First = now
	c.appendAnswer(st, resp, ends, now)
	if bodyless || resp.Live {
		c.push()
	}
	c.mu.Unlock()
	switch {
	case ends:
		return nil
	case bodyless:
		return st.sendTrailer(resp)
	}
	return st.sendBody(resp)
}

// bodyless reports whether an answer has no DATA. A body has to be read to its end
// where something comes after it.
func (st *stream) bodyless(resp *message.Response) bool {
	return resp.Body == nil || resp.Length == 0 && resp.Trailer == nil || st.headOnly(resp)
}

// headOnly reports whether an answer ends with its header by its nature.
func (st *stream) headOnly(resp *message.Response) bool {
	return resp.Status == 204 || resp.Status == 304 || st.req.Method == "HEAD"
}

// sendBody sends a body to its end, which must be where Length says.
func (st *stream) sendBody(resp *message.Response) error {
	left := resp.Length
	pieces, ok := resp.Body.(message.Pieces)
	if !ok {
		b := st.c.srv.buffers.Get().(*buffer)
		defer st.c.srv.buffers.Put(b)
		pieces = &copied{resp.Body, b}
	}
	p, err := st.first, error(nil)
	for {
		if left >= 0 && int64(len(p)) > left {
			return errTooLong
		}
		if left -= int64(len(p)); left < 0 {
			left = -1
		}
		ends := left == 0 && resp.Trailer == nil
		if len(p) > 0 {
			if err := st.send(p, ends); err != nil || ends {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF) && left > 0:
			return io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF) && resp.Trailer != nil:
			return st.sendTrailer(resp)
		case errors.Is(err, io.EOF):
			return st.send(nil, true)
		case err != nil:
			return err
		}
		p, err = pieces.Next()
	}
}

// copied makes pieces of a body that can only be read.
type copied struct {
	body io.Reader
	room *buffer
}

func (c *copied) Next() ([]byte, error) {
	if cap(c.room.b) < maxWriteFrame {
		c.room.b = make([]byte, maxWriteFrame)
	}
	n, err := c.body.Read(c.room.b[:cap(c.room.b)])
	return c.room.b[:n], err
}

// finish ends a stream, and reports it.
func (st *stream) finish(err error) {
	c := st.c
	c.mu.Lock()
	if err == nil {
		err = c.err // it may be that nothing of it was written
	}
	if !st.ended && st.err == nil && c.err == nil {
		code := codeInternal
		if errors.Is(err, errStalled) {
			code = codeCancel
		}
		c.resetStream(st, code, err)
	}
	c.push()
	sent := st.sent
	c.mu.Unlock()
	st.cancel()
	sent.Err, sent.Ended = err, time.Now()
	if sent.First.IsZero() {
		sent.First = sent.Ended
	}
	st.exchange.Delivered(sent)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchanges = append(c.exchanges, st.exchange)
	if err == nil {
		c.answers++
	}
	if c.running--; c.running == 0 {
		c.idle = time.Now()
		if c.drain != drainNot {
			c.lookUp()
		}
		c.flushed.Broadcast()
	}
}

// end is called when a stream's END_STREAM has been appended.
func (c *conn) end(st *stream) {
	st.ended = true
	if b := st.body; b != nil {
		if !b.ended {
			c.leave(st.id, b.unreported+int64(len(b.unread)-b.from))
		}
		b.close(errEnded)
	}
	c.past.add(st.id)
	delete(c.streams, st.id)
}

// resetStream ends a stream from our side.
func (c *conn) resetStream(st *stream, why code, err error) {
	c.appendReset(st.id, why)
	c.drop(st, err)
}

// drop forgets a stream that was reset.
func (c *conn) drop(st *stream, err error) {
	if st.err == nil {
		st.err = err
	}
	c.past.add(st.id)
	delete(c.streams, st.id)
	st.interrupt()
}

func (c *conn) appendReset(id uint32, why code) {
	out := c.room()
	out.b = appendNumber(out.b, frameRSTStream, id, uint32(why))
	c.resets.add(id)
}

// interrupt ends what a stream's worker waits for, once a reason is set.
func (st *stream) interrupt() {
	st.cancel()
	wake(st.wake)
	if st.body != nil {
		err := st.c.err
		if err == nil {
			err = st.err
		}
		st.body.close(err)
	}
}
