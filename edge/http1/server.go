package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves viewers on one listener or several.
type Server struct {
	cfg Config
	tls *tls.Config // nil: none

	// ctx is what connections given over to HTTP/2 live by; it ends with Close.
	ctx    context.Context
	cancel context.CancelFunc

	closing  atomic.Bool   // no connection is kept any more
	stopping chan struct{} // closed with it

	mu        sync.Mutex
	listeners map[*net.Listener]struct{}
	conns     map[*conn]struct{}
	given     int // of conns, to HTTP/2
	perViewer map[netip.Addr]int
	gone      chan struct{} // closed once no connection is left but those given away; nil until somebody waits

	today atomic.Pointer[today]
}

// New makes a server. Config.Scheme and Config.NewExchange are required.
func New(cfg Config) *Server {
	cfg.complete()
	s := &Server{
		cfg: cfg, stopping: make(chan struct{}),
		listeners: map[*net.Listener]struct{}{}, conns: map[*conn]struct{}{}, perViewer: map[netip.Addr]int{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if cfg.TLS != nil {
		s.tls = cfg.TLS.Clone()
		s.tls.NextProtos = s.protocols(s.tls.NextProtos)
	}
	return s
}

// protocols is what is offered by ALPN: what the configuration says, or all that
// is spoken, but h2 only where it is. A GetConfigForClient answers for itself.
func (s *Server) protocols(configured []string) []string {
	if len(configured) == 0 {
		configured = []string{"h2", "http/1.1"}
	}
	return slices.DeleteFunc(slices.Clone(configured), func(p string) bool { return p == "h2" && s.cfg.HTTP2 == nil })
}

const (
	leastPause = 5 * time.Millisecond
	mostPause  = time.Second
)

// Serve accepts connections of ln until Shutdown or Close is called, when it
// returns nil, or ln is closed by somebody else. Errors of accepting, such as too
// many open files, are waited out. It closes ln.
func (s *Server) Serve(ln net.Listener) error {
	defer s.unlisten(&ln)
	if !s.listen(&ln) {
		return nil
	}
	pause := time.Duration(0)
	for {
		c, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			s.start(c)
			continue
		case s.closing.Load():
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		}
		pause = min(max(2*pause, leastPause), mostPause)
		s.cfg.Logger.Error("no connection can be accepted", "address", ln.Addr(), "again in", pause, "err", err)
		select {
		case <-time.After(pause):
		case <-s.stopping:
			return nil
		}
	}
}

func (s *Server) listen(ln *net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners[ln] = struct{}{}
	return !s.closing.Load()
}

func (s *Server) unlisten(ln *net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = (*ln).Close() // it may be closed already
	delete(s.listeners, ln)
}

// start serves a connection by a goroutine of its own.
func (s *Server) start(accepted net.Conn) {
	c := &conn{srv: s, link: newLink(accepted)}
	c.in = c.link
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		_ = accepted.Close() // it has not been spoken to
		return
	}
	s.conns[c] = struct{}{}
	go c.serve()
}

// admit counts a viewer's connection, and reports whether it may have one more.
func (s *Server) admit(c *conn, viewer netip.Addr) bool {
	if s.cfg.MaxPerViewer <= 0 || !viewer.IsValid() {
		return true
	}
	// A viewer with IPv6 has at least a prefix of 64 bits to itself.
	if !viewer.Is4() {
		viewer = netip.PrefixFrom(viewer.WithZone(""), 64).Masked().Addr()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perViewer[viewer] >= s.cfg.MaxPerViewer {
		return false
	}
	s.perViewer[viewer]++
	c.counted = viewer
	return true
}

// give notes that a connection is HTTP/2's, which ends it by itself.
func (s *Server) give(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	c.given = true
	s.given++
	s.tell()
	return true
}

// forget ends the record of a connection.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if c.given {
		s.given--
	}
	if c.counted.IsValid() {
		if s.perViewer[c.counted]--; s.perViewer[c.counted] == 0 {
			delete(s.perViewer, c.counted)
		}
	}
	s.tell()
}

// tell wakes whoever waits for the last connection. Call it with mu held.
func (s *Server) tell() {
	if s.gone != nil && len(s.conns) == s.given {
		close(s.gone)
		s.gone = nil
	}
}

// stop ends accepting and keeping, and closes the connections that pick chooses.
func (s *Server) stop(pick func(*conn) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing.Swap(true) {
		close(s.stopping)
	}
	for ln := range s.listeners {
		_ = (*ln).Close() // its Serve ends
	}
	for c := range s.conns {
		if pick(c) {
			_ = c.link.Conn.Close() // its goroutine ends
		}
	}
}

// Shutdown stops accepting, closes the connections on which nothing is being
// answered, and lets the answers under way end, each with "Connection: close", as
// long as ctx lasts. Connections given to HTTP/2 are its own to shut down.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop(func(c *conn) bool { return !c.given && c.state.CompareAndSwap(idle, gone) })
	s.mu.Lock()
	if s.gone == nil {
		s.gone = make(chan struct{})
	}
	last := s.gone
	s.tell()
	s.mu.Unlock()
	select {
	case <-last:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends everything at once. It does not wait for requests in flight, but
// ends their contexts.
func (s *Server) Close() error {
	s.cancel()
	s.stop(func(c *conn) bool {
		if x := c.ctx.Load(); x != nil {
			x.cancel()
		}
		return true
	})
	return nil
}

// today is a Date field of one second, whole.
type today struct {
	second int64
	field  string
}

// date returns the line of a Date field.
func (s *Server) date(now time.Time) string {
	second := now.Unix()
	if t := s.today.Load(); t != nil && t.second == second {
		return t.field
	}
	t := &today{second, "Date: " + now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") + "\r\n"}
	s.today.Store(t)
	return t.field
}
