package upstream

import (
	"net"
	"syscall"
	"time"
)

// alive reports whether an idle connection can be used again. An origin that has
// closed it has left an end to read. One that has spoken unasked has left bytes
// that would be taken for the next answer.
func (c *conn) alive() bool {
	heard, known := c.polled()
	if !known {
		heard = c.listened()
	}
	return !heard
}

// listened is polled for connections that cannot be: it reads for a moment.
func (c *conn) listened() bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond)) // fails on closed connections only, as the read will
	var b [1]byte
	_, err := c.Conn.Read(b[:])
	return !isTimeout(err)
}

// socket calls f with the socket, if there is one to be had.
func (c *conn) socket(f func(fd int)) {
	if c.raw == nil {
		c.raw = socketOf(c.Conn)
	}
	if c.raw != nil {
		_ = c.raw.Control(func(fd uintptr) { f(int(fd)) }) // fails once it is closed: then the next read or write will
	}
}

// socketOf finds the socket below, nil if there is none.
func socketOf(c net.Conn) syscall.RawConn {
	for {
		inner, ok := c.(interface{ NetConn() net.Conn }) // TLS
		if !ok {
			break
		}
		c = inner.NetConn()
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
