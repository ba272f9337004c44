// Package report is what edges say of themselves to routers and control that check them:
// how busy they are, and how far from others. Writing and reading it are pure.
package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Edge is what an edge says of itself to those that check it, as the text of /healthz:
// its id, then one line a fact.
//
//	NRT-1
//	load 812.5 of 10000 requests/s
//	rtt SIN 68.3
//
// Lines that are not known are passed over, so that releases can differ.
type Edge struct {
	// Node is the edge's id.
	Node string
	// Load is how many requests of viewers it answers a second, Capacity how many it is to
	// answer at most; 0: it does not say.
	Load, Capacity float64
	// RoundTrips are measured ones to other POPs, one for each.
	RoundTrips []RoundTrip
}

// RoundTrip is how long the way to a POP and back takes.
type RoundTrip struct {
	POP  string
	Time time.Duration // in steps of 0.1 ms
}

// The limits of a report: what is beyond is not believed. MaxBytes is all of it.
const (
	MaxBytes      = 8 << 10
	maxRate       = 1e9 // requests a second
	maxRoundTrips = 254 // POPs of a network
	maxRoundTrip  = time.Minute
	maxPOPCode    = 16
)

// String writes the report.
func (r Edge) String() string {
	var b strings.Builder
	b.WriteString(r.Node + "\n")
	if r.Capacity > 0 {
		fmt.Fprintf(&b, "load %s of %s requests/s\n", strconv.FormatFloat(r.Load, 'f', 1, 64), strconv.FormatFloat(r.Capacity, 'f', -1, 64))
	}
	for _, t := range r.RoundTrips[:min(len(r.RoundTrips), maxRoundTrips)] {
		fmt.Fprintf(&b, "rtt %s %.1f\n", t.POP, float64(t.Time)/float64(time.Millisecond))
	}
	return b.String()
}

// Parse reads what String wrote. What it cannot believe it leaves out: that an
// edge answers says that it is up, whatever it says.
func Parse(text string) (r Edge) {
	r.Node, text, _ = strings.Cut(text, "\n")
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 5 && f[0] == "load" && f[2] == "of" && f[4] == "requests/s":
			load, ok := number(f[1], maxRate)
			if capacity, known := number(f[3], maxRate); ok && known && capacity > 0 {
				r.Load, r.Capacity = load, capacity
			}
		case len(f) == 3 && f[0] == "rtt" && len(f[1]) <= maxPOPCode && len(r.RoundTrips) < maxRoundTrips:
			if ms, ok := number(f[2], maxRoundTrip.Seconds()*1000); ok {
				r.RoundTrips = append(r.RoundTrips, RoundTrip{f[1], time.Duration(math.Round(ms*10)) * (time.Millisecond / 10)})
			}
		}
	}
	return r
}

// number reads one that is neither below zero nor above most.
func number(s string, most float64) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && n >= 0 && n <= most
}
