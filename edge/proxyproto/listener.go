package proxyproto

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// sniffLimit is how long a connection may take to show its first bytes and,
	// if they begin a header, the rest of it.
	sniffLimit = 10 * time.Second
	// maxHeader bounds what a stranger can make us keep: ours has 99 bytes at most.
	maxHeader  = 512
	headerHead = len(signature) + 4 // signature, version, family, length
)

// Listener accepts connections of ln, with or without a header. Where a header
// comes first and is valid under key, the connection's RemoteAddr is the
// header's source; where it is not valid the connection is closed.
func Listener(ln net.Listener, key []byte) net.Listener {
	return &listener{ln, key, &nonces{}}
}

type listener struct {
	net.Listener
	key  []byte
	seen *nonces
}

// Accept never waits for a client that says nothing: what it sends is looked at
// by the connection's own goroutine.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, listener: l}, nil
}

// conn is a connection whose first bytes may be a header. Like any net.Conn under
// a server it has one reader at a time.
type conn struct {
	net.Conn
	listener *listener

	sniff  sync.Once
	err    error    // what is wrong with its beginning
	source net.Addr // who is at the other end, once sniffed
	rest   []byte   // read while sniffing and not part of a header

	mu       sync.Mutex
	sniffing bool
	deadline time.Time // for reads, as the user set it
}

// RemoteAddr waits, for a bounded time, until the first bytes are there: a server
// asks for it before it reads.
func (c *conn) RemoteAddr() net.Addr {
	c.sniff.Do(c.begin)
	return c.source
}

func (c *conn) Read(p []byte) (int, error) {
	c.sniff.Do(c.begin)
	if len(c.rest) > 0 {
		n := copy(p, c.rest)
		if c.rest = c.rest[n:]; len(c.rest) == 0 {
			c.rest = nil
		}
		return n, nil
	}
	if c.err != nil {
		return 0, c.err
	}
	return c.Conn.Read(p)
}

// begin reads the first bytes and settles who is at the other end.
func (c *conn) begin() {
	c.source = c.Conn.RemoteAddr()
	c.mu.Lock()
	c.sniffing = true
	limit := time.Now().Add(sniffLimit)
	if !c.deadline.IsZero() && c.deadline.Before(limit) {
		limit = c.deadline
	}
	_ = c.Conn.SetReadDeadline(limit) // a failure shows in Read
	c.mu.Unlock()

	header, err := c.readHeader()
	if header != nil {
		addr, invalid := verify(header, c.listener.key, time.Now(), c.listener.seen)
		if err = invalid; err == nil {
			c.source = net.TCPAddrFromAddrPort(addr)
		}
	}
	if c.err = err; err != nil && !errors.Is(err, io.EOF) {
		c.rest = nil
		_ = c.Close() // there is nobody to tell
	}
	c.mu.Lock()
	c.sniffing = false
	_ = c.Conn.SetReadDeadline(c.deadline)
	c.mu.Unlock()
}

// readHeader returns a whole header if the connection begins with one, nil if it
// does not. Every byte that is no part of it goes to rest. At most one Read more
// is made than an ordinary connection needs to show that it is one.
func (c *conn) readHeader() ([]byte, error) {
	buf := make([]byte, 0, maxHeader)
	need := 1
	for {
		for len(buf) < need {
			n, err := c.Conn.Read(buf[len(buf):cap(buf)])
			buf = buf[:len(buf)+n]
			if err != nil && len(buf) < need {
				c.rest = buf
				return nil, err
			}
		}
		same := min(len(buf), len(signature))
		switch {
		case string(buf[:same]) != signature[:same]:
			c.rest = buf
			return nil, nil
		case len(buf) < headerHead:
			need = len(buf) + 1
		default:
			need = headerHead + int(binary.BigEndian.Uint16(buf[headerHead-2:]))
			if need > maxHeader {
				return nil, ErrHeader
			}
			if len(buf) >= need {
				c.rest = buf[need:]
				return buf[:need], nil
			}
		}
	}
}

// SetReadDeadline keeps to the sniffing limit while the first bytes are awaited.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if c.sniffing && (t.IsZero() || time.Until(t) > 0) {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// CloseWrite lets a server end its side first, as it does on a *net.TCPConn.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}
