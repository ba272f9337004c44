// Package memnet is a network in memory for tests of clusters: packets and
// streams between hosts named by address, with delay, loss, hosts that are down,
// partitions, ways cut in one direction and streams that break. It works inside
// testing/synctest, where a real socket would keep the fake clock from moving, and
// speaks net's own interfaces, so what is tested is the code that runs.
//
// What it promises: a packet arrives once, after the delay of its way, or is
// lost; a stream keeps its order, and while its ends cannot reach each other
// its bytes stand still, as TCP's do, until they can. A dial to a host that
// cannot be reached hangs until it can, or its context ends; to a reachable host without
// a listener it is refused after a round trip.
//
// How one packet goes: WriteTo asks the network whether it survives the loss
// and the partition, starts a timer of the one-way delay, and when that fires
// puts it in the receiver's queue, or drops it where that is full, the
// receiver gone, or the way cut meanwhile.
package memnet

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/warmfront/warmfront/wan"
)

// Network connects any number of hosts. All methods may be called at any time.
type Network struct {
	changing sync.Mutex // held for a whole change, before mu

	mu        sync.Mutex
	rnd       *rand.Rand
	delay     func(from, to netip.Addr) time.Duration
	loss      float64
	down      map[netip.Addr]bool
	side      func(netip.Addr) int
	cut       func(from, to netip.Addr) bool
	packets   map[netip.AddrPort]*packetConn
	listeners map[netip.AddrPort]*listener
	streams   map[*stream]struct{}
	lastPort  uint16
}

// New returns a network without delay, loss or faults. The seed decides which
// packets a loss takes.
func New(seed uint64) *Network {
	return &Network{
		rnd:       rand.New(rand.NewPCG(seed, 0)),
		delay:     func(_, _ netip.Addr) time.Duration { return 0 },
		side:      func(netip.Addr) int { return 0 },
		cut:       func(_, _ netip.Addr) bool { return false },
		down:      map[netip.Addr]bool{},
		packets:   map[netip.AddrPort]*packetConn{},
		listeners: map[netip.AddrPort]*listener{},
		streams:   map[*stream]struct{}{},
		lastPort:  32767,
	}
}

// SetDelay sets the time from one host to another, one way. Both directions of
// a stream take that of its dialler's.
func (n *Network) SetDelay(oneWay func(from, to netip.Addr) time.Duration) {
	n.change(func() { n.delay = oneWay })
}

// SetLoss sets the part of packets, 0 to 1, that is lost. Streams repair loss.
func (n *Network) SetLoss(part float64) { n.change(func() { n.loss = part }) }

// SetDown takes a host off the network, or puts it back.
func (n *Network) SetDown(host netip.Addr, down bool) {
	n.change(func() { n.down[host] = down })
}

// Partition lets hosts reach each other only where side answers the same.
func (n *Network) Partition(side func(netip.Addr) int) { n.change(func() { n.side = side }) }

// Cut stops what goes from one host to another where cut says so, one way: packets
// are lost, bytes of streams stand still. No stream is opened unless both ways are
// free. Nil: nothing is cut.
func (n *Network) Cut(cut func(from, to netip.Addr) bool) {
	if cut == nil {
		cut = func(_, _ netip.Addr) bool { return false }
	}
	n.change(func() { n.cut = cut })
}

// Break resets the streams between hosts of which it is said: what is under way
// on them is lost, and both ends are told at once.
func (n *Network) Break(broken func(client, server netip.Addr) bool) {
	n.changing.Lock()
	defer n.changing.Unlock()
	n.mu.Lock()
	var gone []*stream
	for s := range n.streams {
		if broken(s.client, s.server) {
			gone = append(gone, s)
		}
	}
	n.mu.Unlock()
	for _, s := range gone {
		s.ends[0].Break()
	}
}

// Heal ends the partition; hosts that are down stay down.
func (n *Network) Heal() { n.Partition(func(netip.Addr) int { return 0 }) }

