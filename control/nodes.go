package control

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/journal"
)

// NodeStatus is what control knows of a registered node.
type NodeStatus struct {
	Node        cdn.Node
	Incarnation uint64
	// Acked is the version it last acknowledged to this control.
	Acked cdn.Version
	// LeaseLeft is for how long a change waits for the node if it acknowledges
	// nothing more; zero where it holds no lease, and is fenced.
	LeaseLeft time.Duration
	// Fenced is set where it certainly holds none: no run before granted it one that
	// may still be running. It serves from its cache what the origin confirms, and
	// distributions that are to be served without a lease.
	Fenced bool
	// Follows is another journal than control's, up to Acked, that the node follows
	// and does not give up; "" where it has this one, or has not called lately. It is
	// fenced, and may not be registered.
	Follows string
}

// Leased reports whether control knows of a lease the node holds.
func (s NodeStatus) Leased() bool { return s.LeaseLeft > 0 }

// NodeStatus returns all registered nodes, by id.
func (c *Control) NodeStatus() []NodeStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	var all []NodeStatus
	for id, n := range c.State().Nodes {
		s := NodeStatus{Node: n}
		if c.ledger != nil {
			standing := c.ledger.Standing(id, now)
			s.Incarnation, s.Acked, s.LeaseLeft = standing.Incarnation, standing.Acked, max(0, standing.Left)
			s.Fenced = !s.Leased() && c.ledger.Quiet(now) == 0
		}
		all = append(all, s)
	}
	all = c.addRefusals(all)
	slices.SortFunc(all, func(a, b NodeStatus) int { return strings.Compare(a.Node.ID, b.Node.ID) })
	return all
}

// addRefusals adds the nodes that keep to another journal. The caller holds mu.
func (c *Control) addRefusals(all []NodeStatus) []NodeStatus {
	for id, r := range c.refusals {
		if time.Since(r.at) > refusalKept {
			continue
		}
		if i := slices.IndexFunc(all, func(s NodeStatus) bool { return s.Node.ID == id }); i >= 0 {
			all[i].Follows = r.journal
			continue
		}
		all = append(all, NodeStatus{Node: r.node, Acked: r.applied, Fenced: true, Follows: r.journal})
	}
	return all
}

// Forget removes a node from the registry: it is not renewed any more, and no
// change waits for it once its lease has ended. A node that still runs joins
// again.
func (c *Control) Forget(ctx context.Context, id string) error {
	_, err := c.Propose(ctx, func(s *cdn.State) ([]cdn.Change, error) {
		if _, ok := s.Nodes[id]; !ok {
			return nil, cdn.Errorf("NoSuchNode", "No node called %q is registered.", id)
		}
		change, err := cdn.NewChange(cdn.KindNodeForget, cdn.Ref{ID: id}, time.Now())
		return []cdn.Change{change}, err
	})
	if err == nil {
		c.note(id, journal.LeaseRequest{Release: true})
	}
	return err
}

// register puts a node, which was checked, in the journal if it is new or has
// changed.
func (c *Control) register(ctx context.Context, n cdn.Node) error {
	_, err := c.Propose(ctx, func(s *cdn.State) ([]cdn.Change, error) {
		old, known := s.Nodes[n.ID]
		if known && old == n {
			return nil, nil
		}
		if known && old.Role != n.Role {
			return nil, cdn.Errorf("InvalidArgument", "The node %s is registered as %s, not %s: forget it first.", n.ID, old.Role, n.Role)
		}
		change, err := cdn.NewChange(cdn.KindNodeRegister, n, time.Now())
		return []cdn.Change{change}, err
	})
	return err
}

// maxK is the highest number of a node in its POP that an address has room for.
const maxK = 254

func checkNode(n cdn.Node) error {
	if err := ca.CheckID(n.ID); err != nil {
		return cdn.Errorf("InvalidArgument", "%v", err)
	}
	switch {
	case ca.IsControl(n.ID):
		return cdn.Errorf("InvalidArgument", "A node cannot be called %q: such names are control's.", n.ID)
	case n.Role != cdn.RoleEdge && n.Role != cdn.RoleRouter && n.Role != cdn.RoleOrigin:
		return cdn.Errorf("InvalidArgument", "The node %s has the role %q, which is none that joins.", n.ID, n.Role)
	case !n.Addr.IsValid():
		return cdn.Errorf("InvalidArgument", "The node %s has no address.", n.ID)
	case n.Role == cdn.RoleEdge && (n.POP == "" || len(n.POP) > 16 || n.K < 1 || n.K > maxK):
		return cdn.Errorf("InvalidArgument", "The edge %s needs a POP, and a number there from 1 to %d.", n.ID, maxK)
	}
	return nil
}

// incarnate gives a node that joins its incarnation and remembers it, durably,
// before the node learns of it. It returns what it knows of the node's disk too.
func (c *Control) incarnate(id string, last uint64) (incarnation uint64, rolledBack bool, disk journal.Disk, err error) {
	c.joining.Lock()
	defer c.joining.Unlock()
	doc, err := c.store.Get(store.Incarnations, id)
	if err != nil {
		return 0, false, disk, err
	}
	known := readIncarnations(doc)
	c.mu.Lock()
	if c.ledger == nil {
		c.mu.Unlock()
		return 0, false, disk, ErrClosed
	}
	incarnation, rolledBack = c.ledger.Join(id, last, known.Last)
	c.mu.Unlock()
	return incarnation, rolledBack, known.Disk, c.remember(id, incarnation, known.Disk)
}
