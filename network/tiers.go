package network

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/control/relay"
	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/edge/roundtrip"
	"github.com/warmfront/warmfront/edge/tier"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/gossip"
	"github.com/warmfront/warmfront/wan"
)

// tiers is how the edge and others of the network ask one another before they ask an
// origin.
func (e *Edge) tiers(cfg EdgeConfig, pop geo.POP) *tier.Config {
	return &tier.Config{
		Addr: cfg.listenAddr(cfg.Ports.Peer), Wrap: e.wrapPeers(cfg, pop), Identity: PeerIdentity(e.client),
		Dial: cfg.gate.DialCluster(dialFrom(cfg.Addr)), Up: e.gone.isUp,
		Route: tier.CloudFront(cfg.Geo.Catalogue().Far), Shield: tier.OriginShield(cfg.Geo.Catalogue().Far),
		Other: map[string]func(context.Context, *tls.Conn){
			wire.ProtocolJournal: func(_ context.Context, c *tls.Conn) { e.relay.server.Take(c) },
			roundtrip.Protocol:   roundtrip.Serve,
		},
	}
}

// newProber measures the ways from the edge to the other POPs, over the same ports.
func (e *Edge) newProber(cfg EdgeConfig, pop geo.POP) *roundtrip.Prober {
	w := cfg.world() // in which there is no distance to measure before the network has started
	return roundtrip.New(roundtrip.Config{
		POP: pop.Code, Nodes: func() map[string]cdn.Node { return e.client.State().Nodes },
		Up:       func(id string) bool { return !w.isNear() && e.gone.isUp(id) },
		Identity: PeerIdentity(e.client).Dial, Dial: cfg.gate.DialCluster(dialFrom(cfg.Addr)), Logger: cfg.Log,
	})
}

// wrapPeers puts faults and distance between other edges and a sandbox's.
func (e *Edge) wrapPeers(cfg EdgeConfig, pop geo.POP) func(net.Listener) net.Listener {
	if !cfg.Sandbox {
		return nil
	}
	return func(l net.Listener) net.Listener {
		l = wan.Listen(cfg.gate.ClusterListener(l), cfg.world().nodes(popPoint(pop), cfg.gate), wan.Options{Wrap: true})
		e.listeners = append(e.listeners, l)
		return l
	}
}

// gone are the nodes that gossip has lost. That proves nothing of what they serve
// (rule B): they are not worth waiting for, no more.
type gone struct{ ids sync.Map }

func (g *gone) note(m gossip.Member) {
	if m.State == gossip.Alive || m.State == gossip.Suspect {
		g.ids.Delete(m.Node.ID)
	} else {
		g.ids.Store(m.Node.ID, true)
	}
}

// isUp reports whether a node may be there. Whom gossip has never heard of is tried.
func (g *gone) isUp(id string) bool {
	_, lost := g.ids.Load(id)
	return !lost
}

// peerIdentity implements tier.Identity by the certificate that control gave the
// node when it joined.
type peerIdentity struct{ c *client.Client }

// PeerIdentity is how a node that follows control by c proves to others who it is.
func PeerIdentity(c *client.Client) tier.Identity { return peerIdentity{c} }

func (p peerIdentity) Dial(id string) (*tls.Config, error) {
	identity, ok := p.c.Identity()
	if !ok {
		return nil, relay.ErrNotJoined
	}
	return identity.Dial(func(other string) bool { return other == id }), nil
}

// Accept lets edges in that want this one's cache, and any node that wants the
// journal: registered ones.
func (p peerIdentity) Accept() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		cfg, err := relay.Accept(p.c)
		if err != nil {
			return nil, err
		}
		cfg.NextProtos = append(cfg.NextProtos, "http/1.1", roundtrip.Protocol)
		cfg.VerifyConnection = func(s tls.ConnectionState) error {
			if s.NegotiatedProtocol == wire.ProtocolJournal {
				return relay.Registered(p.c, s)
			}
			id, err := ca.PeerID(&s)
			if err != nil {
				return err
			}
			if p.c.State().Nodes[id].Role != cdn.RoleEdge {
				return fmt.Errorf("%s is no edge that is registered", id)
			}
			return nil
		}
		return cfg, nil
	}}
}
