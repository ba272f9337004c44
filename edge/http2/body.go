package http2

import (
	"io"
	"os"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// requestBody is the body of a request, from the reader to whoever works on the
// request. The connection's mutex guards it. It is never used again: an origin's
// transport may still hold it when the answer has gone out.
type requestBody struct {
	st     *stream
	unread []byte
	from   int // where in unread the next byte is

	window     int64 // how much the viewer may still send
	unreported int64 // of what was read, not yet told in a WINDOW_UPDATE
	left       int64 // of Content-Length, -1 if there is none
	continues  bool  // the viewer waits for a 100 before it sends
	ended      bool  // END_STREAM came
	err        error // why the rest is not to be had
	trailer    message.Header
	wake       chan struct{}
	timer      *time.Timer
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	c := b.st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if n := copy(p, b.unread[b.from:]); n > 0 || len(p) == 0 {
			if b.from += n; b.from == len(b.unread) {
				b.unread, b.from = b.unread[:0], 0
			}
			b.read(n)
			return n, nil
		}
		switch {
		case b.err != nil:
			return 0, b.err
		case b.ended:
			return 0, io.EOF
		}
		if b.continues {
			b.continues = false
			c.appendInterim(b.st, 100, nil)
			c.push()
		}
		if err := b.wait(); err != nil {
			return 0, err
		}
	}
}

// wait waits for more, as long as a viewer may take for one piece.
func (b *requestBody) wait() error {
	c := b.st.c
	if b.timer == nil {
		b.timer = time.NewTimer(c.srv.cfg.StreamTimeout)
	} else {
		b.timer.Reset(c.srv.cfg.StreamTimeout)
	}
	c.mu.Unlock()
	defer c.mu.Lock()
	select {
	case <-b.wake:
		return nil
	case <-b.timer.C:
		return os.ErrDeadlineExceeded
	}
}

// add takes what a DATA frame brought.
func (b *requestBody) add(p []byte) {
	if b.from > 0 && len(b.unread)+len(p) > cap(b.unread) {
		b.unread, b.from = b.unread[:copy(b.unread, b.unread[b.from:])], 0
	}
	b.unread = append(b.unread, p...)
	wake(b.wake)
}

// read accounts for n bytes that were taken.
func (b *requestBody) read(n int) {
	c := b.st.c
	told := c.used(n)
	if b.unreported += int64(n); b.unreported >= streamWindow/4 && !b.ended && b.err == nil {
		out := c.room()
		out.b = appendNumber(out.b, frameWindowUpdate, b.st.id, uint32(b.unreported))
		b.window += b.unreported
		b.unreported, told = 0, true
	}
	if told {
		c.push()
	}
}

// used gives the viewer back what n bytes took of the connection's window, and
// reports whether it is to be told.
func (c *conn) used(n int) bool {
	if c.unreported += int64(n); c.unreported < connWindow/4 {
		return false
	}
	out := c.room()
	out.b = appendNumber(out.b, frameWindowUpdate, 0, uint32(c.unreported))
	c.received += c.unreported
	c.unreported = 0
	return true
}

// finish says that the body is whole.
func (b *requestBody) finish() {
	b.ended = true
	wake(b.wake)
}

// close says that the rest is not to be had, and drops what was not read.
func (b *requestBody) close(err error) {
	if b.err != nil {
		return
	}
	b.err = err
	b.st.c.used(len(b.unread) - b.from)
	b.unread, b.from = nil, 0
	wake(b.wake)
}

// trailers returns what came after the body.
func (b *requestBody) trailers() message.Header {
	b.st.c.mu.Lock()
	defer b.st.c.mu.Unlock()
	return b.trailer
}
