package http3

import (
	"errors"
	"net"
	"syscall"
)

// quiet keeps the library from writing to the process's log, on its own, that the
// kernel gives a socket smaller buffers than it asked for. The buffers are as large
// as the kernel allows either way (sysctl net.core.rmem_max and wmem_max).
func quiet(pc net.PacketConn) net.PacketConn {
	if udp, ok := pc.(*net.UDPConn); ok {
		return &udpSocket{UDPConn: udp}
	}
	return packetSocket{pc}
}

// packetSocket is any packet connection.
type packetSocket struct{ net.PacketConn }

func (s packetSocket) SetReadBuffer(n int) error {
	if b, ok := s.PacketConn.(interface{ SetReadBuffer(int) error }); ok {
		_ = b.SetReadBuffer(n) // as much as can be had
	}
	return nil
}

func (s packetSocket) SetWriteBuffer(n int) error {
	if b, ok := s.PacketConn.(interface{ SetWriteBuffer(int) error }); ok {
		_ = b.SetWriteBuffer(n)
	}
	return nil
}

// udpSocket is a real socket, of which the library uses all that it can do:
// packets in batches, segmentation by the kernel, ECN. It sizes the buffers first,
// the one for writing last, and looks at what came of it where it can get at the
// socket itself: so it cannot, until then.
type udpSocket struct {
	*net.UDPConn
	sized bool
}

var errSizing = errors.New("the buffers are being sized")

func (s *udpSocket) SyscallConn() (syscall.RawConn, error) {
	if !s.sized {
		return nil, errSizing
	}
	return s.UDPConn.SyscallConn()
}

func (s *udpSocket) SetReadBuffer(n int) error {
	_ = s.UDPConn.SetReadBuffer(n) // as much as can be had
	return nil
}

func (s *udpSocket) SetWriteBuffer(n int) error {
	s.sized = true
	_ = s.UDPConn.SetWriteBuffer(n)
	return nil
}
