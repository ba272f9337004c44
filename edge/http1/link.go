package http1

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// link is a connection as it was accepted. It paces a viewer that is slow in
// taking what is sent without a deadline having to be set for each write: one is
// set four times in a StreamTimeout at most, and when it passes is when somebody
// looks whether anything has moved.
type link struct {
	net.Conn
	// tcp is the same connection where it is the kernel's own and nobody wraps it,
	// raw a way to its descriptor; nil elsewhere.
	tcp *net.TCPConn
	raw syscall.RawConn

	// tick is a quarter of the StreamTimeout. 0: deadlines are somebody else's
	// (a handshake's, HTTP/2's), and what passes them fails.
	tick time.Duration
	// stop ends what waits for the viewer's next bytes; see interrupt.
	stop atomic.Bool

	// pieces[:gathered] wait to be written in one call, size bytes in all; vector is
	// what is left of them meanwhile.
	pieces   [maxPieces][]byte
	gathered int
	size     int
	vector   net.Buffers

	// cork holds TLS records back, so that several are sent at once; nil: it does
	// not.
	cork   *[corkSize]byte
	corked int

	file fileSend // what sendfile is doing
}

const (
	// stalls is how many ticks in a row may pass while next to nothing moves: a
	// write that begins at the end of one has waited a StreamTimeout at the fifth.
	stalls = 5
	// corkSize is how much of TLS's records is sent at once.
	corkSize = 64 << 10
	// gatherSize is how much of a large body is written at once: what each call
	// costs, and each wait for room, is less per byte.
	gatherSize = 1 << 20
	maxPieces  = 16
)

func newLink(c net.Conn) *link {
	l := &link{Conn: c}
	if tcp, ok := c.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			l.tcp, l.raw = tcp, raw
		}
	}
	return l
}

// Write implements net.Conn, for TLS too.
func (l *link) Write(p []byte) (int, error) {
	if l.cork == nil {
		return l.send(p)
	}
	n := copy(l.cork[l.corked:], p)
	l.corked += n
	for n < len(p) {
		if _, err := l.send(l.cork[:l.corked]); err != nil {
			return 0, err
		}
		l.corked = copy(l.cork[:], p[n:])
		n += l.corked
	}
	return n, nil
}

// corks begins to hold back what is written, if hold is set.
func (l *link) corks(hold bool) {
	if hold && l.cork == nil {
		l.cork = corks.Get().(*[corkSize]byte)
	}
}

// uncork sends what was held back.
func (l *link) uncork() error {
	if l.cork == nil {
		return nil
	}
	_, err := l.send(l.cork[:l.corked])
	corks.Put(l.cork)
	l.cork, l.corked = nil, 0
	return err
}

// send writes p to its end, as long as the viewer keeps taking.
func (l *link) send(p []byte) (int, error) {
	n, err := l.Conn.Write(p)
	for s := (stall{moved: n}); err != nil && l.renewed(&s, err); {
		var m int
		m, err = l.Conn.Write(p[n:])
		n += m
		s.moved += m
	}
	return n, err
}

// gather adds a piece to what is written next, where it lies, and reports whether
// there is room for more. Only for a connection of the kernel's own.
func (l *link) gather(p []byte) bool {
	l.pieces[l.gathered] = p
	l.gathered++
	l.size += len(p)
	return l.size < gatherSize && l.gathered < len(l.pieces)-1
}

// sendGathered writes the pieces.
func (l *link) sendGathered() (int64, error) {
	l.vector = l.pieces[:l.gathered]
	n, err := l.vector.WriteTo(l.tcp)
	for s := (stall{moved: int(n)}); err != nil && l.renewed(&s, err); {
		var m int64
		m, err = l.vector.WriteTo(l.tcp)
		n += m
		s.moved += int(m)
	}
	clear(l.pieces[:l.gathered])
	l.gathered, l.size = 0, 0
	return n, err
}

// stall counts what moves between two ticks.
type stall struct{ moved, ticks int }

// renewed is asked when a write has failed: whether that was only a tick, and it
// may go on.
func (l *link) renewed(s *stall, err error) bool {
	if l.tick == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !s.again(l.tick) {
		return false
	}
	return l.Conn.SetWriteDeadline(time.Now().Add(l.tick)) == nil
}

// again reports whether a viewer is given another tick.
func (s *stall) again(tick time.Duration) bool {
	s.ticks++
	if s.moved >= int(minRate*tick/time.Second) && s.moved > 0 {
		s.ticks = 0
	}
	s.moved = 0
	return s.ticks < stalls
}

// interrupt makes whoever waits for the viewer's next bytes stop, now and until
// resume.
func (l *link) interrupt() {
	l.stop.Store(true)
	_ = l.Conn.SetReadDeadline(time.Unix(1, 0)) // or it is closed, and nobody waits
}

// resume lets bytes be waited for again.
func (l *link) resume(until time.Time) {
	_ = l.Conn.SetReadDeadline(until) // a failure shows in the next Read
	l.stop.Store(false)
}

// waits sets how long the viewer's next bytes are waited for, and reports whether
// they may be. Asked after the deadline is set, stop cannot be missed: interrupt
// sets it first and its own deadline second.
func (l *link) waits(until time.Time) bool {
	return l.Conn.SetReadDeadline(until) == nil && !l.stop.Load()
}

// reset drops what the kernel still holds and tells the viewer that the
// connection is broken, where its end could be taken for the end of a body.
func (l *link) reset() {
	if l.tcp != nil {
		_ = l.tcp.SetLinger(0) // it is closed as well as can be
	}
	_ = l.Conn.Close() // the viewer is to lose it
}
