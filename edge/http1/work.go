package http1

import (
	"sync"

	"github.com/warmfront/warmfront/edge/message"
)

// work is the memory that one request in flight needs: room for its head and for
// its fields. Those waiting for their first byte have none.
type work struct {
	buf    []byte
	fields message.Header
}

const (
	// readSize holds nearly every head that browsers send.
	readSize = 4 << 10
	// keepSize is the largest buffer that is kept for another request.
	keepSize   = 16 << 10
	fieldsRoom = 24
	// writeSize is how much of an answer is copied so as to go out in one write,
	// and as one TLS record.
	writeSize = 16 << 10
	copySize  = 32 << 10
)

// The pools hold scratch: nothing in them means anything to who takes it.
var (
	works   = sync.Pool{New: func() any { return &work{make([]byte, readSize), make(message.Header, 0, fieldsRoom)} }}
	outputs = sync.Pool{New: func() any { return &output{make([]byte, 0, writeSize)} }}
	copies  = sync.Pool{New: func() any { return new([copySize]byte) }}
	corks   = sync.Pool{New: func() any { return new([corkSize]byte) }}
)

// output is what waits to be written.
type output struct{ b []byte }

// workspace returns the connection's memory for a request, and takes some if it
// has none.
func (c *conn) workspace() *work {
	if c.work == nil {
		c.work = works.Get().(*work)
		c.r, c.w = 0, 0
	}
	return c.work
}

// releaseWork gives the memory back. Whatever lay in it is gone.
func (c *conn) releaseWork() {
	if w := c.work; w != nil {
		c.work = nil
		if len(w.buf) <= keepSize {
			works.Put(w)
		}
	}
}

// room makes room to read into, and reports whether there is any within limit
// bytes of what has been read and not used. Nothing may refer to the buffer.
func (c *conn) room(limit int) bool {
	w := c.workspace()
	switch {
	case c.r > 0:
		c.w = copy(w.buf, w.buf[c.r:c.w])
		c.r = 0
	case c.w == len(w.buf) && c.w < limit:
		w.buf = append(make([]byte, 0, min(4*len(w.buf), limit)), w.buf...)
		w.buf = w.buf[:cap(w.buf)]
	}
	return c.w < len(w.buf)
}

// keep appends what was read elsewhere to what has not been used. It moves nothing
// in the buffer, which a request may still lie in.
func (c *conn) keep(p []byte) {
	if w := c.workspace(); len(w.buf)-c.w < len(p) {
		rest := w.buf[c.r:c.w]
		w.buf = append(make([]byte, 0, max(readSize, 2*(len(rest)+len(p)))), rest...)
		w.buf = w.buf[:cap(w.buf)]
		c.r, c.w = 0, len(rest)
	}
	c.w += copy(c.work.buf[c.w:], p)
}

func (c *conn) unread() []byte {
	if c.work == nil {
		return nil
	}
	return c.work.buf[c.r:c.w]
}
