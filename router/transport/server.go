// Package transport takes DNS queries off sockets and puts the answers there: UDP in batches
// where the kernel has calls for it, TCP by RFC 7766. What an answer is does not concern it:
// it hands packets to a function and sends what that returns.
//
// How a packet goes: by UDP each worker reads from a socket of its own, all of one port, as
// many packets as there are, has each answered into memory of its own, and sends the answers
// together. By TCP each connection has a goroutine, which reads a length and a query, has it
// answered, and sends the answers of what came together together.
//
// What a stranger can hold is bounded: see [Idle] and the limits beside it.
package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Proto is what a query came over.
type Proto int

// The protocols.
const (
	UDP Proto = iota
	TCP
)

func (p Proto) String() string {
	if p == TCP {
		return "tcp"
	}
	return "udp"
}

// UDPSize is the largest UDP answer, in bytes: what passes a path of IPv6's least MTU in
// one piece (1280 less 48 of headers). Fragments get lost, and can be forged.
const UDPSize = 1232

// When Run ends it reads for drainRead what had been sent before, so that
// nothing in the kernel's buffers goes unanswered, and gives connections
// drainTime in all.
const (
	drainRead = 100 * time.Millisecond
	drainTime = 5 * time.Second
)

// Config is what a Server needs. All but Hold and WrapListener must be set.
type Config struct {
	// Listen is the address for both UDP and TCP, "127.0.0.1:5300"; with port 0
	// one that is free for both is taken.
	Listen string
	// Answer returns the answer to a packet, made in buf where it is large enough, nil
	// for none. By UDP buf has room for UDPSize bytes, and the answer no more. The
	// packet is the caller's again once it returns. Now is when the packet was read, by
	// Config.Now: once for all that were read together.
	Answer func(packet []byte, from netip.AddrPort, proto Proto, buf []byte, now time.Time) []byte
	Now    func() time.Time
	// Dropped is told why a connection was closed without an answer.
	Dropped func(reason string)
	// Hold, if set, is called between reading packets and answering them, and may keep
	// them waiting until done is closed: how a paused node seems to be.
	Hold func(done <-chan struct{})
	// WrapListener puts something between the TCP socket and the
	// server, such as the delay model; nil for nothing.
	WrapListener func(net.Listener) net.Listener
	Logger       *slog.Logger
}

// Server answers on UDP and TCP.
type Server struct {
	cfg     Config
	udp     []*net.UDPConn // of one port
	batched bool           // the packets of udp are taken in batches
	tcp     net.Listener
	addr    netip.AddrPort
	conns   *conns

	closing sync.Once
	closed  chan struct{} // by Close
}

// Listen opens the sockets; Run serves.
func Listen(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, closed: make(chan struct{})}
	s.conns = newConns()
	return s, s.listen()
}

// Connections returns how many TCP connections are open.
func (s *Server) Connections() int { return s.conns.count() }

// Addr returns the address that all sockets listen on.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Run serves until ctx ends, then answers what has been received, waits for open
// connections up to five seconds, and returns. The UDP sockets stay open until Close.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var failed error
	var once sync.Once
	serve := func(f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil {
				once.Do(func() { failed = err })
				cancel()
			}
		})
	}
	for i := range workers() {
		serve(func(ctx context.Context) error { return s.serveUDP(ctx, i) })
	}
	serve(s.serveTCP)

	<-ctx.Done()
	end := time.Now().Add(drainRead)
	for _, c := range s.udp {
		_ = c.SetReadDeadline(end)
	}
	_ = s.tcp.Close()
	s.conns.drain(end)
	overdue := time.AfterFunc(drainTime, s.conns.closeAll)
	wg.Wait()
	overdue.Stop()
	return failed
}

// Close frees the sockets. It is called after Run has returned, or instead of it.
func (s *Server) Close() error {
	s.closing.Do(func() { close(s.closed) })
	err := s.tcp.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(err, closeUDP(s.udp))
}
