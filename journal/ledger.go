package journal

import (
	"errors"
	"fmt"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal/mutant"
)

// Scope is a set of roles whose nodes a change waits for.
type Scope int

// The scopes.
const (
	Completed Scope = iota // edges: an invalidation
	Deployed               // edges and routers: a distribution
	scopes
)

// Counts reports whether nodes of a role are waited for.
func (s Scope) Counts(r cdn.Role) bool {
	return r == cdn.RoleEdge || s == Deployed && r == cdn.RoleRouter
}

// Lag is for how long a node may be behind the head and still be renewed. A node
// that lags longer is let run out, so that it does not hold everybody up.
const Lag = 500 * time.Millisecond

// The reasons for which a lease call is refused altogether.
var (
	ErrNotRegistered = errors.New("the node is not registered")
	ErrSuperseded    = errors.New("a later incarnation of the node has joined")
	// ErrAhead says that a node has applied, or heard, what this journal does not
	// hold: the journal was put back to an older state and must begin a new epoch.
	ErrAhead = errors.New("the node is ahead of this journal")
)

// Ledger is the leader's account of who has applied what and who holds a lease.
// It reads the monotonic clock only, which never runs ahead of real time: its
// leases may end late, never early. It is not safe for concurrent use.
type Ledger struct {
	terms Terms
	term  Term
	head  cdn.Version
	// recent are the changes appended within Lag, oldest first; overdue is the
	// newest one appended before that.
	recent  []appended
	overdue cdn.Version
	settled [scopes]cdn.Version
	// quiet is until when leases of an earlier run may be running.
	quiet time.Duration
	nodes map[string]*account
}

type appended struct {
	version cdn.Version
	at      time.Duration
}

// account is what the ledger knows of a node. More than one incarnation can hold
// a lease: the process that a restarted node replaces may be alive, cut off.
type account struct {
	role        cdn.Role
	registered  bool
	incarnation uint64
	grants      []*grant // the current incarnation's last
	gossip               //nolint:unused // nothing but in a build that can break rule B
}

// grant is what the ledger knows of one process of a node.
type grant struct {
	incarnation uint64
	acked       cdn.Version
	end         time.Duration
	// alive is set until the process is known to have ended, entitled once it was
	// granted a lease, perhaps by an earlier run: it serves nothing before. Both
	// are for distributions that are served without a lease.
	alive, entitled bool
	// released is set once it gave its lease up: a call of its that comes late is
	// granted nothing.
	released bool
}

// NewLedger returns the ledger of a leader that starts at now with the journal at
// head. Settled are the versions that were reported before. Rule G: leases that
// an earlier run granted are unknown to this one, so it settles nothing for wait,
// the longest time for which one of them can run; zero where there are none.
func NewLedger(terms Terms, term Term, head cdn.Version, settled map[Scope]cdn.Version, wait time.Duration, now Instant) *Ledger {
	l := &Ledger{terms: terms, term: term, head: head, overdue: head, quiet: now.Mono + wait, nodes: map[string]*account{}}
	for s := range scopes {
		l.settled[s] = settled[s]
	}
	return l
}

// Head is the newest version.
func (l *Ledger) Head() cdn.Version { return l.head }

// Term is the leader's own term.
func (l *Ledger) Term() Term { return l.term }

// Terms are what it grants.
func (l *Ledger) Terms() Terms { return l.terms }

// Appended says that the journal's head is now v.
func (l *Ledger) Appended(v cdn.Version, now Instant) {
	l.head = v
	l.recent = append(l.recent, appended{v, now.Mono})
	l.age(now)
}

// Restarted says that the journal has begun a new epoch at v. Rule G: whoever
// granted leases after the state that was put back was taken did so in a run that
// this one knows nothing of, and a state taken after a stop in good order says
// that there are none to wait for. They are waited for from here on; what was
// settled between the start and a new epoch that only a node's call brought about
// was settled without them.
func (l *Ledger) Restarted(v cdn.Version, now Instant) {
	l.term.Epoch = v.Epoch
	l.quiet = max(l.quiet, now.Mono+l.terms.Held())
	// Whatever the lost run reported, the state that was put back may lack: a node
	// that was without a lease then, and is level with that state, must have taken
	// the new epoch, and with it doubt of all that it has stored, before it gets one.
	l.head, l.overdue, l.recent = v, v, nil
}

