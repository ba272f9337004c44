package router

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// maxQuery is the largest query read from a datagram; what is longer is cut off
// and so malformed.
const maxQuery = 4096

// askDestination makes the kernel say which of the host's addresses a packet was
// sent to, so that a server on the wildcard address answers from the one it was
// asked at: resolvers drop answers from another.
func askDestination(c *net.UDPConn) error {
	err4 := ipv4.NewPacketConn(c).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
	err6 := ipv6.NewPacketConn(c).SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
	if err4 != nil && err6 != nil { // a socket has one family or both
		return errors.Join(err4, err6)
	}
	return nil
}

// serveUDP answers packets until the socket's read deadline, which only shutting
// down sets, or until it is closed. Several may serve one socket. Each answers a packet before it reads the
// next: what cannot be answered at once waits in the kernel, which drops what is
// too much, and not in our memory.
func (r *Router) serveUDP(ctx context.Context) error {
	packet, buf := make([]byte, maxQuery), make([]byte, udpSize)
	for {
		n, from, reply, err := receive(r.udp, packet)
		switch {
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			r.cfg.Logger.Warn("a DNS packet was not read", "err", err)
			pause(ctx)
			continue
		}
		// Port 0 cannot be answered.
		if from.Port() == 0 {
			continue
		}
		if out := r.respond(packet[:n], from.Addr().Unmap(), UDP, buf); out != nil {
			if err := reply(out); err != nil {
				r.cfg.Logger.Debug("a DNS answer was not sent", "to", from, "err", err)
			}
		}
	}
}

// receive reads one packet, and returns what sends its answer from the address it
// was sent to.
func receive(c net.PacketConn, packet []byte) (n int, from netip.AddrPort, reply func([]byte) error, err error) {
	if u, ok := c.(*net.UDPConn); ok {
		n, session, err := dns.ReadFromSessionUDP(u, packet)
		if err != nil {
			return 0, from, nil, err
		}
		return n, addrPort(session.RemoteAddr()), func(b []byte) error {
			_, err := dns.WriteToSessionUDP(u, b, session)
			return err
		}, nil
	}
	n, addr, err := c.ReadFrom(packet)
	if err != nil {
		return 0, from, nil, err
	}
	return n, addrPort(addr), func(b []byte) error {
		_, err := c.WriteTo(b, addr)
		return err
	}, nil
}

// addrPort returns the address and port of a peer.
func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort()
	case *net.TCPAddr:
		return a.AddrPort()
	}
	p, _ := netip.ParseAddrPort(a.String())
	return p
}

// pause keeps a loop that meets one error after another from turning freely.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}
