package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/control/relay"
	"github.com/warmfront/warmfront/gossip"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/supervise"
	"github.com/warmfront/warmfront/wan"
)

// relaying is a node's journal for its neighbours, on its peer port: an edge's is
// the port of its tiers too, which hand over who wants the journal.
type relaying struct {
	server   *relay.Server
	listener net.Listener // nil where the port is the tiers'
}

func newRelaying(c *client.Client, log *slog.Logger) *relaying {
	return &relaying{server: relay.New(c, log)}
}

// listenRelay takes the peer port of a node that is at a place and has no tiers.
func (m *member) listenRelay(at wan.Place) error {
	l, err := net.Listen("tcp", m.cfg.listenAddr(m.cfg.Ports.Peer))
	if err != nil {
		return fmt.Errorf("the port for other nodes: %w", ports.ExplainTaken(err))
	}
	if m.cfg.Sandbox {
		l = wan.Listen(m.cfg.gate.ClusterListener(l), m.cfg.world().nodes(at, m.cfg.gate), wan.Options{Wrap: true})
	}
	m.relay.listener = l
	return nil
}

// Run serves until ctx ends.
func (r *relaying) Run(ctx context.Context) error {
	if r.listener == nil {
		return r.server.Run(ctx)
	}
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(r.listener) }()
	err := r.server.Run(ctx)
	return errors.Join(err, r.Close(), <-served)
}

// Close ends everything at once.
func (r *relaying) Close() error {
	var c supervise.Closing
	c.Add(r.server)
	if r.listener != nil {
		c.Add(r.listener)
	}
	return c.Err
}

// neighbours are the nodes that may relay the journal to this one.
func (m *member) neighbours() []cdn.Node {
	return neighbours(m.client.State().Nodes, m.gossip.Members())
}

// neighbours returns who may have the journal: registered nodes, as far as this one
// knows, and those that gossip has heard of since. Whom gossip has lost is not worth
// asking, unless it has lost everybody.
func neighbours(registered map[string]cdn.Node, members []gossip.Member) []cdn.Node {
	all, up := maps.Clone(registered), maps.Clone(registered)
	for _, m := range members {
		switch {
		case m.Node.Role == cdn.RoleControl:
		case m.State == gossip.Alive, m.State == gossip.Suspect:
			all[m.Node.ID], up[m.Node.ID] = m.Node, m.Node
		default:
			delete(up, m.Node.ID)
		}
	}
	if len(up) <= 1 { // this node itself
		up = all
	}
	return slices.Collect(maps.Values(up))
}
