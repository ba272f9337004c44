package journal

import (
	"time"

	"github.com/warmfront/warmfront/cdn"
)

const (
	// grace is for how long, at most, control's stream is gone before neighbours are
	// asked; half of that at least: a control that restarts has its nodes back by then.
	grace = time.Second
	// hurry is the same where something is known to be missing.
	hurry = 100 * time.Millisecond
)

// Detour says when a node follows a neighbour: while control's stream is gone for
// longer than a moment, or fails to bring what there is said to be. It goes back to
// control as soon as control's stream brings anything. What relays may do is little
// (M): a detour keeps a node up to date and never its lease.
//
// The numbers called random are from 0 to 1. They keep all the nodes that lose
// control at once from asking each other at once.
type Detour struct {
	direct bool
	due    time.Duration
}

// NewDetour returns the Detour of a node that starts at now, without control.
func NewDetour(now Instant, random float64) Detour {
	d := Detour{direct: true}
	d.Lost(now, random)
	return d
}

// Opened says that control's stream has brought something.
func (d *Detour) Opened() { d.direct = true }

// Lost says that control's stream has ended, or could not be opened.
func (d *Detour) Lost(now Instant, random float64) {
	if d.direct {
		d.direct, d.due = false, now.Mono+share(grace, random)
	}
}

// Lacking says that the node lacks something that there is said to be, and has not
// been sent it.
func (d *Detour) Lacking(now Instant, random float64) {
	soon := now.Mono + share(hurry, random)
	if d.direct || soon < d.due {
		d.direct, d.due = false, soon
	}
}

// Direct reports whether the node follows control itself.
func (d *Detour) Direct() bool { return d.direct }

// Due returns how long from now neighbours are to be asked, zero for at once; false
// while there is no need to.
func (d *Detour) Due(now Instant) (time.Duration, bool) {
	return max(0, d.due-now.Mono), !d.direct
}

func share(d time.Duration, random float64) time.Duration {
	return d/2 + time.Duration(random*float64(d/2))
}

// Offer is what a neighbour says when it is asked to relay.
type Offer struct {
	// Head is what it has applied.
	Head cdn.Version
	// Direct is set where it follows control itself, as far as it knows.
	Direct bool
}

// Better reports whether o is rather to be followed than p. Whoever follows control
// itself cannot be following the asker.
func (o Offer) Better(p Offer) bool {
	if o.Head != p.Head {
		return p.Head.Before(o.Head)
	}
	return o.Direct && !p.Direct
}

// Use is for how long to follow a neighbour before others are asked again. Two that
// follow one another hear nothing new and do not know it; one that follows control
// itself may have stopped to.
func (o Offer) Use(random float64) time.Duration {
	if o.Direct {
		return share(30*time.Second, random)
	}
	return share(5*time.Second, random)
}
