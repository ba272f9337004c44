package upstream

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// alive reports whether an idle connection can still be used: an origin that has
// closed it, or speaks unasked, has left something to read.
func (c *conn) alive() bool {
	quiet := true
	c.socket(func(fd int) {
		poll := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll[:], 0)
		quiet = n == 0 || err != nil // an error says nothing: the connection shows on use
	})
	return quiet
}

// tookRequest tells, once the origin has ended its side of the connection, whether
// it did so after the request had come to it: its end then acknowledges all that
// was sent. Else the two crossed on the way, and the request was never seen.
// An origin that closes on what it is asked is not asked a second time.
func (c *conn) tookRequest() bool {
	took := false
	c.socket(func(fd int) {
		const closeWait = 8 // the other side's end has come, and no reset after it
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		took = err == nil && info.State == closeWait && info.Unacked == 0 && info.Notsent_bytes == 0
	})
	return took
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