func (l *Ledger) age(now Instant) {
	for len(l.recent) > 0 && now.Mono-l.recent[0].at >= Lag {
		l.overdue = l.recent[0].version
		l.recent = l.recent[1:]
	}
}

// Register brings the ledger level with the nodes that the journal registers. A
// forgotten node is no longer renewed, and waited for until its lease ends.
func (l *Ledger) Register(nodes map[string]cdn.Node) {
	for _, a := range l.nodes {
		a.registered = false
	}
	defer l.bury()
	for id, n := range nodes {
		a := l.nodes[id]
		if a == nil {
			a = &account{}
			l.nodes[id] = a
		}
		a.role, a.registered = n.Role, true
	}
}

// Join gives a node that has started the number of its incarnation: one that was
// never used. Last is the one the node remembers, zero for none, and known the
// greatest that control remembers for it. Rule O: where the node remembers less,
// its disk was put back to an older state, and nothing on it can be trusted to
// have seen what was invalidated since.
//
// A disk is one process's at a time, so one that remembers its predecessor proves
// that this has ended; one that remembers nothing, or was put back and may have
// been copied, proves nothing. The predecessor's lease is waited for all the same.
func (l *Ledger) Join(id string, last, known uint64) (incarnation uint64, rolledBack bool) {
	a := l.nodes[id]
	if a == nil {
		a = &account{}
		l.nodes[id] = a
	}
	known = max(known, a.incarnation)
	rolledBack = last != 0 && last < known
	if !rolledBack {
		a.ended(last)
	}
	for _, g := range a.grants {
		g.alive = g.alive && g.entitled // it is refused from now on
	}
	// A control that was put back does not remember what it gave since, and a
	// process that has that number may live: what is given in a new epoch lies beyond
	// whatever was given before it.
	a.incarnation = max(known, last, max(1, l.term.Epoch)-1) + 1
	if mutant.Breaks('O') {
		a.incarnation, rolledBack = last+1, false
	}
	a.grant(a.incarnation).released = false // as one of a number given twice would be
	return a.incarnation, rolledBack
}

// Lease handles a lease call: it notes what the node has applied and, if that is
// enough, grants a lease from now. Rule F: control counts from when it handles
// the call, plus the margin, so that the node's own view of the lease ends first.
func (l *Ledger) Lease(id string, r LeaseRequest, now Instant) (LeaseAnswer, error) {
	l.age(now)
	a := l.nodes[id]
	switch {
	case a == nil || !a.registered:
		return LeaseAnswer{}, ErrNotRegistered
	case r.Incarnation < a.incarnation:
		if r.Release {
			a.ended(r.Incarnation)
		}
		return LeaseAnswer{}, ErrSuperseded
	case l.head.Before(r.Applied) || l.term.Before(r.Seen):
		return LeaseAnswer{}, fmt.Errorf("%w: it has applied %v and seen leader %v; the journal ends at %v, this is leader %v",
			ErrAhead, r.Applied, r.Seen, l.head, l.term)
	}
	a.incarnation = r.Incarnation
	g := a.grant(r.Incarnation)
	g.acked = g.acked.Max(r.Applied)
	answer := LeaseAnswer{Terms: l.terms, Term: l.term, Head: l.head}
	switch {
	case r.Release:
		g.end, g.alive, g.released = now.Mono, false, true
	case g.released:
		answer.Reason = "the node gave its lease up"
	case r.Applied.Before(l.overdue):
		answer.Reason = fmt.Sprintf("the node has applied %v and has lacked %v for over %v", r.Applied, l.overdue, Lag)
	case r.Applied.Before(l.floor(a.role)):
		// What was settled while the node had no lease was settled without it: it
		// must not serve before it is there, however recent that was.
		answer.Reason = fmt.Sprintf("the node has applied %v, and %v is settled", r.Applied, l.floor(a.role))
	default:
		g.end = max(g.end, now.Mono+l.terms.Held())
		g.alive, g.entitled = true, true
		answer.Granted = true
	}
	return answer, nil
}

