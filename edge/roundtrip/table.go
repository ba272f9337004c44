// Package roundtrip measures how long the way from an edge to the other POPs takes, and
// back, over the port that nodes ask one another by.
//
// It is in two parts. [Table] says which POP is to be measured when, and what is known: a pure
// state machine that takes now. [Prober] is the rim: it calls a node of the POP that is due,
// proves who it is and has it prove the same, sends a byte a few times and takes the least time
// until it came back ([Serve] is the other side); what is above the least is queues and
// schedulers. Of several measurements the table keeps an average that falls faster than it
// rises, for the same reason.
//
// One measurement is under way at a time. A POP never measured comes first, after a pause of
// two seconds; then the one measured longest ago, such that each has its turn within five
// minutes, but one in five seconds at most and one in ten at least.
package roundtrip

import (
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/report"
)

const (
	pauseNew   = 2 * time.Second
	pauseLeast = 5 * time.Second
	pauseMost  = 10 * time.Second
	allWithin  = 5 * time.Minute
	// forgotten is after how long without a measurement nothing is known of a POP any more.
	forgotten = 30 * time.Minute
	// most is how many POPs are measured: there are no more numbers for them.
	most = 254
)

// entry is what is known of the way to one POP.
type entry struct {
	time  time.Duration // the average; 0 before the first measurement
	good  time.Time     // when it was measured last
	tried time.Time     // when that was tried last, zero for never
	tries int
}

// Table is what is known of the ways to other POPs. It is not safe for concurrent use.
type Table struct {
	entries map[string]entry
	last    time.Time // when a measurement began last
}

// Know says which POPs there are.
func (t *Table) Know(pops []string) {
	next := make(map[string]entry, len(pops))
	for _, p := range pops[:min(len(pops), most)] {
		next[p] = t.entries[p]
	}
	t.entries = next
}

// Due returns the POP to measure next, the zero string where none is due, how often it was
// tried before, and how long to wait until one may be.
func (t *Table) Due(now time.Time) (pop string, tries int, wait time.Duration) {
	for p, e := range t.entries {
		d := t.entries[pop]
		if pop == "" || e.tried.Before(d.tried) || e.tried.Equal(d.tried) && p < pop {
			pop = p
		}
	}
	if pop == "" {
		return "", 0, pauseNew
	}
	e := t.entries[pop]
	pause := pauseNew
	if !e.tried.IsZero() {
		pause = min(max(allWithin/time.Duration(len(t.entries)), pauseLeast), pauseMost)
	}
	if wait = t.last.Add(pause).Sub(now); wait > 0 && !t.last.IsZero() {
		return "", 0, wait
	}
	e.tried, t.last = now, now
	e.tries++
	t.entries[pop] = e
	return pop, e.tries - 1, 0
}

// Measured takes in what a measurement found.
func (t *Table) Measured(pop string, took time.Duration, now time.Time) {
	e, ok := t.entries[pop]
	if !ok || took <= 0 {
		return
	}
	switch {
	case e.time == 0 || now.Sub(e.good) > forgotten:
		e.time = took
	case took < e.time:
		e.time -= (e.time - took) / 2
	default:
		e.time += (took - e.time) / 4
	}
	e.good = now
	t.entries[pop] = e
}

// Report returns what is known, by the codes of the POPs.
func (t *Table) Report(now time.Time) (out []report.RoundTrip) {
	for p, e := range t.entries {
		if e.time > 0 && now.Sub(e.good) <= forgotten {
			out = append(out, report.RoundTrip{POP: p, Time: e.time})
		}
	}
	slices.SortFunc(out, func(a, b report.RoundTrip) int { return strings.Compare(a.POP, b.POP) })
	return out
}
