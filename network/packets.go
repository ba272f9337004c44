package network

import (
	"context"
	"net"
	"time"

	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network/gate"
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
func viewerPackets(pc net.PacketConn, g *gate.Gate, delay func(net.Addr) time.Duration) net.PacketConn {
	held := g.Packets(pc)
	// Never no delay at all: what is written during a pause is held in the queue of
	// packets under way, and not in QUIC's own loop, which could not be ended then.
	far := wan.NewPacketConn(held, func(a net.Addr) time.Duration { return max(delay(a), 2*time.Nanosecond) })
	return distantPackets{far.(gate.Packets)}
}

// distantPackets lets what was sent last, which tells viewers that the connection
// is closed, arrive before the socket goes.
type distantPackets struct{ gate.Packets }

// farewell is longer than half of any round trip.
const farewell = 500 * time.Millisecond

func (p distantPackets) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = wan.Drain(ctx, p.Packets) // what has not arrived by then does not
	return p.Packets.Close()
}
