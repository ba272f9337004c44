package load

import (
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// POP is a POP with healthy edges and what they say.
type POP struct {
	Code  string
	Class cdn.PriceClass // the cheapest that contains it
	Report
}

// Board is the State of every POP. It is not safe for concurrent use.
type Board struct {
	set    Settings
	states map[string]State
}

// NewBoard returns a board of POPs not heard of yet.
func NewBoard(set Settings) *Board { return &Board{set, map[string]State{}} }

// Step takes in what the POPs with healthy edges say now, and reports whether what
// is sent on has changed. A POP that is not among them is one that nobody reports from.
func (b *Board) Step(pops []POP, now time.Time) (changed bool) {
	next := make(map[string]State, len(pops)) // of those that have said something
	for code, s := range b.states {
		if s = s.Step(Report{}, false, now, b.set); s != (State{}) {
			next[code] = s
		}
	}
	for i, p := range pops {
		if s := b.states[p.Code].Step(p.Report, b.room(pops, i), now, b.set); s != (State{}) {
			next[p.Code] = s
		}
	}
	for code, s := range next {
		changed = changed || s.Spill != b.states[code].Spill
	}
	for code, s := range b.states {
		changed = changed || s.Spill != next[code].Spill
	}
	b.states = next
	return changed
}

// room reports whether another POP than pops[i] has room, of those that all of its viewers
// may be sent to: the ones in the cheapest price class that it is in itself. One that does not say how loaded it is
// counts as one that has.
func (b *Board) room(pops []POP, i int) bool {
	for j, p := range pops {
		if j != i && p.Class != 0 && pops[i].Class.Includes(p.Class) && (p.Capacity <= 0 || p.use() < b.set.Limit) {
			return true
		}
	}
	return false
}

// Spill returns the part that each POP sends on, without those that send nobody on.
func (b *Board) Spill() map[string]float64 {
	out := map[string]float64{}
	for code, s := range b.states {
		if s.Spill > 0 {
			out[code] = s.Spill
		}
	}
	return out
}

// States returns all states, by the POPs' codes.
func (b *Board) States() map[string]State { return b.states }
