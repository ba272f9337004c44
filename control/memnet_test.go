package control_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memnet is a network in memory, for testing/synctest: buffered connections with
// deadlines, and hosts that can be cut off, from all others or in one direction from
// one, after which what is sent vanishes and nobody is told.
type memnet struct {
	mu        sync.Mutex
	listeners map[string]*memListener
	cut       map[string]bool
	lost      map[way]bool
	ports     int
}

// way is the direction from one host to another.
type way struct{ from, to string }

func newMemnet() *memnet {
	return &memnet{listeners: map[string]*memListener{}, cut: map[string]bool{}, lost: map[way]bool{}}
}

func (n *memnet) setCut(host string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[host] = cut
}

// setLost makes what one host sends to another vanish, or arrive again.
func (n *memnet) setLost(from, to string, lost bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost[way{from, to}] = lost
}

// part cuts two hosts off from one another.
func (n *memnet) part(a, b string, apart bool) {
	n.setLost(a, b, apart)
	n.setLost(b, a, apart)
}

func (n *memnet) isLost(w way) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cut[w.from] || n.cut[w.to] || n.lost[w]
}

// listen is control's.
func (n *memnet) listen(_, address string) (net.Listener, error) {
	return n.listenAs("control", address)
}

func (n *memnet) listenAs(host, address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[address] != nil {
		return nil, fmt.Errorf("%s is taken", address)
	}
	l := &memListener{n: n, host: host, address: memAddr(address), conns: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[address] = l
	return l, nil
}

// dialer returns the Dial of a host.
func (n *memnet) dialer(host string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		n.mu.Lock()
		l := n.listeners[address]
		n.ports++
		from := memAddr(fmt.Sprintf("%s:%d", host, n.ports))
		n.mu.Unlock()
		if l == nil {
			return nil, errors.New("connection refused")
		}
		if out := (way{host, l.host}); n.isLost(out) || n.isLost(out.back()) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		near, far := n.pair(way{host, l.host}, from, l.address)
		select {
		case l.conns <- far:
			return near, nil
		case <-l.closed:
			return nil, errors.New("connection refused")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w way) back() way { return way{w.to, w.from} }

// pair returns the two ends of a connection between hosts.
func (n *memnet) pair(out way, from, to memAddr) (near, far *memConn) {
	up, down := newMemPipe(), newMemPipe()
	return &memConn{n: n, out: out, in: down, to: up, local: from, remote: to},
		&memConn{n: n, out: out.back(), in: up, to: down, local: to, remote: from}
}

type memAddr string

func (memAddr) Network() string  { return "mem" }
func (a memAddr) String() string { return string(a) }

type memListener struct {
	n       *memnet
	host    string
	address memAddr
	conns   chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.n.mu.Lock()
		defer l.n.mu.Unlock()
		delete(l.n.listeners, string(l.address))
	})
	return nil
}

func (l *memListener) Addr() net.Addr { return l.address }

// memPipe is one direction of a connection.
type memPipe struct {
	mu       sync.Mutex
	changed  sync.Cond
	buf      bytes.Buffer
	ended    bool // by the writer
	shut     bool // by the reader
	deadline time.Time
}

func newMemPipe() *memPipe {
	p := &memPipe{}
	p.changed.L = &p.mu
	return p
}

func (p *memPipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case !p.deadline.IsZero() && !time.Now().Before(p.deadline):
			return 0, os.ErrDeadlineExceeded
		case p.shut:
			return 0, net.ErrClosed
		case p.buf.Len() > 0:
			return p.buf.Read(b)
		case p.ended:
			return 0, io.EOF
		}
		p.changed.Wait()
	}
}

func (p *memPipe) end(byReader bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended, p.shut = true, p.shut || byReader
	p.changed.Broadcast()
}

type memConn struct {
	n             *memnet
	out           way
	in, to        *memPipe
	local, remote memAddr
}

func (c *memConn) Read(b []byte) (int, error) { return c.in.read(b) }

func (c *memConn) Write(b []byte) (int, error) {
	if c.n.isLost(c.out) {
		return len(b), nil
	}
	c.to.mu.Lock()
	defer c.to.mu.Unlock()
	if c.to.ended {
		return 0, net.ErrClosed
	}
	c.to.buf.Write(b)
	c.to.changed.Broadcast()
	return len(b), nil
}

// Close ends this side at once; the other learns of it unless that way is cut off.
func (c *memConn) Close() error {
	c.in.end(true)
	if !c.n.isLost(c.out) {
		c.to.end(false)
	}
	return nil
}

func (c *memConn) LocalAddr() net.Addr  { return c.local }
func (c *memConn) RemoteAddr() net.Addr { return c.remote }

func (c *memConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.deadline = t
	c.in.changed.Broadcast()
	if d := time.Until(t); !t.IsZero() && d > 0 {
		time.AfterFunc(d, func() {
			c.in.mu.Lock()
			defer c.in.mu.Unlock()
			c.in.changed.Broadcast()
		})
	}
	return nil
}

// SetWriteDeadline does nothing: a write never waits.
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }
