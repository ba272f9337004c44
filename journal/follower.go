package journal

import (
	"errors"
	"fmt"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal/mutant"
)

// Patience is how long a node that has heard of a newer version waits for its
// open stream to bring anything at all, before it opens another. It outlasts a
// change's way round the world, and leaves time to ask a neighbour within the
// second or two that a change may take to a node that control is out of reach of.
const Patience = 500 * time.Millisecond

// The reasons of a Follower: for refusing what it was given, and for having
// stopped because it gave its lease up.
var (
	ErrRefused  = errors.New("refused")
	ErrReleased = errors.New("the lease was given up")
)

// Follower is a node's place in the journal: what it has applied, whether it may
// serve, what it must do next. It is not safe for concurrent use.
type Follower struct {
	state *cdn.State
	// seen is the newest leader that answered.
	seen  Term
	lease Lease

	// opened is set from the first frame of control's stream until it is lost,
	// relayed likewise for a neighbour's; synced once the node has been level with a
	// head that control told it in this life.
	opened, relayed, synced bool
	// entitled is set once a lease was granted since the node joined; before is what
	// it was until the node set about to join.
	entitled, before bool
	// wanted is the newest version heard of from outside the streams; heard is set
	// when control's brings something after that, or a neighbour's brings news.
	wanted cdn.Version
	heard  bool
	// stopped is why the node can apply no more.
	stopped error
}

// NewFollower returns the follower of a node that starts with state, from its
// disk or empty, and has seen that leader. It is not synced and has no lease.
func NewFollower(state *cdn.State, seen Term) *Follower {
	f := &Follower{state: state, seen: seen}
	if mutant.Breaks('E') {
		f.synced, f.lease = true, Grant(Instant{Wall: 1 << 62}, LabTerms())
	}
	return f
}

// State is what has been applied.
func (f *Follower) State() *cdn.State { return f.state }

// Applied is the version that has been applied.
func (f *Follower) Applied() cdn.Version { return f.state.Version }

// Seen is the newest leader heard of.
func (f *Follower) Seen() Term { return f.seen }

// Lease is the node's lease.
func (f *Follower) Lease() Lease { return f.lease }

// Synced reports whether the node has been level with control in this life: only
// then does it ask for a lease.
func (f *Follower) Synced() bool { return f.synced && f.stopped == nil }

// Entitled reports whether the node has held a lease since it joined, and has
// neither given it up nor stopped: then, and only then, may it serve without one
// what is to be served so. Rule E: what a disk brought is not enough.
func (f *Follower) Entitled() bool { return f.entitled }

// Stopped returns why the node has stopped applying, or nil.
func (f *Follower) Stopped() error { return f.stopped }

// Event is something that happens to a Follower.
type Event interface{ event() }

// The events.
type (
	// Received is a frame from control's stream or, Relayed, from a neighbour's. When
	// it came, At, counts for nothing: no frame renews a lease (M).
	Received struct {
		Frame   Frame
		At      Instant
		Relayed bool
	}
	// StreamLost says that control's stream, or a neighbour's, has ended or broken.
	StreamLost struct{ Relayed bool }
	// Hinted is the word of another node that the journal's head is at Head. It
	// proves nothing.
	Hinted struct{ Head cdn.Version }
	// Rechecked follows a Recheck.
	Rechecked struct{}
	// Answered is the answer to a lease call sent at Sent. When it came, At, counts
	// for nothing (F).
	Answered struct {
		Sent, At Instant
		Answer   LeaseAnswer
	}
	// Joining says that the node is about to join: control will take the process
	// that it was for ended.
	Joining struct{}
	// TurnedAway says that who was asked to admit the node has not, and has taken no
	// process for ended: the one that was joining stands with its journal as before.
	TurnedAway struct{}
	// Released says that the node stops serving and is about to give its lease up.
	Released struct{}
)

func (Received) event()   {}
func (StreamLost) event() {}
func (Hinted) event()     {}
func (Rechecked) event()  {}
func (Answered) event()   {}
func (Joining) event()    {}
func (TurnedAway) event() {}
func (Released) event()   {}

// Action is what the node must do, in the order given.
type Action interface{ action() }

// The actions.
type (
	// Publish makes State the one that requests see from now on.
	Publish struct{ State *cdn.State }
	// Acknowledge sends a lease call now, after all that was published.
	Acknowledge struct{}
	// Renewed makes Lease the node's lease.
	Renewed struct{ Lease Lease }
	// Fetch opens the stream anew after a version, at once, and asks neighbours if
	// that brings nothing; one that is being opened and has brought nothing yet is
	// left to its time-out.
	Fetch struct{ After cdn.Version }
	// Recheck gives a Rechecked event after a while.
	Recheck struct{ In time.Duration }
	// Refuse drops what the event came from: it is behind the node.
	Refuse struct{ Err error }
	// Stop ends following for good; the lease is gone and the node fenced.
	Stop struct{ Err error }
)

func (Publish) action()     {}
func (Acknowledge) action() {}
func (Renewed) action()     {}
func (Fetch) action()       {}
func (Recheck) action()     {}
func (Refuse) action()      {}
func (Stop) action()        {}

// Step takes an event and returns what to do.
func (f *Follower) Step(e Event) []Action {
	if f.stopped != nil {
		return nil
	}
	switch e := e.(type) {
	case Received:
		return f.received(e)
	case StreamLost:
		if e.Relayed {
			f.relayed = false
		} else {
			f.opened = false
		}
	case Hinted:
		return f.hinted(e.Head)
	case Rechecked:
		return f.recheck()
	case Answered:
		return f.answer(e)
	case Joining:
		f.entitled, f.before = false, f.entitled
	case TurnedAway:
		f.entitled, f.before = f.before, false
	case Released:
		f.stopped, f.lease, f.entitled = ErrReleased, Lease{}, false
		return []Action{Renewed{}}
	}
	return nil
}

