package upstream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// bufferSize holds the largest header of an answer (MaxHeader) whole. Reads of at
// least that much go past the buffer.
const bufferSize = 32 << 10

// buffers lends connections their memory: an idle connection has none.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[bufferSize]byte {
	if buf, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buf
	}
	return new([bufferSize]byte)
}

// conn is a connection to an origin that speaks HTTP/1.1. It belongs to one
// exchange at a time, or is idle in its pool.
type conn struct {
	net.Conn
	buffers *buffers
	buf     *[bufferSize]byte // nil while idle
	r, w    int               // buf[r:w] has been read and not been taken
	used    bool              // it has been idle
	unheard bool              // nothing has been read but TLS's handshake, which may have left its tickets to read
	until   time.Time         // while idle: when it is closed
	raw     syscall.RawConn   // the socket, once it has been asked for
}

var (
	errHeaderTooBig = errors.New("the header is larger than an origin's may be")
	errNoRoom       = errors.New("a line of the body's framing is too long")
	errNoCRLF       = errors.New("a line of the body's framing does not end in CRLF")
)

// awake gives an idle connection its memory.
func (c *conn) awake() { c.buf, c.r, c.w, c.unheard = c.buffers.get(), 0, 0, false }

// rest takes its memory back.
func (c *conn) rest() {
	if c.buf != nil {
		c.buffers.pool.Put(c.buf)
		c.buf = nil
	}
}

// discard closes the connection for good.
func (c *conn) discard() {
	_ = c.Conn.Close() // nothing more is wanted from it
	c.rest()
}

func (c *conn) buffered() []byte { return c.buf[c.r:c.w] }

// fill waits for more bytes behind those that are buffered. There has to be room
// for them.
func (c *conn) fill() error {
	switch {
	case c.r == c.w:
		c.r, c.w = 0, 0
	case c.w == bufferSize:
		c.r, c.w = 0, copy(c.buf[:], c.buffered())
	}
	if c.w == bufferSize {
		return errNoRoom
	}
	n, err := c.Conn.Read(c.buf[c.w:])
	c.w += n
	switch {
	case n > 0:
		return nil // an error will come again
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}

// read takes what is buffered, or waits for more. What p can hold in one piece
// comes to lie there without a copy.
func (c *conn) read(p []byte, timeout time.Duration) (int, error) {
	if c.r == c.w {
		_ = c.SetReadDeadline(time.Now().Add(timeout)) // fails on closed connections only, as the read will
		if len(p) >= bufferSize {
			return c.Conn.Read(p)
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.buffered())
	c.r += n
	return n, nil
}

// line takes the next line, without its end, of at most limit bytes. The line must
// end in CRLF: it is part of a body's framing.
func (c *conn) line(limit int, timeout time.Duration) ([]byte, error) {
	_ = c.SetReadDeadline(time.Now().Add(timeout)) // as in read
	for {
		there := c.buffered()
		if end := bytes.IndexByte(there, '\n'); end >= 0 && end < limit {
			if end == 0 || there[end-1] != '\r' {
				return nil, errNoCRLF
			}
			c.r += end + 1
			return there[:end-1], nil
		}
		if len(there) >= limit {
			return nil, errNoRoom
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// block takes the lines up to and with the first empty one. The deadline is the
// caller's.
func (c *conn) block() (string, error) {
	for seen := 0; ; {
		there := c.buffered()
		end, scanned := blockEnd(there, seen)
		if end > MaxHeader || end < 0 && len(there) > MaxHeader {
			return "", errHeaderTooBig
		}
		if end >= 0 {
			c.r += end
			return string(there[:end]), nil
		}
		seen = scanned
		if err := c.fill(); err != nil {
			return "", err
		}
	}
}

// blockEnd finds the end of the first empty line. Where there is none yet it says
// up to which line's beginning it has looked.
func blockEnd(b []byte, from int) (end, scanned int) {
	for {
		n := bytes.IndexByte(b[from:], '\n')
		switch {
		case n < 0:
			return -1, from
		case n == 0, n == 1 && b[from] == '\r':
			return from + n + 1, from
		}
		from += n + 1
	}
}
