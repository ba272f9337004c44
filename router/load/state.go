package load

import (
	"errors"
	"math"
	"time"
)

// Settings say when viewers are sent on, and how hastily.
type Settings struct {
	// Limit is the part of its capacity above which a POP sends viewers on, Return the one
	// below which it calls them back. What lies between is what keeps them from
	// going to and fro; a step aims at its middle.
	Limit, Return float64
	// Confirm is for how long a POP must have been above, or below, before anything is done.
	Confirm time.Duration
	// Hold is the least time between two steps of a POP: what a step did is not seen before
	// the answers given earlier have expired.
	Hold time.Duration
}

// Default returns what routers run with. Hold is the TTL of an answer.
func Default() Settings {
	return Settings{Limit: 0.8, Return: 0.6, Confirm: 3 * time.Second, Hold: time.Minute}
}

// Validate returns what is wrong with settings.
func (s Settings) Validate() error {
	if !(0 < s.Return && s.Return < s.Limit && s.Limit <= 1) || s.Confirm < 0 || s.Hold <= 0 {
		return errors.New("of the load settings, 0 < Return < Limit <= 1 and a Hold above zero are needed")
	}
	return nil
}

// Report is what the healthy edges of a POP say together.
type Report struct {
	// Load is how many requests they answer a second, Capacity how many they are to; 0 where
	// none says it.
	Load, Capacity float64
}

// use is the load as a part of the capacity.
func (r Report) use() float64 { return r.Load / r.Capacity }

const (
	// steps is into how many the whole is divided: routers that saw slightly different
	// loads agree on most blocks.
	steps = 64
	// most is never exceeded: of a POP that has nobody left, what would come back if it
	// called is not known.
	most = float64(steps-1) / steps
)

// State is how loaded a POP is and what is done about it. It changes by Step alone; the
// zero State is that of a POP not heard of yet.
type State struct {
	// Use is the POP's load as a part of its capacity.
	Use float64
	// Spill is the part of the blocks of viewers nearest to the POP that is sent on, from 0
	// to 1 in steps of 1/64.
	Spill float64

	way     way       // in which Use is outside what is well
	since   time.Time // when it began to be
	stepped time.Time // the last change of Spill
	heard   time.Time // the last report with a capacity
}

type way int

const (
	well way = iota
	over
	under
)

// Step returns the state after a report. Room says that another POP has room for what this
// one sends on.
func (s State) Step(r Report, room bool, now time.Time, set Settings) State {
	if r.Capacity <= 0 {
		if now.Sub(s.heard) < set.Hold {
			return s
		}
		return State{}
	}
	s.Use, s.heard = r.use(), now
	if w := s.where(room, set); w != s.way {
		s.way, s.since = w, now
	}
	if s.way == well || now.Sub(s.since) < set.Confirm || !s.stepped.IsZero() && now.Sub(s.stepped) < set.Hold {
		return s
	}
	s.Spill, s.stepped = s.wanted(set), now
	return s
}

func (s State) where(room bool, set Settings) way {
	switch {
	case s.Spill > 0 && (!room || s.Use < set.Return):
		return under
	case room && s.Use > set.Limit && s.Spill < most:
		return over
	}
	return well
}

// wanted is the part to send on: such that the use is in the middle of what is well, if
// blocks are alike and the viewers who are away would come as those do who are not.
func (s State) wanted(set Settings) float64 {
	aim := (set.Limit + set.Return) / 2
	want := 1 - aim*(1-s.Spill)/s.Use // -Inf where nobody comes
	if s.way == over {
		return min(most, max(math.Ceil(want*steps)/steps, s.Spill+1.0/steps))
	}
	if s.Use >= set.Return { // there is no room for them elsewhere any more
		want = 0
	}
	want = max(want, s.Spill/2) // who is called back may have more to ask than is thought
	return max(0, min(math.Floor(want*steps)/steps, s.Spill-1.0/steps))
}
