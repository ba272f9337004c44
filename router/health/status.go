package health

import "time"

// Settings say how edges are checked.
type Settings struct {
	Interval time.Duration // from the start of a check to the start of the next
	Timeout  time.Duration // of one check, the connection included
	Down     int           // failures in a row after which an edge is down
	Up       int           // successes in a row after which one that was down is up
	// LeaveHold is for how long a node that said it leaves stays excluded although
	// it may still answer checks while it drains. It ends by itself, so that a
	// hint that was wrong cannot exclude a node for good.
	LeaveHold time.Duration
}

// Default returns what routers run with: a stopped edge is out of the answers
// within five seconds.
func Default() Settings {
	return Settings{Interval: time.Second, Timeout: time.Second, Down: 3, Up: 2, LeaveHold: 30 * time.Second}
}

// Phase is what is known of an edge.
type Phase int

// The phases. An edge is Unknown from its registration until one check succeeds
// or Settings.Down checks fail.
const (
	Unknown Phase = iota
	Up
	Down
)

func (p Phase) String() string {
	return [...]string{"unknown", "up", "down"}[p]
}

// Status is what the checks of one edge have shown so far. The zero Status is
// that of an edge just registered.
type Status struct {
	Phase Phase
	// LastGood is when a check last succeeded while the edge was up.
	LastGood time.Time
	// against counts the results in a row that contradict the phase.
	against int
	// leaving is until when a clean leave excludes the edge; zero for no leave.
	leaving time.Time
}

// Healthy reports whether the edge may be answered.
func (s Status) Healthy() bool { return s.Phase == Up && s.leaving.IsZero() }

// After returns the status after one more check.
func (s Status) After(ok bool, now time.Time, set Settings) Status {
	if ok {
		return s.succeeded(now, set)
	}
	if s.Phase == Down {
		s.against = 0
		return s
	}
	if s.against++; s.against >= set.Down {
		s.Phase, s.against = Down, 0
	}
	return s
}

func (s Status) succeeded(now time.Time, set Settings) Status {
	switch s.Phase {
	case Unknown:
		// There is nothing to be damped yet: one success is news enough, and a
		// network that starts should answer at once.
		s.Phase, s.against = Up, 0
	case Up:
		s.against = 0
	case Down:
		if s.against++; s.against >= set.Up {
			s.Phase, s.against = Up, 0
		}
	}
	if s.Phase == Up {
		s.LastGood = now
	}
	return s
}

// Left returns the status after the node said that it leaves.
func (s Status) Left(now time.Time, set Settings) Status {
	s.leaving = now.Add(set.LeaveHold)
	return s
}

// Back returns the status after the node was seen alive again, or its leave has
// ended.
func (s Status) Back() Status {
	s.leaving = time.Time{}
	return s
}
