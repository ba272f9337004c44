package router

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo/netmap"
	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/health"
	"github.com/warmfront/warmfront/router/load"
	"github.com/warmfront/warmfront/router/pick"
)

// snapshot is all that an answer depends on besides the question. It is
// immutable.
type snapshot struct {
	server *identity
	signer *dnssec.Signer
	zones  zones
	// configured are the zones without the hosted ones.
	configured zones
	state      *cdn.State // nil while nothing is known yet
	before     map[string]bool
	index      index
	ports      map[uint16]bool // see otherPorts
	table      *pick.Table
	locate     func(netip.Addr) (Place, bool)
	home       Place
	most       int // addresses of one answer
	// locations is the location table that the pools of table were made with.
	locations *netmap.Map

	explaining bool // see explains
	loads      func() map[string]load.State
	roundTrip  func(viewer, pop pick.Point) time.Duration
}

// edges returns the registered edge nodes of a state, by id: not those of regional edge
// caches, which viewers are never sent to.
func edges(s *cdn.State) map[string]cdn.Node {
	out := map[string]cdn.Node{}
	if s == nil {
		return out
	}
	for id, n := range s.Nodes {
		if n.Role == cdn.RoleEdge && !n.IsRegional() {
			out[id] = n
		}
	}
	return out
}

// emptyNonTerminals returns the names that exist only because aliases lie below
// them.
func emptyNonTerminals(s *cdn.State, all zones) map[string]bool {
	out := map[string]bool{}
	if s == nil {
		return out
	}
	for _, p := range s.Plans {
		for _, a := range p.Aliases {
			a += "."
			if z := all.of(a); z != nil && z.hosted == nil && a != z.apex {
				between(out, a, z.apex)
			}
		}
	}
	return out
}

func (r *Router) table(checked []health.Edge, under pick.Conditions) *pick.Table {
	list := make([]pick.Edge, len(checked))
	for i, e := range checked {
		list[i] = pick.Edge{
			Node: e.Node, Healthy: e.Healthy, Down: e.Phase == health.Down, Draining: e.Draining, LastGood: e.LastGood,
		}
	}
	return pick.Policy{ClassOverflow: r.cfg.ClassOverflow}.Table(r.cfg.POPs, list, under)
}

// conditions are those of the table that is made now; r.mu is held.
func (r *Router) conditions(locations *netmap.Map) pick.Conditions {
	return pick.Conditions{Locations: locations, Spill: r.spill, Ways: r.ways}
}

// sayOverflow logs it when viewers begin or cease to be sent outside a price class: it
// costs money.
func (r *Router) sayOverflow(before, after *pick.Table) {
	was, is := before.Overflowing(), after.Overflowing()
	for _, class := range is {
		if !slices.Contains(was, class) {
			r.cfg.Logger.Warn("every edge of a price class is down: its viewers are sent outside it", "class", class.String())
		}
	}
	for _, class := range was {
		if !slices.Contains(is, class) {
			r.cfg.Logger.Info("viewers are sent within their price class again", "class", class.String())
		}
	}
}

// current returns the snapshot to answer from. The state is compared each time,
// not waited for: what this router has acknowledged to control must be what it
// answers from that moment on.
func (r *Router) current() *snapshot {
	s := r.snap.Load()
	if r.cfg.State() != s.state {
		r.Refresh()
		s = r.snap.Load()
	}
	if r.cfg.Table() != s.locations && r.relocating.CompareAndSwap(false, true) {
		// A database that was read anew waits for nobody, and nobody for it.
		r.background.Go(func() {
			defer r.relocating.Store(false)
			r.renew()
		})
	}
	return s
}

// Refresh takes in what the journal's state says now. Answers do so by themselves;
// calling it after each change has new edges checked at once even while nobody
// asks.
func (r *Router) Refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, state := r.snap.Load(), r.cfg.State()
	if old.state == state {
		return
	}
	next := *old
	next.state = state
	r.reindex(&next, old.state)
	if now := edges(state); !maps.Equal(now, r.edges) {
		r.edges = now
		r.checker.Register(values(now))
		known := r.checker.Edges() // the last ones, where the membership was lost
		next.ports = otherPorts(known)
		next.locations = r.cfg.Table()
		next.table = r.table(known, r.conditions(next.locations))
		r.sayOverflow(old.table, next.table)
		for _, n := range next.table.Unplaced() {
			r.cfg.Logger.Warn("edge is never answered: its POP is not in the catalogue", "node", n.ID, "pop", n.POP)
		}
	}
	r.snap.Store(&next)
}

// renew makes answers follow what the checks found, and the location table.
func (r *Router) renew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.snap.Load()
	next := *old
	next.locations = r.cfg.Table()
	next.table = r.table(r.checker.Edges(), r.conditions(next.locations))
	r.sayOverflow(old.table, next.table)
	r.snap.Store(&next)
}

func values(nodes map[string]cdn.Node) []cdn.Node {
	out := make([]cdn.Node, 0, len(nodes))
	for _, n := range nodes {
		out = append(out, n)
	}
	return out
}
