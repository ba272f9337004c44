// Package latency takes in the round trips that edges measure to other POPs, and says which of
// them answers go by. It is pure: what edges report and a now go in.
//
// Answers that follow every measurement would move viewers to and fro between POPs that are
// about as far, and have all addresses divided anew each time. So what answers go by is kept
// until it is wrong by much: a way is measured that was not, or one takes so much longer or
// shorter that it matters ([Board.Step]); then all of it is taken anew, every half a minute
// at most.
package latency

import (
	"time"

	"github.com/warmfront/warmfront/cdn/report"
)

// Settings say when answers follow what is measured.
type Settings struct {
	// Hold is the least time from one change to the next.
	Hold time.Duration
	// Least and Part say by how much a round trip must differ: by both.
	Least time.Duration
	Part  float64
}

// Default returns what routers run with.
func Default() Settings {
	return Settings{Hold: 30 * time.Second, Least: 3 * time.Millisecond, Part: 0.2}
}

// Report is what one edge reports, of the POP that it is in.
type Report struct {
	POP        string
	RoundTrips []report.RoundTrip
}

// Times are round trips by the codes of the POPs they lead from and to.
type Times map[string]map[string]time.Duration

// Sum is what the edges report together: of several nodes of a POP the least.
func Sum(reports []Report) Times {
	out := Times{}
	for _, r := range reports {
		for _, t := range r.RoundTrips {
			if out[r.POP] == nil {
				out[r.POP] = map[string]time.Duration{}
			}
			if was, ok := out[r.POP][t.POP]; !ok || t.Time < was {
				out[r.POP][t.POP] = t.Time
			}
		}
	}
	return out
}

// Board is what answers go by. It is not safe for concurrent use.
type Board struct {
	set     Settings
	times   Times
	changed time.Time
}

// NewBoard returns a board of which nothing is known yet.
func NewBoard(set Settings) *Board { return &Board{set: set} }

// Step takes in what is measured now, and reports whether answers are to go by it from now
// on; see Times.
func (b *Board) Step(now time.Time, measured Times) bool {
	if !b.changed.IsZero() && now.Sub(b.changed) < b.set.Hold || !b.differ(measured) {
		return false
	}
	b.times, b.changed = measured, now
	return true
}

func (b *Board) differ(measured Times) bool {
	for from, row := range b.times {
		for to := range row {
			if _, ok := measured[from][to]; !ok {
				return true
			}
		}
	}
	for from, row := range measured {
		for to, t := range row {
			was, ok := b.times[from][to]
			if by := (t - was).Abs(); !ok || by > b.set.Least && float64(by) > b.set.Part*float64(was) {
				return true
			}
		}
	}
	return false
}

// Times are what answers go by. They must not be changed.
func (b *Board) Times() Times { return b.times }
