package wan

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// errReaderGone is what a writer gets whose peer has closed: what a TCP sender
// is told by the reset.
var errReaderGone error = syscall.EPIPE

// flushTimeout bounds how long the socket of a closed connection is kept for a
// client that does not read what was written before the Close.
const flushTimeout = 10 * time.Second

// End is one end of a connection made of two lines. Reads and writes may go on
// at the same time, and deadlines mean what they mean on any net.Conn.
type End struct {
	in, out       *line
	local, remote net.Addr
}

// Read returns bytes that have arrived, and waits for them. io.EOF arrives
// like a byte.
func (e *End) Read(b []byte) (int, error) {
	n, err := e.in.pop(b)
	return n, e.opError("read", err)
}

// Write puts b on its way and returns; it waits only while a whole window is
// under way.
func (e *End) Write(b []byte) (int, error) {
	n, err := e.out.push(b)
	return n, e.opError("write", err)
}

// ReadFrom reads r straight into the chunks that travel.
func (e *End) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	for {
		buf := e.out.bufs.get(largeBuffer)
		n, err := r.Read(buf[:e.out.piece()])
		if n > 0 {
			total += int64(n)
			if werr := e.out.pushBuffer(buf[:n]); werr != nil {
				return total - int64(n), e.opError("write", werr)
			}
		} else {
			e.out.bufs.put(buf)
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// CloseWrite ends this direction: the peer reads io.EOF after what was written.
func (e *End) CloseWrite() error {
	e.out.finish(io.EOF, syscall.EPIPE)
	return nil
}

// Close ends both directions. What was written before still arrives.
func (e *End) Close() error {
	e.in.closeRead()
	e.out.finish(io.EOF, net.ErrClosed)
	return nil
}

func (e *End) LocalAddr() net.Addr  { return e.local }
func (e *End) RemoteAddr() net.Addr { return e.remote }

func (e *End) SetDeadline(t time.Time) error {
	e.in.setReadDeadline(t)
	e.out.setWriteDeadline(t)
	return nil
}

func (e *End) SetReadDeadline(t time.Time) error {
	e.in.setReadDeadline(t)
	return nil
}

func (e *End) SetWriteDeadline(t time.Time) error {
	e.out.setWriteDeadline(t)
	return nil
}

// Hold cuts what is on its way to this end, and lets it go on: while held,
// nothing arrives and nothing is lost.
func (e *End) Hold(held bool) { e.in.hold(held) }

// Break ends both directions at both ends at once, as a reset does: what is under
// way is lost.
func (e *End) Break() {
	e.in.reset()
	e.out.reset()
}

func (e *End) opError(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: e.local, Addr: e.remote, Err: err}
}

// Pipe returns the two ends of a connection in memory whose bytes take
// delay(), asked for every write, from one to the other: a and b are their
// addresses.
func Pipe(a, b net.Addr, delay func() time.Duration) (*End, *End) {
	bufs := &buffers{}
	ab, ba := new(line), new(line)
	ab.init(bufs, Options{}, delay)
	ba.init(bufs, Options{}, delay)
	return &End{in: ba, out: ab, local: a, remote: b}, &End{in: ab, out: ba, local: b, remote: a}
}

// conn is an End whose other end is pumped into and out of a real connection.
// One goroutine reads the socket, because only the moment a byte arrives says
// when it is due; the other direction is flushed by its timer.
type conn struct {
	End
	inner  net.Conn
	closed atomic.Bool
	gone   func() // called once the socket is closed
}

func newConn(inner net.Conn, bufs *buffers, o Options, delay func() time.Duration, gone func()) *conn {
	c := &conn{inner: inner, gone: gone}
	c.in, c.out = new(line), new(line)
	c.local, c.remote = inner.LocalAddr(), inner.RemoteAddr()
	c.in.init(bufs, o, delay)
	c.out.init(bufs, o, delay)
	c.out.flush = c.flush
	go c.pump()
	return c
}

// Close returns at once; the socket closes when what was written before has
// been delivered, or the client did not take it for flushTimeout.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return c.opError("close", net.ErrClosed)
	}
	c.in.closeRead()
	c.out.finish(net.ErrClosed, net.ErrClosed)
	_ = c.inner.SetWriteDeadline(time.Now().Add(c.out.lag() + flushTimeout))
	return nil
}

// pump moves what the socket receives into the inbound line. After Close it
// goes on, discarding: a socket closed with unread bytes would answer with a
// reset, which takes back what was sent last.
func (c *conn) pump() {
	size := smallBuffer
	for {
		buf := c.in.bufs.get(size)
		n, err := c.inner.Read(buf[:min(cap(buf), c.in.piece())])
		if n > 0 {
			if perr := c.in.pushBuffer(buf[:n]); perr != nil && !errors.Is(perr, errReaderGone) {
				return
			}
		} else {
			c.in.bufs.put(buf)
		}
		if err != nil {
			c.in.finish(unwrapped(err), nil)
			return
		}
		size = smallBuffer
		if n >= smallBuffer {
			size = largeBuffer
		}
	}
}

// flush writes what is due until nothing is. After a failed write it goes on
// taking, so that the end of the line is reached and the socket closed.
func (c *conn) flush() {
	var failure error
	for {
		chunks := c.out.take()
		if chunks == nil {
			return
		}
		data := make(net.Buffers, 0, len(chunks))
		for _, ch := range chunks {
			if ch.err == nil {
				data = append(data, ch.data)
			}
		}
		if len(data) > 0 && failure == nil {
			_, err := data.WriteTo(c.inner)
			failure = unwrapped(err)
		}
		c.out.release(chunks, failure)
		for _, ch := range chunks {
			c.end(ch.err)
		}
	}
}

// end passes the end of the outbound line on to the socket.
func (c *conn) end(err error) {
	switch {
	case errors.Is(err, io.EOF):
		if half, ok := c.inner.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	case errors.Is(err, net.ErrClosed):
		_ = c.inner.Close()
		c.gone()
	}
}

// unwrapped strips the socket's own net.OpError: End adds it again.
func unwrapped(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
