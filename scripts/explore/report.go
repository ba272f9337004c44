package main

import (
	"fmt"
	"io"
	"time"

	"github.com/warmfront/warmfront/sim/explore"
	"github.com/warmfront/warmfront/sim/explore/search"
)

// report is what a run was and found.
type report struct {
	First      uint64         `json:"first"`
	Seeds      uint64         `json:"seeds"`
	Tally      explore.Tally  `json:"tally"`
	Violations []search.Found `json:"violations"`
	// Trace is the SHA-256 of what happened in the world, where it was one.
	Trace    string  `json:"trace,omitempty"`
	Parallel int     `json:"parallel,omitempty"`
	Seconds  float64 `json:"seconds,omitempty"`
}

func (r *report) print(o options, out io.Writer) error {
	if o.output == "json" {
		if r.Violations == nil {
			r.Violations = []search.Found{}
		}
		if err := encode(out, r); err != nil {
			return err
		}
	} else {
		r.text(out)
	}
	if len(r.Violations) > 0 {
		return errFound
	}
	return nil
}

func (r *report) text(out io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%-16s"+format+"\n", append([]any{name}, args...)...)
	}
	t := r.Tally
	line("worlds", "%d of %v of virtual time each, seeds %d to %d", t.Runs, explore.Length, r.First, r.First+r.Seeds-1)
	line("events", "%d; messages lost %d, repeated %d", t.Events, t.Lost, t.Repeated)
	line("reads", "%d answered, %d with an error; %d hits, %d joined a fetch, %d served stale, %d to be served without a lease", t.Reads, t.Errors, t.Hits, t.Joined, t.Stale, t.Unleased)
	line("fetches", "%d; %d answered by an upper tier, which was passed over %d times; the origin was read %d times", t.Fetches, t.FromTier, t.PassedOver, t.OriginReads)
	line("invalidations", "%d made, %d Completed; distributions were given another origin %d times", t.Invalidations, t.Completed, t.Moves)
	line("control", "%d lease calls answered, %d leaders, %d new epochs, %d compactions, %d snapshots sent", t.Leases, t.Leaders, t.Epochs, t.Compactions, t.Snapshots)
	for i, name := range explore.FaultNames() {
		line("  "+name, "%d", t.Faults[i])
	}
	for _, v := range r.Violations {
		line("violation", "seed %d, %v", v.Seed, v.Violation)
	}
	line("violations", "%d", len(r.Violations))
	if r.Trace != "" {
		line("trace", "SHA-256 %s", r.Trace)
	}
	if r.Seconds > 0 {
		line("took", "%v, %.0f worlds a second, %d at a time", seconds(r.Seconds), float64(t.Runs)/r.Seconds, r.Parallel)
	}
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second / 10)
}

// table says of each rule how soon its mutant was noticed, in Markdown.
func table(all []search.Caught, most uint64, out io.Writer) {
	fmt.Fprintln(out, "| rule | worlds | what was broken | first seen |\n| --- | ---: | --- | --- |")
	for _, c := range all {
		if c.Worlds == 0 {
			fmt.Fprintf(out, "| %s | > %d | nothing was noticed | |\n", c.Rule, most)
			continue
		}
		fmt.Fprintf(out, "| %s | %d | %s | %v |\n", c.Rule, c.Worlds, c.Claim, c.Violation)
	}
}

// meter tells how far a long run is.
type meter struct {
	out         io.Writer
	began, told time.Time
	worlds      uint64
}

// every is how often it does.
const every = 5 * time.Second

func newMeter(out io.Writer, worlds uint64) *meter {
	now := time.Now()
	return &meter{out, now, now, worlds}
}

func (m *meter) took() time.Duration { return time.Since(m.began) }

func (m *meter) tell(worlds, violations int) {
	now := time.Now()
	if now.Sub(m.told) < every {
		return
	}
	m.told = now
	left := time.Duration(float64(now.Sub(m.began)) / float64(worlds) * float64(m.worlds-uint64(worlds)))
	fmt.Fprintf(m.out, "%d of %d worlds, %d violations, %v left\n", worlds, m.worlds, violations, left.Round(time.Second))
}
