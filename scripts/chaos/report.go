package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// report is what a run found.
type report struct {
	Seed          uint64
	Seconds       float64
	Edges         int
	Faults        map[faultKind]int
	MostAtOnce    int // faults
	Reads         int
	Unanswered    int
	CutOff        int // answers that ended early
	Late          int // answers that took over ten seconds
	Caches        map[string]int
	Statuses      map[int]int
	Origin        int64 // requests to it
	Confirmed     int64 // of those, answered with 304
	Invalidations int   // Completed
	LostWithDisk  int   // accepted, then control's disk was put back to before
	Calm, Faulty  times // from accepted to Completed, without and with faults meanwhile
	Violations    []violation
	MoreThanKept  int
	Logs          string
}

// times is a distribution of times, in seconds.
type times struct {
	N             int
	P50, P99, Max float64
}

func distribution(all []time.Duration) times {
	slices.Sort(all)
	n := len(all)
	if n == 0 {
		return times{}
	}
	at := func(q float64) float64 { return all[min(n-1, int(q*float64(n)))].Seconds() }
	return times{n, at(0.5), at(0.99), all[n-1].Seconds()}
}

// summarize makes the report of a run that is over.
func summarize(seed uint64, line *timeline, t *tally, p *publisher, edges int, logs string) *report {
	r := &report{Seed: seed, Seconds: time.Since(line.start).Seconds(), Edges: edges, Faults: map[faultKind]int{}, Caches: t.caches,
		Statuses: t.statuses, Reads: t.reads, Unanswered: t.silent, CutOff: t.cut, Late: t.afterLong, LostWithDisk: p.lost,
		Invalidations: len(p.outcomes), Violations: line.offences, Logs: logs}
	for _, w := range line.windows {
		r.Faults[w.Fault.Kind]++
		r.MostAtOnce = max(r.MostAtOnce, len(line.during(w.From, w.From.Add(time.Nanosecond))))
	}
	var well, ill []time.Duration
	for _, o := range p.outcomes {
		if o.faults {
			ill = append(ill, o.took)
		} else {
			well = append(well, o.took)
		}
	}
	r.Calm, r.Faulty = distribution(well), distribution(ill)
	if n := len(r.Violations); n > maxOffences {
		r.Violations, r.MoreThanKept = r.Violations[:maxOffences], n-maxOffences
	}
	return r
}

// failed reports whether anything was found.
func (r *report) failed() bool { return len(r.Violations) > 0 }

func (r *report) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// rows are the report as names and values.
func (r *report) rows() [][2]string {
	count := func(m map[string]int) string {
		var all []string
		for _, k := range slices.SortedFunc(maps.Keys(m), func(a, b string) int { return m[b] - m[a] }) {
			name := k
			if name == "" {
				name = "none"
			}
			all = append(all, fmt.Sprintf("%s %d", name, m[k]))
		}
		return strings.Join(all, ", ")
	}
	statuses, faults, total := map[string]int{}, map[string]int{}, 0
	for s, n := range r.Statuses {
		statuses[fmt.Sprint(s)] = n
	}
	for k, n := range r.Faults {
		faults[string(k)] = n
		total += n
	}
	took := func(t times) string {
		return fmt.Sprintf("%d; p50 %.2f s, p99 %.2f s, longest %.2f s", t.N, t.P50, t.P99, t.Max)
	}
	rows := [][2]string{
		{"length", fmt.Sprintf("%.0f s, seed %d, %d edges and control", r.Seconds, r.Seed, r.Edges)},
		{"faults", fmt.Sprintf("%d, up to %d at once: %s", total, r.MostAtOnce, count(faults))},
		{"reads", fmt.Sprintf("%d, of which %d got no answer, %d part of one, %d one after more than 10 s", r.Reads, r.Unanswered, r.CutOff, r.Late)},
		{"answers by X-Cache", count(r.Caches)},
		{"answers by status", count(statuses)},
		{"requests to the origin", fmt.Sprintf("%d, of which %d were confirmed (304)", r.Origin, r.Confirmed)},
		{"invalidations", fmt.Sprintf("%d Completed, %d lost with control's disk", r.Invalidations, r.LostWithDisk)},
		{"Completed, without faults", took(r.Calm)},
		{"Completed, with faults", took(r.Faulty)},
		{"violations", fmt.Sprint(len(r.Violations) + r.MoreThanKept)},
	}
	kinds := map[string]int{}
	for _, v := range r.Violations {
		what, _, _ := strings.Cut(string(v.What), ":")
		kinds[what]++
	}
	if len(kinds) > 0 {
		rows = append(rows, [2]string{"kinds of violations", count(kinds)})
	}
	return rows
}

func (r *report) text(w io.Writer) error {
	var b strings.Builder
	for _, row := range r.rows() {
		fmt.Fprintf(&b, "%-26s %s\n", row[0], row[1])
	}
	if r.failed() {
		fmt.Fprintf(&b, "logs                       %s\n", r.Logs)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown is the report as docs/invalidation.md has it.
func (r *report) markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| what | figure |\n| --- | --- |\n")
	for _, row := range r.rows() {
		fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
	}
	_, err := io.WriteString(w, b.String())
	return err
}
