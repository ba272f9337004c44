package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// gate is where faults act on one node of a sandbox: every connection of the
// node passes through it. A node without faults pays one atomic load per read
// and write.
//
// Cluster traffic (journal, leases, peers; gossip asks cut itself) stops in a
// partition; what viewers and origins exchange with the node goes on, as it does
// when an edge loses its control plane but not the Internet. A pause stops both,
// like a process that was sent SIGSTOP: the kernel still accepts, nothing
// answers.
type gate struct {
	mu  sync.Mutex
	cut bool
	// control are the addresses, host:port, that the node calls control at;
	// fromControl cuts those off and nothing else.
	control     []string
	fromControl bool
	resume      chan struct{} // non-nil while paused; closed to go on
	paused      atomic.Bool
	slow        atomic.Int64 // nanoseconds added to each round trip
	conns       map[*gatedConn]struct{}
}

var errPartitioned = errors.New("partitioned from the cluster by `warmfront fault partition`")

func newGate() *gate { return &gate{conns: map[*gatedConn]struct{}{}} }

// knows says where the node calls control.
func (g *gate) knows(control []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.control = control
}

// partition cuts the node off from the cluster, or from control alone, and breaks
// the connections it has there.
func (g *gate) partition(fromControl bool) {
	g.mu.Lock()
	if g.fromControl = fromControl; !fromControl {
		g.cut = true
	}
	open := make([]*gatedConn, 0, len(g.conns))
	for c := range g.conns {
		if g.severs(c.RemoteAddr().String()) {
			open = append(open, c)
		}
	}
	g.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}

func (g *gate) pause() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.resume == nil {
		g.resume = make(chan struct{})
		g.paused.Store(true)
	}
}

// heal ends all faults but a stop.
func (g *gate) heal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut, g.fromControl = false, false
	g.slow.Store(0)
	if g.resume != nil {
		g.paused.Store(false)
		close(g.resume)
		g.resume = nil
	}
}

// severs reports whether an address is on the other side of a partition. The caller
// holds mu.
func (g *gate) severs(address string) bool {
	return g.cut || g.fromControl && slices.Contains(g.control, address)
}

func (g *gate) isSevered(address string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.severs(address) || g.resume != nil
}

// hides reports whether gossip with an address is dropped. Of a stream that was
// accepted it is not the port that its peer gossips at.
func (g *gate) hides(peer netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fromControl && slices.ContainsFunc(g.control, func(c string) bool {
		at, err := netip.ParseAddrPort(c)
		return err == nil && at.Addr() == peer.Unmap()
	}) {
		return true
	}
	return g.cut || g.resume != nil
}

// state names the faults in force, "" for none.
func (g *gate) state() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.resume != nil:
		return "paused"
	case g.cut:
		return "partitioned"
	case g.fromControl:
		return "cut off from control"
	case g.slow.Load() > 0:
		return "slow"
	}
	return ""
}

func (g *gate) delay() time.Duration { return time.Duration(g.slow.Load()) }

// wait returns at once, or while the node is paused when it goes on or done is
// closed.
func (g *gate) wait(done <-chan struct{}) {
	if !g.paused.Load() {
		return
	}
	g.mu.Lock()
	resume := g.resume
	g.mu.Unlock()
	if resume == nil {
		return
	}
	select {
	case <-resume:
	case <-done:
	}
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// dialCluster wraps the dialer for traffic within the cluster.
func (g *gate) dialCluster(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		g.wait(ctx.Done())
		if g.isSevered(addr) {
			return nil, errPartitioned
		}
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return g.wrap(c, true)
	}
}

// dialOut wraps the dialer for traffic with origins.
func (g *gate) dialOut(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		g.wait(ctx.Done())
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return g.wrap(c, false)
	}
}

// listener wraps one that viewers connect to.
func (g *gate) listener(l net.Listener) net.Listener { return gatedListener{l, g} }

type gatedListener struct {
	net.Listener
	g *gate
}

func (l gatedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.g.wrap(c, false)
}

// clusterListener wraps one that other nodes connect to: in a partition nobody does.
func (g *gate) clusterListener(l net.Listener) net.Listener { return clusterListener{l, g} }

type clusterListener struct {
	net.Listener
	g *gate
}

func (l clusterListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c, err = l.g.wrap(c, true); err == nil {
			return c, nil
		}
	}
}

func (g *gate) wrap(c net.Conn, cluster bool) (net.Conn, error) {
	gc := &gatedConn{Conn: c, g: g, done: make(chan struct{})}
	if !cluster {
		return gc, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.severs(c.RemoteAddr().String()) {
		return nil, errors.Join(errPartitioned, c.Close())
	}
	g.conns[gc] = struct{}{}
	return gc, nil
}

// gatedConn holds its reads and writes while the node is paused.
type gatedConn struct {
	net.Conn
	g    *gate
	once sync.Once
	done chan struct{}
}

// NetConn is the connection itself, for who asks the kernel about it.
func (c *gatedConn) NetConn() net.Conn { return c.Conn }

func (c *gatedConn) Read(b []byte) (int, error) {
	c.g.wait(c.done)
	n, err := c.Conn.Read(b)
	c.g.wait(c.done) // what arrived during a pause is not seen before it ends
	return n, err
}

func (c *gatedConn) Write(b []byte) (int, error) {
	c.g.wait(c.done)
	return c.Conn.Write(b)
}

func (c *gatedConn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return c.Close()
}

func (c *gatedConn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.g.mu.Lock()
		delete(c.g.conns, c)
		c.g.mu.Unlock()
	})
	return c.Conn.Close()
}

// packets holds what a packet socket receives while the node is paused; what
// came meanwhile is answered when the pause ends, if anybody still waits.
func (g *gate) packets(pc net.PacketConn) net.PacketConn {
	return &gatedPackets{PacketConn: pc, g: g, done: make(chan struct{})}
}

type gatedPackets struct {
	net.PacketConn
	g    *gate
	once sync.Once
	done chan struct{}
}

func (p *gatedPackets) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.PacketConn.ReadFrom(b)
	p.g.wait(p.done)
	return n, from, err
}

func (p *gatedPackets) Close() error {
	p.once.Do(func() { close(p.done) })
	return p.PacketConn.Close()
}
