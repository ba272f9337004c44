package transport

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

// serveUDP is one of the workers that answer packets.
func (s *Server) serveUDP(ctx context.Context, worker int) error {
	if len(s.udp) == 1 && !s.batched {
		return s.serveEach(ctx, s.udp[0])
	}
	return s.serveBatches(ctx, s.udp[worker%len(s.udp)])
}

// hold waits while the node is paused.
func (s *Server) hold() {
	if s.cfg.Hold != nil {
		s.cfg.Hold(s.closed)
	}
}

// serveEach answers packets one by one, from the address they were sent to, until the
// socket's read deadline, which only shutting down sets, or until it is closed. Several
// may serve one socket.
func (s *Server) serveEach(ctx context.Context, c *net.UDPConn) error {
	packet, buf := make([]byte, maxQuery), make([]byte, UDPSize)
	for {
		n, session, err := dns.ReadFromSessionUDP(c, packet)
		switch {
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			s.cfg.Logger.Warn("a DNS packet was not read", "err", err)
			pause(ctx)
			continue
		}
		s.hold()
		from := addrPort(session.RemoteAddr())
		if from.Port() == 0 {
			continue // cannot be answered
		}
		if out := s.cfg.Answer(packet[:n], from, UDP, buf, s.cfg.Now()); out != nil {
			if _, err := dns.WriteToSessionUDP(c, out, session); err != nil {
				s.cfg.Logger.Debug("a DNS answer was not sent", "to", from, "err", err)
			}
		}
	}
}

// addrPort returns the address and port of a peer, an IPv4 address as such.
func addrPort(a net.Addr) netip.AddrPort {
	var p netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		p = a.AddrPort()
	case *net.TCPAddr:
		p = a.AddrPort()
	default:
		p, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// pause keeps a loop that meets one error after another from turning freely.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}
