package gossip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// Limits on what a stranger, or a member gone mad, can make this node hold.
const (
	packetBytes = 4 << 10 // memberlist sends at most 1,400
	maxStreams  = 128     // at once
	streamBytes = 4 << 20 // each; a full state takes about 150 bytes a member
)

// transport carries memberlist's packets and streams over a Network, and drops
// those that Cut names. memberlist's own reads every packet into a new buffer
// of 64 KiB, cannot be cut, and accepts streams without limit.
type transport struct {
	net       Network
	cut       func(netip.AddrPort) bool
	advertise netip.AddrPort
	from      netip.Addr // of streams, so that the peer knows whose they are

	udp     net.PacketConn
	tcp     net.Listener
	packets chan *memberlist.Packet
	streams chan net.Conn
	slots   chan struct{}

	ctx  context.Context // ends dials when the transport closes
	stop context.CancelFunc
	wg   sync.WaitGroup
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

// listen binds packets and streams to one port and starts receiving.
func listen(c *Config) (*transport, error) {
	t := &transport{
		net:     c.Network,
		cut:     c.Cut,
		from:    c.Bind.Addr(),
		packets: make(chan *memberlist.Packet, 64),
		streams: make(chan net.Conn, 8),
		slots:   make(chan struct{}, maxStreams),
	}
	if t.net == nil {
		t.net = kernel{}
	}
	if t.cut == nil {
		t.cut = func(netip.AddrPort) bool { return false }
	}
	if err := t.bind(c.Bind); err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	t.advertise = c.advertised(addrPort(t.tcp.Addr()).Port())
	t.ctx, t.stop = context.WithCancel(context.Background())
	t.wg.Go(t.receive)
	t.wg.Go(t.accept)
	return t, nil
}

// bind takes a port of the kernel's choice for streams; that the same one is
// free for packets is likely, not sure.
func (t *transport) bind(addr netip.AddrPort) (err error) {
	for range 10 {
		if t.tcp, err = t.net.Listen(addr); err != nil {
			return err
		}
		port := addrPort(t.tcp.Addr()).Port()
		if t.udp, err = t.net.ListenPacket(netip.AddrPortFrom(addr.Addr(), port)); err == nil {
			return nil
		}
		_ = t.tcp.Close()
		if addr.Port() != 0 {
			break
		}
	}
	return err
}

func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IP(t.advertise.Addr().Unmap().AsSlice()), int(t.advertise.Port()), nil
}

func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }
func (t *transport) StreamCh() <-chan net.Conn           { return t.streams }

func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, err
	}
	if !t.cut(to) {
		_, err = t.udp.WriteTo(b, net.UDPAddrFromAddrPort(to))
	}
	return time.Now(), err
}

func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, a.Addr)
}

func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	if t.cut(to) {
		return nil, fmt.Errorf("dial %s: cut", to)
	}
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	c, err := t.net.Dial(ctx, t.from, to)
	if err != nil {
		return nil, err
	}
	return t.bound(c, func() {}), nil
}

func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(a.Addr, timeout)
}

// Shutdown closes the sockets and waits until nothing more is received.
func (t *transport) Shutdown() error {
	t.stop()
	err := errors.Join(t.udp.Close(), t.tcp.Close())
	t.wg.Wait()
	for {
		select {
		case s := <-t.streams:
			_ = s.Close()
		default:
			return err
		}
	}
}

func (t *transport) receive() {
	buf := make([]byte, packetBytes)
	for {
		n, from, err := t.udp.ReadFrom(buf)
		if err != nil {
			if t.pause(err) {
				return
			}
			continue
		}
		if n == 0 || t.cut(addrPort(from)) {
			continue
		}
		p := &memberlist.Packet{Buf: append([]byte(nil), buf[:n]...), From: from, Timestamp: time.Now()}
		select {
		case t.packets <- p:
		case <-t.ctx.Done():
			return
		}
	}
}

func (t *transport) accept() {
	for {
		c, err := t.tcp.Accept()
		if err != nil {
			if t.pause(err) {
				return
			}
			continue
		}
		if t.cut(addrPort(c.RemoteAddr())) {
			_ = c.Close()
			continue
		}
		select {
		case t.slots <- struct{}{}:
		default:
			_ = c.Close()
			continue
		}
		s := t.bound(c, func() { <-t.slots })
		select {
		case t.streams <- s:
		case <-t.ctx.Done():
			_ = s.Close()
			return
		}
	}
}

// pause reports that err is the end of a socket; otherwise (an ICMP error, no
// file descriptors) it waits a moment, so as not to spin.
func (t *transport) pause(err error) (ended bool) {
	if errors.Is(err, net.ErrClosed) {
		return true
	}
	select {
	case <-time.After(10 * time.Millisecond):
		return false
	case <-t.ctx.Done():
		return true
	}
}

// boundedStream ends after so many bytes, or with the transport, and frees its
// slot once closed.
type boundedStream struct {
	net.Conn
	left  int
	close func() error
}

func (t *transport) bound(c net.Conn, free func()) *boundedStream {
	once := sync.OnceValue(func() error {
		free()
		return c.Close()
	})
	stop := context.AfterFunc(t.ctx, func() { _ = once() })
	return &boundedStream{Conn: c, left: streamBytes, close: func() error {
		stop()
		return once()
	}}
}

func (s *boundedStream) Read(b []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := s.Conn.Read(b[:min(len(b), s.left)])
	s.left -= n
	return n, err
}

func (s *boundedStream) Close() error { return s.close() }

// kernel is the real network.
type kernel struct{}

func (kernel) Listen(a netip.AddrPort) (net.Listener, error) {
	return net.ListenTCP("tcp", net.TCPAddrFromAddrPort(a))
}

func (kernel) ListenPacket(a netip.AddrPort) (net.PacketConn, error) {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
	if err != nil {
		return nil, err
	}
	// For the burst when a hundred nodes start; the kernel gives what it allows.
	_ = c.SetReadBuffer(1 << 20)
	return c, nil
}

func (kernel) Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	if !from.IsUnspecified() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	return d.DialContext(ctx, "tcp", to.String())
}

// addrPort returns the zero value for an address that is none.
func addrPort(a net.Addr) netip.AddrPort {
	if p, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		ap := p.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return ap
}
