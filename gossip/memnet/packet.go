package memnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// queued bounds the packets a receiver has not read.
const queued = 4096

type packet struct {
	from netip.AddrPort
	data []byte
}

type packetConn struct {
	net  *Network
	addr netip.AddrPort

	mu       sync.Mutex
	changed  sync.Cond
	queue    []packet
	closed   bool
	deadline time.Time
	timer    *time.Timer
}

func newPacketConn(n *Network, addr netip.AddrPort) *packetConn {
	p := &packetConn{net: n, addr: addr}
	p.changed.L = &p.mu
	return p
}

func (p *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.closed:
			return 0, nil, opError("read", p.addr, net.ErrClosed)
		case !p.deadline.IsZero() && !time.Now().Before(p.deadline):
			return 0, nil, opError("read", p.addr, os.ErrDeadlineExceeded)
		case len(p.queue) > 0:
			pkt := p.queue[0]
			p.queue = p.queue[1:]
			return copy(b, pkt.data), net.UDPAddrFromAddrPort(pkt.from), nil
		}
		p.changed.Wait()
	}
}

// WriteTo sends a packet. As with UDP, nil says nothing about its arrival.
func (p *packetConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	to, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return 0, opError("write", p.addr, net.ErrClosed)
	}
	n := p.net
	n.mu.Lock()
	delay := n.delay(p.addr.Addr(), to.Addr())
	lost := n.loss > 0 && n.rnd.Float64() < n.loss || !n.reaches(p.addr.Addr(), to.Addr())
	n.mu.Unlock()
	if lost {
		return len(b), nil
	}
	pkt := packet{from: p.addr, data: append([]byte(nil), b...)}
	time.AfterFunc(delay, func() { n.deliver(to, pkt) })
	return len(b), nil
}

func (n *Network) deliver(to netip.AddrPort, pkt packet) {
	n.mu.Lock()
	dest, cut := n.packets[to], !n.reaches(pkt.from.Addr(), to.Addr())
	n.mu.Unlock()
	if dest == nil || cut {
		return
	}
	dest.mu.Lock()
	defer dest.mu.Unlock()
	if !dest.closed && len(dest.queue) < queued {
		dest.queue = append(dest.queue, pkt)
		dest.changed.Broadcast()
	}
}

func (p *packetConn) Close() error {
	p.net.mu.Lock()
	if p.net.packets[p.addr] == p {
		delete(p.net.packets, p.addr)
	}
	p.net.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.changed.Broadcast()
	return nil
}

func (p *packetConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.addr) }

func (p *packetConn) SetDeadline(t time.Time) error    { return p.SetReadDeadline(t) }
func (p *packetConn) SetWriteDeadline(time.Time) error { return nil } // WriteTo never waits

func (p *packetConn) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	if p.timer != nil {
		p.timer.Stop()
	}
	if !t.IsZero() {
		p.timer = time.AfterFunc(time.Until(t), func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.changed.Broadcast()
		})
	}
	p.changed.Broadcast()
	return nil
}
