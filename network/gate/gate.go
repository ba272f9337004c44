// Package gate is where faults act on one node of a sandbox: what a node sends and
// receives passes through its [Gate], which can cut it off from the cluster or from
// control, slow it down, or hold it as if its process were stopped.
package gate

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

// Gate is what every connection of a node passes through. A node without faults pays one atomic load per read
// and write.
//
// Cluster traffic (journal, leases, peers; gossip asks cut itself) stops in a
// partition; what viewers and origins exchange with the node goes on, as it does
// when an edge loses its control plane but not the Internet. A pause stops both,
// like a process that was sent SIGSTOP: the kernel still accepts, nothing
// answers.
type Gate struct {
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

// New returns the gate of a node without faults.
func New() *Gate { return &Gate{conns: map[*gatedConn]struct{}{}} }

// Knows says where the node calls control.
func (g *Gate) Knows(control []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.control = control
}

// Partition cuts the node off from the cluster, or from control alone, and breaks
// the connections it has there.
func (g *Gate) Partition(fromControl bool) {
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

// Pause holds the node as SIGSTOP would.
func (g *Gate) Pause() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.resume == nil {
		g.resume = make(chan struct{})
		g.paused.Store(true)
	}
}

// Heal ends all faults but a stop.
func (g *Gate) Heal() {
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
func (g *Gate) severs(address string) bool {
	return g.cut || g.fromControl && slices.Contains(g.control, address)
}

func (g *Gate) isSevered(address string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.severs(address) || g.resume != nil
}

// Hides reports whether gossip with an address is dropped. Of a stream that was
// accepted it is not the port that its peer gossips at.
func (g *Gate) Hides(peer netip.Addr) bool {
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

// State names the faults in force, "" for none.
func (g *Gate) State() string {
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

// Slow adds d to each round trip of the node.
func (g *Gate) Slow(d time.Duration) { g.slow.Store(int64(d)) }

// Delay is what Slow has added.
func (g *Gate) Delay() time.Duration { return time.Duration(g.slow.Load()) }

// Wait returns at once, or while the node is paused when it goes on or done is
// closed.
func (g *Gate) Wait(done <-chan struct{}) {
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

// DialFunc is net.Dialer.DialContext, or something like it.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// DialCluster wraps the dialer for traffic within the cluster.
func (g *Gate) DialCluster(dial DialFunc) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		g.Wait(ctx.Done())
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

// DialOut wraps the dialer for traffic with origins.
func (g *Gate) DialOut(dial DialFunc) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		g.Wait(ctx.Done())
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return g.wrap(c, false)
	}
}

// Listener wraps one that viewers connect to.
func (g *Gate) Listener(l net.Listener) net.Listener { return gatedListener{l, g} }

type gatedListener struct {
	net.Listener
	g *Gate
}

func (l gatedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.g.wrap(c, false)
}

// ClusterListener wraps one that other nodes connect to: in a partition nobody does.
func (g *Gate) ClusterListener(l net.Listener) net.Listener { return clusterListener{l, g} }

type clusterListener struct {
	net.Listener
	g *Gate
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

func (g *Gate) wrap(c net.Conn, cluster bool) (net.Conn, error) {
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
	g    *Gate
	once sync.Once
	done chan struct{}
}

// NetConn is the connection itself, for who asks the kernel about it.
func (c *gatedConn) NetConn() net.Conn { return c.Conn }

func (c *gatedConn) Read(b []byte) (int, error) {
	c.g.Wait(c.done)
	n, err := c.Conn.Read(b)
	c.g.Wait(c.done) // what arrived during a pause is not seen before it ends
	return n, err
}

func (c *gatedConn) Write(b []byte) (int, error) {
	c.g.Wait(c.done)
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

// Packets is a packet socket whose buffers can be sized, as QUIC does: what arrives
// in bursts, or during a pause, waits there.
type Packets interface {
	net.PacketConn
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}

// Packets holds what a packet socket receives while the node is paused; what came
// meanwhile is answered when the pause ends, if anybody still waits. It holds what
// is sent, too: QUIC has timers, and a process that does not run sends nothing.
func (g *Gate) Packets(pc net.PacketConn) Packets {
	return &gatedPackets{PacketConn: pc, g: g, done: make(chan struct{})}
}

type gatedPackets struct {
	net.PacketConn
	g    *Gate
	once sync.Once
	done chan struct{}
}

func (p *gatedPackets) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.PacketConn.ReadFrom(b)
	p.g.Wait(p.done)
	return n, from, err
}

func (p *gatedPackets) WriteTo(b []byte, to net.Addr) (int, error) {
	p.g.Wait(p.done)
	return p.PacketConn.WriteTo(b, to)
}

func (p *gatedPackets) SetReadBuffer(n int) error {
	if s, ok := p.PacketConn.(Packets); ok {
		return s.SetReadBuffer(n)
	}
	return nil
}

func (p *gatedPackets) SetWriteBuffer(n int) error {
	if s, ok := p.PacketConn.(Packets); ok {
		return s.SetWriteBuffer(n)
	}
	return nil
}

func (p *gatedPackets) Close() error {
	p.once.Do(func() { close(p.done) })
	return p.PacketConn.Close()
}
