package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// Config of one member. Node, Key and Bind are required.
type Config struct {
	// Node is what the others learn about this one. Its ID is the member's name
	// and must be unique; its GossipPort is filled in by New.
	Node cdn.Node

	// Key is what DeriveKey made from the cluster's secret.
	Key []byte

	// Bind is where packets and streams are received; port 0 chooses one that
	// is free for both.
	Bind netip.AddrPort

	// Advertise is the address others are to use where it is not Bind: behind
	// NAT, or where Bind is 0.0.0.0. Its port 0 stands for the bound one.
	Advertise netip.AddrPort

	// Seeds are addresses ("host:port", names allowed) to find the others by.
	// The first few are joined at start, so all nodes should have the same
	// order, those most likely to be up in front.
	Seeds []string

	// Registered returns the gossip addresses the journal knows; may be nil.
	// Those that are not alive here are tried from time to time: that is what
	// brings the halves of a partition together again.
	Registered func() []netip.AddrPort

	// Timing is Lab() or Host().
	Timing Timing

	// OnMember is called when a member appears, changes its state or metadata,
	// and OnHead when a newer head than known was heard of from others. Both run
	// on one goroutine of Run, in order, the newest state only; they may be nil.
	OnMember func(Member)
	OnHead   func(cdn.Version)

	// Cut, where set, is asked for every packet and stream in either direction;
	// true drops it. The port of an accepted stream's peer is not its gossip
	// port. `warmfront fault partition` is made of it.
	Cut func(peer netip.AddrPort) bool

	// Network is the kernel's where nil; tests put one in memory here.
	Network Network

	// Logger gets what a person should know; memberlist's own messages at debug.
	Logger *slog.Logger
}

// Network is what gossip needs to reach others.
type Network interface {
	Listen(addr netip.AddrPort) (net.Listener, error)
	ListenPacket(addr netip.AddrPort) (net.PacketConn, error)
	Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error)
}

// Timing holds the intervals that fit together for one kind of network.
type Timing struct {
	Gossip     time.Duration // between rounds of broadcast
	Fanout     int           // members a round goes to
	Retransmit int           // times log10(n+1): how often one member passes a message on

	Probe        time.Duration // between probes of one random member
	ProbeTimeout time.Duration // for the direct answer; indirect ones have the rest of Probe
	Suspicion    int           // times log10(n) times Probe: least time to answer a suspicion

	Stream   time.Duration // for a full exchange of state: dial, send, receive
	PushPull time.Duration // between those with random members

	Rejoin time.Duration // between attempts to reach who is not alive; grows threefold without success
	Damp   time.Duration // a lost member is suspect for this long before it is dead
	Leave  time.Duration // at most, to say goodbye
}

// Lab is for many nodes on one machine, or in Compose: losses are seen within
// seconds and round trips are below half a second.
func Lab() Timing {
	return Timing{
		Gossip: 200 * time.Millisecond, Fanout: 4, Retransmit: 4,
		Probe: time.Second, ProbeTimeout: 500 * time.Millisecond, Suspicion: 4,
		Stream: 2 * time.Second, PushPull: 30 * time.Second,
		Rejoin: 2 * time.Second, Damp: 10 * time.Second, Leave: 2 * time.Second,
	}
}

// Host is for hosts in several regions: slower to conclude anything.
func Host() Timing {
	return Timing{
		Gossip: 300 * time.Millisecond, Fanout: 4, Retransmit: 4,
		Probe: 2 * time.Second, ProbeTimeout: time.Second, Suspicion: 5,
		Stream: 10 * time.Second, PushPull: 60 * time.Second,
		Rejoin: 5 * time.Second, Damp: 20 * time.Second, Leave: 4 * time.Second,
	}
}

// advertised returns the address others are told, once port is bound.
func (c *Config) advertised(port uint16) netip.AddrPort {
	a := c.Advertise
	if !a.IsValid() {
		return netip.AddrPortFrom(c.Bind.Addr(), port)
	}
	if a.Port() == 0 {
		return netip.AddrPortFrom(a.Addr(), port)
	}
	return a
}

func (c *Config) validate() error {
	switch {
	case c.Node.ID == "" || len(c.Node.ID) > maxID:
		return fmt.Errorf("gossip: node ID %q must have 1 to %d bytes", c.Node.ID, maxID)
	case len(c.Key) != keyBytes:
		return fmt.Errorf("gossip: the key has %d bytes, want the %d that DeriveKey makes from a cluster secret", len(c.Key), keyBytes)
	case !c.Bind.IsValid():
		return errors.New("gossip: no address to bind")
	case c.Bind.Addr().IsUnspecified() && !c.Advertise.IsValid():
		return fmt.Errorf("gossip: bound to %s, others need an address to advertise", c.Bind.Addr())
	case c.Timing.Probe <= 0 || c.Timing.Gossip <= 0 || c.Timing.Stream <= 0 || c.Timing.Rejoin <= 0:
		return errors.New("gossip: no timing; use Lab() or Host()")
	}
	for _, s := range c.Seeds {
		if _, _, err := splitSeed(s); err != nil {
			return fmt.Errorf("gossip: seed %q is not of the form host:port: %w", s, err)
		}
	}
	return nil
}
