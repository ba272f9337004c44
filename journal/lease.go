package journal

import (
	"cmp"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal/mutant"
)

// Terms are the lengths that control and its nodes agree on.
type Terms struct {
	// Length is how long a lease lasts: what an invalidation waits for at most
	// when a node cannot be reached, and for how long a node can do without
	// control.
	Length time.Duration `json:"length"`
	// Margin covers the drift of two clocks over a lease. The node ends its lease
	// that much earlier, control that much later.
	Margin time.Duration `json:"margin"`
}

// LabTerms are for a network on one machine.
func LabTerms() Terms { return Terms{Length: 10 * time.Second, Margin: 200 * time.Millisecond} }

// HostTerms are for hosts in several regions.
func HostTerms() Terms { return Terms{Length: 30 * time.Second, Margin: 600 * time.Millisecond} }

// Renewal is how often a node renews.
func (t Terms) Renewal() time.Duration { return t.Length / 4 }

// Held is how long control waits for a lease that it granted, and a leader that
// starts for those it knows nothing of.
func (t Terms) Held() time.Duration { return t.Length + t.Margin }

// Term names one run of control as the leader. A later run has a greater term; a
// control restored from a backup starts a new epoch, which is greater than
// whatever the one it replaces had.
type Term struct {
	Epoch uint64 `json:"epoch"`
	Run   uint64 `json:"run"`
}

// Before reports whether t is the older one.
func (t Term) Before(u Term) bool {
	if c := cmp.Compare(t.Epoch, u.Epoch); c != 0 {
		return c < 0
	}
	return t.Run < u.Run
}

// LeaseRequest acknowledges what a node has applied and asks for another lease.
// The node is the one its certificate names.
type LeaseRequest struct {
	Incarnation uint64      `json:"incarnation"`
	Applied     cdn.Version `json:"applied"`
	// Seen is the newest leader the node has heard of: one that finds it greater
	// than its own term was put back to an older state.
	Seen Term `json:"seen"`
	// Disk is where the node keeps objects.
	Disk Disk `json:"disk,omitzero"`
	// Release gives the lease up: the node has stopped serving.
	Release bool `json:"release,omitempty"`
}

// LeaseAnswer is the leader's answer.
type LeaseAnswer struct {
	Granted bool `json:"granted"`
	// Reason says why not.
	Reason string      `json:"reason,omitempty"`
	Terms  Terms       `json:"terms"`
	Term   Term        `json:"term"`
	Head   cdn.Version `json:"head"`
}

// Lease is a node's permission to answer from its cache. The zero Lease has
// ended.
type Lease struct{ end Instant }

// Grant returns the lease that an answer to a call sent at sent gives. Rule F: it
// counts from when the call was sent, less the margin, so that it ends before
// control's view of it does, however long the call or its answer was under way.
func Grant(sent Instant, t Terms) Lease { return Lease{sent.Add(t.Length - t.Margin)} }

// Valid reports whether the lease still runs. Rule I: it has ended as soon as
// either clock says so. The monotonic clock stands still while the machine is
// suspended, the wall clock does not; the wall clock can be set back, the
// monotonic one cannot. Read now after the request: a node that slept between
// does not know it.
func (l Lease) Valid(now Instant) bool {
	return now.Mono < l.end.Mono && (now.Wall < l.end.Wall || mutant.Breaks('I'))
}

// MayGrant reports whether a leader whose own lease, on its place among controls
// that share a store, is reign may grant leases and say what has settled at now,
// which is the instant that it grants from. Rule N: one that was paused and wakes
// when another has taken its place does not know it; but its reign has ended by
// then.
func MayGrant(reign Lease, now Instant) bool { return reign.Valid(now) || mutant.Breaks('N') }

// Left returns how long the lease still runs, at most; zero where it has ended.
func (l Lease) Left(now Instant) time.Duration {
	return max(0, min(l.end.Mono-now.Mono, l.end.Wall-now.Wall))
}
