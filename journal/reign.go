package journal

import "time"

// Reign is by which terms a leader holds its place among controls that share a
// store: half as long as a node's lease, so that most nodes still have one when
// another has taken over.
func (t Terms) Reign() Terms { return Terms{Length: t.Length / 2, Margin: t.Margin} }

// Standby is what a control that does not lead has seen of the one that does. The
// zero Standby has seen nothing.
type Standby struct {
	mark  int64
	since time.Duration
	seen  bool
}

// Vacant takes the leader's mark, which changes with each of its renewals, as it
// was read before now, and reports whether the place may be taken over if nobody
// has renewed since: the leader has resigned, which makes the mark zero, or has
// not renewed for as long as its own right can last. Rule N: the leader counts
// that from when it sent the renewal, less the margin; a standby from when it has
// seen it, plus the margin. No clocks are compared; a store that has clocks of its
// own is not asked.
func (s *Standby) Vacant(mark int64, now Instant, reign Terms) bool {
	if mark == 0 {
		return true
	}
	if !s.seen || s.mark != mark {
		*s = Standby{mark: mark, since: now.Mono, seen: true}
	}
	return now.Mono-s.since >= reign.Held()
}
