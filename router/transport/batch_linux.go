package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canBatch says that serveBatches works here.
const canBatch = true

// batchSize is how many packets one call of the kernel takes in or out: enough that
// its cost is spread thin.
const batchSize = 64

// yieldEvery is after how many batches a worker that finds more packets each time gives way
// to other goroutines: every few milliseconds.
const yieldEvery = 32

// options sets what all sockets have, before they are bound. Several may have one port, among
// which the kernel deals out senders. And no answer is fragmented on its way, nor is what a
// stranger says of a path's MTU believed (RFC 9715, section 3.1): none is longer than what
// every path of IPv6 passes, and fragments can be forged. That it cannot be set is not an
// error: the answers are the same.
func options(reuse bool) func(_, _ string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
			if reuse {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
		}); e != nil {
			return e
		}
		return err
	}
}

// message is the kernel's mmsghdr.
type message struct {
	unix.Msghdr
	n uint32 // how long the packet is
}

// batch is the packets of one call, with all the memory they need. What the
// kernel is given points into it, so it is not copied.
type batch struct {
	conn syscall.RawConn

	received [batchSize]message
	senders  [batchSize]unix.RawSockaddrInet6 // or Inet4, which is shorter
	inputs   [batchSize]unix.Iovec
	packets  [batchSize][maxQuery]byte

	answers [batchSize]message
	outputs [batchSize]unix.Iovec
	buffers [batchSize][UDPSize]byte

	// What the functions below leave: they are made once, for a closure a
	// call would be an allocation a call.
	n, sent       int
	want          int // of answers
	errno         syscall.Errno
	receive, send func(fd uintptr) bool
}

func newBatch(conn syscall.RawConn) *batch {
	b := &batch{conn: conn}
	for i := range batchSize {
		b.inputs[i].Base = &b.packets[i][0]
		b.inputs[i].SetLen(maxQuery)
		b.received[i].Iov = &b.inputs[i]
		b.received[i].SetIovlen(1)
		b.received[i].Name = (*byte)(unsafe.Pointer(&b.senders[i]))
		b.answers[i].Iov = &b.outputs[i]
		b.answers[i].SetIovlen(1)
	}
	// The scheduler is not told of these calls: neither waits, and it would give the
	// processor to another thread meanwhile, which costs a fifth of all answers.
	b.receive = func(fd uintptr) bool {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.received[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		b.n, b.errno = int(n), errno
		return errno != unix.EAGAIN
	}
	b.send = func(fd uintptr) bool {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&b.answers[b.sent])), uintptr(b.want-b.sent), unix.MSG_DONTWAIT, 0, 0)
		b.n, b.errno = int(n), errno
		return errno != unix.EAGAIN
	}
	return b
}

// read waits for packets and takes in as many as there are, and returns how many.
func (b *batch) read() (int, error) {
	for i := range b.received {
		b.received[i].Namelen = unix.SizeofSockaddrInet6
	}
	for {
		if err := b.conn.Read(b.receive); err != nil {
			return 0, err
		}
		switch b.errno {
		case 0:
			return b.n, nil
		case unix.EINTR:
		default:
			return 0, b.errno
		}
	}
}

// from returns who sent a packet.
func (b *batch) from(i int) netip.AddrPort {
	sa := &b.senders[i]
	// The port is in the order of the network in both families.
	p := (*[2]byte)(unsafe.Pointer(&sa.Port))
	port := uint16(p[0])<<8 | uint16(p[1])
	if sa.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), port)
}

// answer puts the answer to packet i among those to be sent.
func (b *batch) answer(i int, out []byte) {
	m := &b.answers[b.want]
	m.Name, m.Namelen = b.received[i].Name, b.received[i].Namelen
	m.Iov.Base = &out[0]
	m.Iov.SetLen(len(out))
	b.want++
}

// flush sends the answers. One that cannot be sent is left out, with the error of the
// last such returned.
func (b *batch) flush() (failed error) {
	for b.sent = 0; b.sent < b.want; {
		if err := b.conn.Write(b.send); err != nil {
			failed = err
			break
		}
		switch b.errno {
		case 0:
			b.sent += b.n
		case unix.EINTR:
		default:
			failed = b.errno
			b.sent++
		}
	}
	b.want = 0
	return failed
}

// serveBatches answers packets until the socket's read deadline, which only shutting
// down sets, or until it is closed, many with each call of the kernel. A batch is answered
// before the next is read: what cannot be answered at once waits in the kernel,
// which drops what is too much, and not in our memory.
func (s *Server) serveBatches(ctx context.Context, c *net.UDPConn) error {
	conn, err := c.SyscallConn()
	if err != nil {
		return err
	}
	b := newBatch(conn)
	for rounds := 0; ; {
		n, err := b.read()
		switch {
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			s.cfg.Logger.Warn("DNS packets were not read", "err", err)
			pause(ctx)
			continue
		}
		s.hold()
		now := s.cfg.Now()
		for i := range n {
			from := b.from(i)
			if from.Port() == 0 {
				continue // cannot be answered
			}
			packet := b.packets[i][:b.received[i].n]
			if out := s.cfg.Answer(packet, from, UDP, b.buffers[i][:], now); len(out) > 0 {
				b.answer(i, out)
			}
		}
		if err := b.flush(); err != nil {
			s.cfg.Logger.Debug("DNS answers were not sent", "err", err)
		}
		// Who never waits is interrupted by a signal every ten milliseconds, and watched
		// by a thread that wakes every few microseconds for a while after each.
		if rounds++; rounds%yieldEvery == 0 {
			runtime.Gosched()
		}
	}
}