// floor is the newest version settled in a scope that counts a role.
func (l *Ledger) floor(r cdn.Role) cdn.Version {
	var v cdn.Version
	for s := range scopes {
		if s.Counts(r) {
			v = v.Max(l.settled[s])
		}
	}
	return v
}

func (a *account) grant(incarnation uint64) *grant {
	for _, g := range a.grants {
		if g.incarnation == incarnation {
			return g
		}
	}
	g := &grant{incarnation: incarnation, alive: true}
	a.grants = append(a.grants, g)
	return g
}

// holds reports whether a process holds everybody to what it has acknowledged: it
// may still be serving by that. Rule B: only the end of its lease says that it is
// not. Of a distribution that is or was served without a lease that says nothing:
// there it takes the process's end, or its word that it has heard otherwise.
func (g *grant) holds(i cdn.Isolation, now time.Duration) bool {
	return now < g.end || g.alive && g.entitled && !i.Frees(g.acked)
}

// Settled returns the version up to which a scope has settled: every registered
// node of its roles has acknowledged it, or its lease has ended. It never goes
// back.
func (l *Ledger) Settled(s Scope, now Instant) cdn.Version {
	l.settled[s] = l.settled[s].Max(l.settledFor(s, cdn.Isolation{}, now))
	return l.settled[s]
}

// SettledFor is Settled for invalidations of a distribution that nodes go on, or
// went on, serving without a lease: such a node counts by what it has
// acknowledged, until it is forgotten.
func (l *Ledger) SettledFor(s Scope, i cdn.Isolation, now Instant) cdn.Version {
	return l.Settled(s, now).Min(l.settledFor(s, i, now))
}

// settledFor keeps rule A: it asks every account for which a lease may be
// running, registered or since forgotten, and never who is thought to be alive.
func (l *Ledger) settledFor(s Scope, i cdn.Isolation, now Instant) cdn.Version {
	v := l.head
	if now.Mono < l.quiet && !mutant.Breaks('G') { // Rule G
		v = l.settled[s]
	}
	for _, a := range l.nodes {
		if !s.Counts(a.role) || mutant.Enabled && l.brokenly(a, now) {
			continue
		}
		for _, g := range a.grants {
			if g.holds(i, now.Mono) {
				v = v.Min(g.acked)
			}
		}
	}
	return v
}

// NextEnd returns how long from now the next lease ends, or the wait after a
// restart: when Settled may rise without anybody calling.
func (l *Ledger) NextEnd(now Instant) (time.Duration, bool) {
	next, found := time.Duration(0), false
	earliest := func(end time.Duration) {
		if left := end - now.Mono; left > 0 && (!found || left < next) {
			next, found = left, true
		}
	}
	earliest(l.quiet)
	for _, a := range l.nodes {
		for _, g := range a.grants {
			earliest(g.end)
		}
	}
	return next, found
}

// Idle reports whether no lease is running, of this run or an earlier one.
func (l *Ledger) Idle(now Instant) bool {
	_, running := l.NextEnd(now)
	return !running
}

// Sweep drops what is over: processes that have ended, with their leases, and
// forgotten nodes without any.
func (l *Ledger) Sweep(now Instant) {
	for id, a := range l.nodes {
		kept := a.grants[:0]
		for _, g := range a.grants {
			if now.Mono < g.end || a.registered && (g.alive || g.incarnation == a.incarnation) {
				kept = append(kept, g)
			}
		}
		clear(a.grants[len(kept):])
		a.grants = kept
		if !a.registered && len(kept) == 0 {
			delete(l.nodes, id)
		}
	}
}