func (f *Follower) received(e Received) []Action {
	if e.Relayed {
		f.relayed, f.heard = true, f.heard || e.Frame.Head == nil
	} else {
		f.opened, f.heard = true, true
	}
	if mutant.Breaks('M') && f.lease != (Lease{}) {
		f.lease = Grant(e.At, LabTerms())
		return append([]Action{Renewed{f.lease}}, f.take(e)...)
	}
	return f.take(e)
}

func (f *Follower) take(e Received) []Action {
	r := e.Frame
	switch {
	case r.Snapshot != nil:
		return f.snapshot(*r.Snapshot)
	case r.Change != nil:
		return f.change(*r.Change, e.Relayed)
	case r.Head != nil:
		return f.sync(*r.Head, e.Relayed)
	}
	return nil
}

// change applies the next change. Rule H: a gap is fetched, never skipped; a
// change that is applied already is a repetition.
func (f *Follower) change(c cdn.Change, relayed bool) []Action {
	switch {
	case c.Version.Epoch < f.Applied().Epoch:
		return f.refuse("change %v is of an older epoch than %v, which is applied", c.Version, f.Applied())
	case !f.Applied().Before(c.Version):
		return nil
	case c.Version != f.Applied().Next() && !mutant.Breaks('H'):
		return f.gap(c.Version, relayed)
	case c.Version != f.Applied().Next():
		skipping := *f.state
		skipping.Version = cdn.Version{Epoch: c.Version.Epoch, Number: c.Version.Number - 1}
		f.state = &skipping
	}
	next, err := f.state.Apply(c)
	if err != nil {
		// Control tried the change before it was journalled, so this node is of a
		// release that does not understand it. What it would serve is not what was
		// configured: it is fenced.
		return f.stop(err)
	}
	return f.publish(next)
}

// snapshot replaces what is applied, never by something older.
func (f *Follower) snapshot(s cdn.Snapshot) []Action {
	switch {
	case s.Version.Before(f.Applied()):
		return f.refuse("snapshot %v would go back from %v, which is applied", s.Version, f.Applied())
	case s.Version == f.Applied():
		return nil
	}
	next, err := cdn.Restore(s)
	if err != nil {
		return f.stop(err)
	}
	return f.publish(next)
}

func (f *Follower) publish(next *cdn.State) []Action {
	f.state = next
	if !f.synced {
		return []Action{Publish{next}}
	}
	return []Action{Publish{next}, Acknowledge{}}
}

// sync compares the node with the stream's head. Rule E: until it has once been
// level in this life, a node has no lease and asks for none: what its disk holds
// may have been invalidated while it was down. Level with control, that is: how far
// a neighbour is says nothing of how far the journal is.
func (f *Follower) sync(head cdn.Version, relayed bool) []Action {
	switch {
	case head.Epoch < f.Applied().Epoch:
		return f.refuse("head %v is of an older epoch than %v, which is applied", head, f.Applied())
	case f.Applied().Before(head):
		return f.gap(head, relayed)
	case f.synced || relayed:
		return nil
	}
	f.synced = true
	return []Action{Acknowledge{}}
}

func (f *Follower) hinted(head cdn.Version) []Action {
	if !f.Applied().Before(head) || !f.wanted.Before(head) {
		return nil
	}
	f.wanted = head
	if !f.opened && !f.relayed {
		return f.fetch()
	}
	// The stream usually brings the change before the hint, or soon after.
	f.heard = false
	return []Action{Recheck{Patience}}
}

func (f *Follower) recheck() []Action {
	switch {
	case !f.Applied().Before(f.wanted):
		return nil
	case (f.opened || f.relayed) && f.heard:
		f.heard = false
		return []Action{Recheck{Patience}}
	}
	return f.fetch()
}

// answer takes the leader's answer to a lease call. Rules M and N: a lease comes
// from such an answer alone, never from a frame, and an answer from an older
// leader than one seen before is refused: it may have been paused while a newer
// one settled without this node.
func (f *Follower) answer(e Answered) []Action {
	a := e.Answer
	if a.Term.Before(f.seen) {
		return f.refuse("the answer is from leader %v, and leader %v has answered before", a.Term, f.seen)
	}
	f.seen = a.Term
	if a.Granted && f.synced {
		f.lease, f.entitled = Grant(e.Sent, a.Terms), true
		if mutant.Breaks('F') {
			f.lease = Grant(e.At.Add(2*a.Terms.Margin), a.Terms)
		}
		return []Action{Renewed{f.lease}}
	}
	if f.Applied().Before(a.Head) {
		return f.hinted(a.Head)
	}
	return nil
}

// gap deals with a stream that has left something out: what is missing is fetched;
// a neighbour that does so is done with.
func (f *Follower) gap(v cdn.Version, relayed bool) []Action {
	if relayed {
		return f.refuse("a neighbour is at %v and has left out what follows %v", v, f.Applied())
	}
	return f.fetch()
}

func (f *Follower) fetch() []Action { return []Action{Fetch{f.Applied()}} }

func (f *Follower) refuse(format string, args ...any) []Action {
	return []Action{Refuse{fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)}}
}

func (f *Follower) stop(err error) []Action {
	f.stopped, f.lease, f.entitled = err, Lease{}, false
	return []Action{Renewed{}, Stop{err}}
}