// change alters the network and lets its streams feel it. They are told after
// mu is given up: a stream that is written to asks for the delay, and with it
// for mu, while it holds its own lock.
func (n *Network) change(alter func()) {
	n.changing.Lock()
	defer n.changing.Unlock()
	n.mu.Lock()
	alter()
	held := make(map[*stream][2]bool, len(n.streams))
	for s := range n.streams {
		held[s] = [2]bool{!n.reaches(s.server, s.client), !n.reaches(s.client, s.server)}
	}
	n.mu.Unlock()
	for s, h := range held {
		s.ends[0].Hold(h[0])
		s.ends[1].Hold(h[1])
	}
}

func (n *Network) reaches(from, to netip.Addr) bool {
	return !n.down[from] && !n.down[to] && n.side(from) == n.side(to) && !n.cut(from, to)
}

func (n *Network) between(from, to netip.Addr) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.delay(from, to)
}

// Listen waits for streams at addr; port 0 chooses one.
func (n *Network) Listen(addr netip.AddrPort) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr = n.port(addr)
	if n.listeners[addr] != nil {
		return nil, opError("listen", addr, syscall.EADDRINUSE)
	}
	l := &listener{net: n, addr: addr, backlog: make(chan net.Conn, 256), done: make(chan struct{})}
	n.listeners[addr] = l
	return l, nil
}

// ListenPacket waits for packets at addr; port 0 chooses one.
func (n *Network) ListenPacket(addr netip.AddrPort) (net.PacketConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr = n.port(addr)
	if n.packets[addr] != nil {
		return nil, opError("listen", addr, syscall.EADDRINUSE)
	}
	p := newPacketConn(n, addr)
	n.packets[addr] = p
	return p, nil
}

// Dial opens a stream from a host to an address. What cannot be reached is tried
// again after 1, 2, 4 … seconds, as TCP does.
func (n *Network) Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	rtt := n.between(from, to.Addr()) + n.between(to.Addr(), from)
	if err := wait(ctx, rtt); err != nil {
		return nil, opError("dial", to, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for retry := time.Second; !n.reaches(from, to.Addr()) || !n.reaches(to.Addr(), from); retry *= 2 {
		n.mu.Unlock()
		err := wait(ctx, retry)
		n.mu.Lock()
		if err != nil {
			return nil, opError("dial", to, err)
		}
	}
	l := n.listeners[to]
	if l == nil {
		return nil, opError("dial", to, syscall.ECONNREFUSED)
	}
	local := n.port(netip.AddrPortFrom(from, 0))
	near, far := wan.Pipe(net.TCPAddrFromAddrPort(local), net.TCPAddrFromAddrPort(to),
		func() time.Duration { return n.between(from, to.Addr()) })
	s := &stream{net: n, client: from, server: to.Addr(), ends: [2]*wan.End{near, far}}
	select {
	case l.backlog <- streamEnd{far, s}:
	default:
		return nil, opError("dial", to, syscall.ECONNREFUSED)
	}
	n.streams[s] = struct{}{}
	return streamEnd{near, s}, nil
}

// Dialer returns a function of the form net/http and others ask for.
func (n *Network) Dialer(from netip.Addr) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return nil, err
		}
		return n.Dial(ctx, from, to)
	}
}

// port gives addr a port if it has none. n.mu is held.
func (n *Network) port(addr netip.AddrPort) netip.AddrPort {
	if addr.Port() != 0 {
		return addr
	}
	n.lastPort++
	if n.lastPort < 32768 {
		n.lastPort = 32768
	}
	return netip.AddrPortFrom(addr.Addr(), n.lastPort)
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// contextError is what net answers for a dial whose time is up: a time-out is
// told from a cancellation by the type.
func contextError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return timeoutError{}
	}
	return ctx.Err()
}

type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

func opError(op string, addr netip.AddrPort, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: net.TCPAddrFromAddrPort(addr), Err: err}
}
