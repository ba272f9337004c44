package health

import (
	"cmp"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
)

// Hint is what gossip says of a node.
type Hint int

// The hints. Alive and Dead only bring the next check forward; Left excludes at
// once, because the node itself said so.
const (
	HintAlive Hint = iota
	HintDead
	HintLeft
)

// Edge is a registered edge and its health at one moment.
type Edge struct {
	Node     cdn.Node
	Phase    Phase
	Healthy  bool
	Draining bool
	LastGood time.Time
	// Report is what it said at the last check that succeeded.
	Report report.Edge
}

// Board is the Status of every registered edge and when each is checked next. It
// is not safe for concurrent use.
type Board struct {
	set     Settings
	base    time.Time // what the edges' slots count from
	entries map[string]*entry
	running int
}

type entry struct {
	node    cdn.Node
	status  Status
	report  report.Edge
	next    time.Time
	started time.Time
	running bool
}

// NewBoard returns a board without edges.
func NewBoard(set Settings, now time.Time) *Board {
	return &Board{set: set, base: now, entries: map[string]*entry{}}
}

// Register makes the board hold exactly these edges. New ones, and those whose
// address changed, start as unknown and are due at once. An empty list is taken
// for a membership that was lost rather than for a network without edges: the
// last known one stays, and Register returns false.
func (b *Board) Register(nodes []cdn.Node, now time.Time) bool {
	if len(nodes) == 0 {
		return len(b.entries) == 0
	}
	entries := make(map[string]*entry, len(nodes))
	for _, n := range nodes {
		if e := b.entries[n.ID]; e != nil && e.node == n {
			entries[n.ID] = e
		} else {
			entries[n.ID] = &entry{node: n, next: now}
		}
	}
	b.entries = entries
	return true
}

// Hint takes in what gossip says of a node and reports whether that changed who
// is healthy.
func (b *Board) Hint(id string, h Hint, now time.Time) bool {
	e := b.entries[id]
	if e == nil {
		return false
	}
	before := e.status.Healthy()
	switch h {
	case HintLeft:
		e.status = e.status.Left(now, b.set)
	case HintAlive:
		e.status = e.status.Back()
	}
	if h == HintDead || e.status.Phase != Up {
		// Never more often than four times the usual rate, however many hints come.
		soon := e.started.Add(b.set.Interval / 4)
		if soon.Before(now) {
			soon = now
		}
		if soon.Before(e.next) {
			e.next = soon
		}
	}
	return before != e.status.Healthy()
}

// concurrency is how many checks run at a time. It is above the number of edges
// that time out within one interval in the largest network of the catalogue, so
// that a lost continent does not delay the checks of others.
const concurrency = 256

// Start returns the edges that are due, the longest overdue first, and marks
// them as being checked. It ends the leaves whose time is over, and reports
// whether that made an edge healthy.
func (b *Board) Start(now time.Time) (out []cdn.Node, changed bool) {
	var due []*entry
	for _, e := range b.entries {
		if l := e.status.leaving; !l.IsZero() && !l.After(now) {
			e.status = e.status.Back()
			changed = changed || e.status.Healthy()
		}
		if !e.running && !e.next.After(now) {
			due = append(due, e)
		}
	}
	slices.SortFunc(due, func(a, c *entry) int {
		return cmp.Or(a.next.Compare(c.next), cmp.Compare(a.node.ID, c.node.ID))
	})
	for _, e := range due[:max(0, min(len(due), concurrency-b.running))] {
		e.running, e.started, e.next = true, now, b.slot(e.node.ID, now)
		b.running++
		out = append(out, e.node)
	}
	return out, changed
}

// slot is the first regular time of a node's checks after now. Each node has its
// own offset in the interval, so that a hundred checks do not come at once.
func (b *Board) slot(id string, now time.Time) time.Time {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	offset := time.Duration(h.Sum32()) % b.set.Interval
	since := now.Sub(b.base) - offset
	rounds := since / b.set.Interval
	if since >= 0 {
		rounds++
	}
	return b.base.Add(offset + rounds*b.set.Interval)
}

// Next returns when Start has something to do; the zero Time where that is not
// before a check has ended.
func (b *Board) Next() time.Time {
	var next time.Time
	if b.running >= concurrency {
		return next
	}
	earliest := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, e := range b.entries {
		if !e.running {
			earliest(e.next)
		}
		if !e.status.leaving.IsZero() {
			earliest(e.status.leaving)
		}
	}
	return next
}

// Observe takes in the result of a check that Start gave out: nil, with what the edge says of
// itself, ErrDraining or a failure. It returns the
// phases before and after; they are equal where nothing changed, and for a node
// that was forgotten or changed its address meanwhile.
func (b *Board) Observe(node cdn.Node, report report.Edge, result error, now time.Time) (before, after Phase) {
	b.running--
	e := b.entries[node.ID]
	if e == nil || e.node != node || !e.running {
		return Unknown, Unknown
	}
	e.running = false
	before = e.status.Phase
	if result == nil {
		e.report = report
	}
	if errors.Is(result, ErrDraining) {
		e.status = e.status.Drained(now, b.set)
	} else {
		e.status = e.status.After(result == nil, now, b.set)
	}
	return before, e.status.Phase
}

// Edges returns all edges, by id.
func (b *Board) Edges() []Edge {
	out := make([]Edge, 0, len(b.entries))
	for _, e := range b.entries {
		out = append(out, Edge{e.node, e.status.Phase, e.status.Healthy(), e.status.Draining, e.status.LastGood, e.report})
	}
	slices.SortFunc(out, func(a, c Edge) int { return cmp.Compare(a.Node.ID, c.Node.ID) })
	return out
}
