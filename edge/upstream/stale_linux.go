package upstream

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// alive reports whether an idle connection can still be used: an origin that has
// closed it, or speaks unasked, has left something to read.
func (c *conn) alive() bool {
	fine := true
	c.socket(func(fd int) {
		var b [1]byte
		_, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		fine = err == unix.EAGAIN || err == unix.EINTR
	})
	return fine
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

// socket calls f with the socket below, if there is one to be had.
func (c *conn) socket(f func(fd int)) {
	below := c.Conn
	for {
		inner, ok := below.(interface{ NetConn() net.Conn }) // TLS
		if !ok {
			break
		}
		below = inner.NetConn()
	}
	s, ok := below.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { f(int(fd)) }) // fails once it is closed: then the next read or write will
}
