package http3

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// conns knows the connections that are open, those in their handshake included.
type conns struct {
	maxPerViewer int

	mu         sync.Mutex
	handshakes int // of open
	open       map[*conn]struct{}
	perViewer  map[netip.Prefix]int // established
}

const (
	// maxUnproven is how many handshakes may be under way before a viewer has to
	// show that it receives at its address, which costs it a round trip.
	maxUnproven = 128
	// maxHandshakes is how many may be under way at all.
	maxHandshakes = 2048
)

func (cs *conns) init(maxPerViewer int) {
	cs.maxPerViewer, cs.open, cs.perViewer = maxPerViewer, map[*conn]struct{}{}, map[netip.Prefix]int{}
}

// crowded reports whether addresses are to be proven (RFC 9000 section 8.1.2).
func (cs *conns) crowded() bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.handshakes >= maxUnproven
}

// conn is one connection. Its fields belong to conns.mu.
type conn struct {
	all    *conns
	idle   time.Duration
	viewer netip.Prefix // as counted: zero before the handshake is complete

	quic    *quic.Conn // nil before the handshake is complete
	running int        // requests being answered
	timer   *time.Timer
}

type connKey struct{}

var errRefused = errors.New("no further connection is accepted")

// admit decides about a connection by its first packet. It must not count it
// against its address, which may be another's.
func (s *Server) admit(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
	if s.draining.Load() || s.cfg.Draining() {
		return nil, errRefused
	}
	c := &conn{all: &s.conns, idle: s.cfg.IdleTimeout}
	if !s.conns.add(c, s.cfg.MaxConnections) {
		return nil, errRefused
	}
	context.AfterFunc(ctx, c.gone)
	return context.WithValue(ctx, connKey{}, c), nil
}

func (cs *conns) add(c *conn, limit int) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.open) >= limit || cs.handshakes >= maxHandshakes {
		return false
	}
	cs.open[c] = struct{}{}
	cs.handshakes++
	return true
}

// established takes note that a connection's handshake is complete.
func (s *Server) established(ctx context.Context, q *quic.Conn) context.Context {
	c := ctx.Value(connKey{}).(*conn)
	if !c.establish(q) {
		s.cfg.Logger.Debug("a viewer has too many connections", "viewer", q.RemoteAddr())
		c.close(http3.ErrCodeExcessiveLoad)
	}
	return ctx
}

func (c *conn) establish(q *quic.Conn) bool {
	cs := c.all
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c.quic = q
	if _, open := cs.open[c]; !open {
		return true // it has gone meanwhile
	}
	cs.handshakes--
	c.viewer = viewerOf(q.RemoteAddr())
	c.timer = time.AfterFunc(c.idle, c.expire)
	cs.perViewer[c.viewer]++
	return cs.maxPerViewer == 0 || cs.perViewer[c.viewer] <= cs.maxPerViewer
}

// gone takes note that a connection has ended, or its handshake.
func (c *conn) gone() {
	cs := c.all
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
	if c.timer == nil {
		cs.handshakes--
		return
	}
	c.timer.Stop()
	if cs.perViewer[c.viewer]--; cs.perViewer[c.viewer] == 0 {
		delete(cs.perViewer, c.viewer)
	}
}

// begin counts a request.
func (c *conn) begin() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.running++
}

// end counts it off. Only then does the idle time begin again: a request of which
// the header never ends does not keep a connection.
func (c *conn) end() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.running--
	if _, open := c.all.open[c]; open && c.running == 0 {
		c.timer.Reset(c.idle)
	}
}

func (c *conn) expire() {
	c.all.mu.Lock()
	running := c.running
	c.all.mu.Unlock()
	if running == 0 {
		c.close(http3.ErrCodeNoError)
	}
}

func (c *conn) close(code http3.ErrCode) {
	_ = c.quic.CloseWithError(quic.ApplicationErrorCode(code), "") // there is nobody to tell
}

// settle waits until no request is being answered and nothing more is sent, not
// even what had been lost.
func (cs *conns) settle(ctx context.Context) {
	const step = settled / 20
	tick := time.NewTicker(step)
	defer tick.Stop()
	var before uint64
	for still := time.Duration(0); still < settled; still += step {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if running, sent := cs.progress(); running > 0 || sent != before {
			before, still = sent, 0
		}
	}
}

// progress is how many requests are being answered, and how much was sent on the
// connections that are open.
func (cs *conns) progress() (running int, sent uint64) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.open {
		running += c.running
		if c.quic != nil {
			sent += c.quic.ConnectionStats().PacketsSent
		}
	}
	return running, sent
}

// viewerOf is what counts as one viewer: an address, or what one customer is given
// of IPv6.
func viewerOf(a net.Addr) netip.Prefix {
	ap, _ := netip.ParseAddrPort(a.String()) // the zero Addr for what has none
	addr := ap.Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked()
}
