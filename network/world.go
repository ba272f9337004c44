package network

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network/gate"
	"github.com/warmfront/warmfront/wan"
)

// world knows where addresses are and how long the way between them takes.
type world struct {
	db    *geo.DB
	model wan.Model
	// near, while it is true, puts everything at one place: `up` starts its nodes
	// as if they had been there before. Nil is false.
	near *atomic.Bool
}

func point(p geo.Place) wan.Place  { return wan.Place{Lat: p.Lat, Lon: p.Lon} }
func popPoint(p geo.POP) wan.Place { return wan.Place{Lat: p.Lat, Lon: p.Lon} }
func (w *world) off() bool         { return w.model.Scale == 0 }
func (w *world) isNear() bool      { return w.near != nil && w.near.Load() }
func (w *world) home() wan.Place   { return point(w.db.Home()) }

func (w *world) at(a netip.Addr) wan.Place {
	p, ok := w.db.Locate(a)
	if !ok {
		return w.home()
	}
	return point(p)
}

// isService says whether an address is one of the services' own, 127.0.x.x or
// 10.77.0.x, which have no city.
func isService(a netip.Addr) bool {
	if !a.Is4() {
		return a.IsLoopback()
	}
	b := a.As4()
	return b[0] == 127 && b[1] == 0 || b[0] == 10 && b[1] == 77 && b[2] == 0
}

func addrOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap()
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap()
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return ap.Addr().Unmap()
}

// viewers is the delay of an edge's viewers: the way from wherever each is, and
// what a fault adds.
func (w *world) viewers(edge wan.Place, g *gate.Gate) func(net.Addr) time.Duration {
	return func(a net.Addr) time.Duration {
		d := g.Delay()
		if !w.off() && !w.isNear() {
			d += w.model.ViewerRTT(w.at(addrOf(a)), edge)
		}
		return d
	}
}

// nodes is the delay of traffic from other nodes to a service at a place, and
// what a fault adds. What comes from an address without a city, tools on this
// machine, has no distance.
func (w *world) nodes(to wan.Place, g *gate.Gate) func(net.Addr) time.Duration {
	return func(a net.Addr) time.Duration {
		from, d := addrOf(a), g.Delay()
		if w.off() || w.isNear() || isService(from) {
			return d
		}
		return d + w.model.RTT(w.at(from), to)
	}
}

// region is where an AWS region's buckets are: the POP that has its regional edge
// cache, or home.
func (w *world) region(name string) wan.Place {
	for _, p := range w.db.Catalogue().POPs() {
		if p.Region == name {
			return popPoint(p)
		}
	}
	return w.home()
}

// dialFrom connects from the node's own address where the other end is on this
// machine too, so that the accepting side can tell how far the way was.
func dialFrom(self netip.Addr) gate.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: 10 * time.Second}
		if to, err := netip.ParseAddrPort(addr); err == nil && to.Addr().IsLoopback() && self.IsLoopback() {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(self, 0))
		}
		return d.DialContext(ctx, network, addr)
	}
}
