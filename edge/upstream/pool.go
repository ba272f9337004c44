package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxIdle bounds the idle connections to a place; more are closed.
const maxIdle = 256

// sweepEvery is how often idle connections are looked over at least, for those
// that the origin has closed.
const sweepEvery = 5 * time.Second

// pool holds the connections to a place.
type pool struct {
	up    *Upstream
	place place
	// plain offers HTTP/1.1 alone to the other side of TLS, both HTTP/2 as well.
	plain, both *tls.Config
	http2       *http.Transport
	turns       turns

	mu      sync.Mutex
	idle    []*conn // the last one used is at the end
	sweeper *time.Timer
	closed  bool
	// plainUntil is set where the origin does not speak HTTP/2.
	plainUntil time.Time
}

func newPool(u *Upstream, at place) *pool {
	p := &pool{up: u, place: at}
	p.plain = p.tlsConfig(u.cfg.Roots)
	p.both = p.plain.Clone()
	p.both.NextProtos = []string{"h2", "http/1.1"}
	p.turns.turn = make(chan struct{}, 1)
	p.http2 = p.newHTTP2()
	return p
}

// maxSessions is how many TLS sessions a pool keeps for resumption. They are kept
// by server name, of which a pool has one.
const maxSessions = 4

// get returns an idle connection, or a fresh one.
func (p *pool) get(ctx context.Context, fresh bool) (*conn, error) {
	for !fresh {
		c := p.take()
		if c == nil {
			break
		}
		if time.Now().Before(c.until) && (c.unheard || c.alive()) {
			return c, nil
		}
		c.discard()
	}
	nc, err := p.connect(ctx, p.plain)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: nc, buffers: &p.up.buffers}, nil
}

func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	c := p.idle[len(p.idle)-1]
	p.idle[len(p.idle)-1] = nil
	p.idle = p.idle[:len(p.idle)-1]
	return c
}

// put takes a connection back whose answer has ended, to be idle for as long as
// the origin's keep-alive time-out and, where the origin says it, its patience.
func (p *pool) put(c *conn, patience time.Duration) {
	c.rest()
	c.used = true
	idle := p.place.idle
	if patience > 0 {
		idle = min(idle, patience)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		c.discard()
		return
	}
	c.until = time.Now().Add(idle)
	p.idle = append(p.idle, c)
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(min(idle, sweepEvery), p.sweep)
	}
}

// sweep closes idle connections whose time is over.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, next := time.Now(), sweepEvery
	p.idle = slices.DeleteFunc(p.idle, func(c *conn) bool {
		left := c.until.Sub(now)
		if heard, _ := c.polled(); heard && !c.unheard || left <= 0 {
			c.discard()
			return true
		}
		next = min(next, left)
		return false
	})
	if len(p.idle) == 0 {
		p.sweeper = nil
		return
	}
	p.sweeper.Reset(next)
}

// close closes what is idle, and what becomes so from now on.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.discard()
	}
	p.idle = nil
	p.http2.CloseIdleConnections()
}

// connect makes a connection, with TLS where the place has it.
func (p *pool) connect(ctx context.Context, cfg *tls.Config) (net.Conn, error) {
	c, err := p.up.dial(ctx, p.place)
	if err != nil {
		return nil, classify(ctx, err)
	}
	if p.place.scheme != "https" {
		return c, nil
	}
	secure := tls.Client(c, cfg)
	within, cancel := context.WithTimeout(ctx, p.place.connect)
	defer cancel()
	if err := secure.HandshakeContext(within); err != nil {
		_ = c.Close() // the handshake's error is the one to tell
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case within.Err() != nil:
			return nil, &Error{ConnectTimeout, err}
		}
		return nil, &Error{TLS, err}
	}
	return secure, nil
}
