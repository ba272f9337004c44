package journal

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// Standing is what the ledger knows of a node.
type Standing struct {
	Incarnation uint64
	Acked       cdn.Version
	// Left is how long control waits for the node's lease; zero where it has none.
	Left time.Duration
}

// Standing returns the account of a node's newest incarnation.
func (l *Ledger) Standing(id string, now Instant) Standing {
	var s Standing
	a := l.nodes[id]
	if a == nil {
		return s
	}
	s.Incarnation = a.incarnation
	for _, g := range a.grants {
		s.Left = max(s.Left, g.end-now.Mono)
		if g.incarnation == a.incarnation {
			s.Acked = g.acked
		}
	}
	return s
}

// Wait is a process that a version has not settled for.
type Wait struct {
	Node        string
	Incarnation uint64
	// Replaced is set where a later process has joined as the node: this one was not
	// seen to end.
	Replaced bool
	Acked    cdn.Version
	// Left is how long control waits for its lease; not positive where it has none.
	Left time.Duration
	// Endless is set where the end of the lease will not do: the process may go on
	// serving without one, until it has acknowledged, ended or been forgotten.
	Endless bool
}

// Quiet is for how long everything waits for leases of an earlier run.
func (l *Ledger) Quiet(now Instant) time.Duration { return max(0, l.quiet-now.Mono) }

// Waiting lists whom v waits for in a scope, by node, for a distribution of that
// isolation.
func (l *Ledger) Waiting(s Scope, i cdn.Isolation, v cdn.Version, now Instant) []Wait {
	var all []Wait
	for id, a := range l.nodes {
		if !s.Counts(a.role) {
			continue
		}
		for _, g := range a.grants {
			if !g.acked.Before(v) || !g.holds(i, now.Mono) {
				continue
			}
			all = append(all, Wait{
				Node: id, Incarnation: g.incarnation, Replaced: g.incarnation != a.incarnation, Acked: g.acked,
				Left: g.end - now.Mono, Endless: g.holds(i, g.end),
			})
		}
	}
	slices.SortFunc(all, func(a, b Wait) int {
		if c := strings.Compare(a.Node, b.Node); c != 0 {
			return c
		}
		return cmp.Compare(a.Incarnation, b.Incarnation)
	})
	return all
}

// Processes returns the incarnations of a node that are not known to have ended,
// oldest first: what a later run must Recall.
func (l *Ledger) Processes(id string) []uint64 {
	var alive []uint64
	if a := l.nodes[id]; a != nil {
		for _, g := range a.grants {
			if g.alive {
				alive = append(alive, g.incarnation)
			}
		}
	}
	slices.Sort(alive)
	return alive
}

// Recall says what an earlier run knew of a registered node: its newest
// incarnation, and those that it had not seen end. They may have been granted
// leases, and what they had acknowledged they must acknowledge again.
func (l *Ledger) Recall(id string, incarnation uint64, alive []uint64) {
	a := l.nodes[id]
	if a == nil || !a.registered {
		return
	}
	a.incarnation = max(a.incarnation, incarnation)
	for _, n := range alive {
		a.grant(n).entitled = true
	}
}

// ended notes that a process has ended: it serves nothing any more, with or
// without a lease.
func (a *account) ended(incarnation uint64) {
	for _, g := range a.grants {
		if g.incarnation == incarnation {
			g.alive = false
		}
	}
}

// bury ends the processes of forgotten nodes: whoever forgets a node answers for
// it that it does not serve, but for the lease that it may still hold.
func (l *Ledger) bury() {
	for _, a := range l.nodes {
		for _, g := range a.grants {
			g.alive = g.alive && a.registered
		}
	}
}
