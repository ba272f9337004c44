package health

import "time"

// Settings say how edges are checked.
type Settings struct {
	Interval time.Duration // from the start of a check to the start of the next
	Timeout  time.Duration // of one check, the connection included
	Down     int           // failures in a row after which an edge is down
	Up       int           // successes in a row after which one that was down is up
	// FlapWindow is how long an edge must have been up for its next return to be as
	// quick as the first. One that goes down sooner needs twice as many successes each
	// time, up to 32 times as many.
	FlapWindow time.Duration
	// LeaveHold is for how long a node that said it leaves stays excluded although
	// it may still answer checks while it drains. It ends by itself, so that a
	// hint that was wrong cannot exclude a node for good.
	LeaveHold time.Duration
}

// Default returns what routers run with: a stopped edge is out of the answers
// within five seconds.
func Default() Settings {
	return Settings{Interval: time.Second, Timeout: time.Second, Down: 3, Up: 2, FlapWindow: time.Minute, LeaveHold: 30 * time.Second}
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
	// Draining says that the edge answers checks but said itself that it is to be sent
	// nobody.
	Draining bool
	// since is when it came back, flaps how often in a row it did not stay.
	since time.Time
	flaps int
	// against counts the results in a row that contradict the phase.
	against int
	// leaving is until when a clean leave excludes the edge; zero for no leave.
	leaving time.Time
}

// Healthy reports whether the edge may be answered.
func (s Status) Healthy() bool { return s.Phase == Up && s.leaving.IsZero() }

// After returns the status after one more check.
func (s Status) After(ok bool, now time.Time, set Settings) Status {
	s.Draining = false
	if ok {
		return s.succeeded(now, set)
	}
	if s.Phase == Down {
		s.against = 0
		return s
	}
	if s.against++; s.against >= set.Down {
		s = s.down(now, set)
	}
	return s
}

// Drained returns the status after a check that the edge answered by saying that it is
// to be sent nobody. There is nothing to wait for.
func (s Status) Drained(now time.Time, set Settings) Status {
	if s.Phase != Down {
		s = s.down(now, set)
	}
	s.Draining, s.against = true, 0
	return s
}

func (s Status) down(now time.Time, set Settings) Status {
	switch {
	case s.Phase == Up && now.Sub(s.since) < set.FlapWindow:
		s.flaps = min(s.flaps+1, maxFlaps)
	case s.Phase == Up:
		s.flaps = 0
	}
	s.Phase, s.against = Down, 0
	return s
}

// maxFlaps bounds how long an edge that comes and goes is kept out.
const maxFlaps = 5

func (s Status) succeeded(now time.Time, set Settings) Status {
	switch s.Phase {
	case Unknown:
		// There is nothing to be damped yet: one success is news enough, and a
		// network that starts should answer at once.
		s.Phase, s.against = Up, 0
	case Up:
		s.against = 0
	case Down:
		if s.against++; s.against >= set.Up<<s.flaps {
			s.Phase, s.against, s.since = Up, 0, now
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
