package gossip

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// State of a member, as this node sees it.
type State string

const (
	Alive   State = "alive"
	Suspect State = "suspect" // lost; dead if it does not come back within the damping time
	Dead    State = "dead"    // says nothing about whether it still serves
	Left    State = "left"    // said goodbye
)

// Member is one node of the network, this one included.
type Member struct {
	Node   cdn.Node
	Gossip netip.AddrPort // where its gossip is received
	State  State
	Since  time.Time // when State began, here
}

const (
	// forgetAfter is how long the dead and those who left are remembered.
	forgetAfter = time.Hour

	// flapWindow times the damping time is how long a return is held against a
	// member; maxFlaps of them double its damping as often.
	flapWindow = 20
	maxFlaps   = 3
)

// table decides what state members are in. It is pure: it has no clock and
// tells by due when step wants to be called.
type table struct {
	damp    time.Duration
	members map[string]*entry
	changed map[string]bool
}

type entry struct {
	Member
	boot  uint32    // which run of the process it was
	due   time.Time // of the next change by time alone; zero: none
	flaps int       // returns from suspicion or death, lately
	lost  time.Time // when it was last lost
}

func newTable(damp time.Duration) *table {
	return &table{damp: damp, members: map[string]*entry{}, changed: map[string]bool{}}
}

// seen takes what a member says of itself while it is up. What is still heard
// of a run that said goodbye does not bring it back.
func (t *table) seen(n cdn.Node, at netip.AddrPort, boot uint32, now time.Time) {
	e := t.members[n.ID]
	if e == nil {
		e = &entry{}
		t.members[n.ID] = e
	}
	switch {
	case e.State == Left && e.boot == boot:
		return
	case e.State == Alive && e.boot == boot && e.Node == n && e.Gossip == at:
		return
	case e.State == Suspect || e.State == Dead:
		if now.Sub(e.lost) > flapWindow*t.damp {
			e.flaps = 0
		}
		e.flaps = min(e.flaps+1, maxFlaps)
	}
	e.Node, e.Gossip, e.boot = n, at, boot
	t.enter(e, Alive, now)
}

// goodbye takes it that a run of a member ends on purpose, and reports whether
// that is news.
func (t *table) goodbye(id string, boot uint32, now time.Time) bool {
	e := t.members[id]
	if e == nil || e.boot != boot || e.State == Left {
		return false
	}
	t.enter(e, Left, now)
	return true
}

// gone takes it that a member no longer answers.
func (t *table) gone(id string, now time.Time) {
	e := t.members[id]
	if e == nil || e.State != Alive {
		return
	}
	if now.Sub(e.lost) > flapWindow*t.damp {
		e.flaps = 0
	}
	e.lost = now
	t.enter(e, Suspect, now)
}

func (t *table) enter(e *entry, s State, now time.Time) {
	t.changed[e.Node.ID] = true
	if e.State == s {
		return
	}
	e.State, e.Since, e.due = s, now, time.Time{}
	switch s {
	case Suspect:
		e.due = now.Add(t.damp << e.flaps)
	case Dead, Left:
		e.due = now.Add(forgetAfter)
	}
}

// step makes the changes that are due.
func (t *table) step(now time.Time) {
	for id, e := range t.members {
		for !e.due.IsZero() && !e.due.After(now) {
			if e.State != Suspect {
				delete(t.members, id)
				delete(t.changed, id)
				break
			}
			t.enter(e, Dead, e.due)
		}
	}
}

// due returns when step has something to do next; false: never, as it stands.
func (t *table) due() (time.Time, bool) {
	var first time.Time
	for _, e := range t.members {
		if !e.due.IsZero() && (first.IsZero() || e.due.Before(first)) {
			first = e.due
		}
	}
	return first, !first.IsZero()
}

// takeChanged returns the members that changed since it was last called, as
// they are now.
func (t *table) takeChanged() []Member {
	var out []Member
	for id := range t.changed {
		out = append(out, t.members[id].Member)
	}
	clear(t.changed)
	return byID(out)
}

func (t *table) alive() (n int) {
	for _, e := range t.members {
		if e.State == Alive {
			n++
		}
	}
	return n
}

func (t *table) list() []Member {
	out := make([]Member, 0, len(t.members))
	for _, e := range t.members {
		out = append(out, e.Member)
	}
	return byID(out)
}

func byID(m []Member) []Member {
	slices.SortFunc(m, func(a, b Member) int { return cmp.Compare(a.Node.ID, b.Node.ID) })
	return m
}
