package network

import (
	"context"
	"net"
	"time"

	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/wan"
)

// wrapViewerPackets is wrapViewers for the packets of HTTP/3: faults and distance
// between viewers and a sandbox's edge; elsewhere nothing. QUIC has no PROXY
// protocol: a viewer in a city sends from an address of that city.
func (e *Edge) wrapViewerPackets(cfg EdgeConfig, pop geo.POP) func(net.PacketConn) net.PacketConn {
	if !cfg.Sandbox {
		return nil
	}
	return func(pc net.PacketConn) net.PacketConn {
		return viewerPackets(pc, cfg.gate, cfg.world().viewers(popPoint(pop), cfg.gate))
	}
}

// viewerPackets puts the gate's faults and a delay before a socket. A partition
// does not act on it, as it does not act on viewers' connections.
func viewerPackets(pc net.PacketConn, g *gate, delay func(net.Addr) time.Duration) net.PacketConn {
	held := heldPackets{g.packets(pc).(*gatedPackets)}
	// Never no delay at all: what is written during a pause is held in the queue of
	// packets under way, and not in QUIC's own loop, which could not be ended then.
	far := wan.NewPacketConn(held, func(a net.Addr) time.Duration { return max(delay(a), 2*time.Nanosecond) })
	return distantPackets{far.(sizedPackets)}
}

// sizedPackets is a packet socket whose buffers can be sized, as QUIC does: what
// arrives in bursts, or during a pause, waits there.
type sizedPackets interface {
	net.PacketConn
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}

// heldPackets holds what is sent, too, while the node is paused: QUIC has timers,
// and a process that does not run sends nothing.
type heldPackets struct{ *gatedPackets }

func (p heldPackets) WriteTo(b []byte, to net.Addr) (int, error) {
	p.g.wait(p.done)
	return p.PacketConn.WriteTo(b, to)
}

func (p heldPackets) SetReadBuffer(n int) error {
	if s, ok := p.PacketConn.(sizedPackets); ok {
		return s.SetReadBuffer(n)
	}
	return nil
}

func (p heldPackets) SetWriteBuffer(n int) error {
	if s, ok := p.PacketConn.(sizedPackets); ok {
		return s.SetWriteBuffer(n)
	}
	return nil
}

// distantPackets lets what was sent last, which tells viewers that the connection
// is closed, arrive before the socket goes.
type distantPackets struct{ sizedPackets }

// farewell is longer than half of any round trip.
const farewell = 500 * time.Millisecond

func (p distantPackets) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = wan.Drain(ctx, p.sizedPackets) // what has not arrived by then does not
	return p.sizedPackets.Close()
}
