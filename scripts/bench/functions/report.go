package main

import (
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// row is a line of a table: times in microseconds.
type row struct {
	What string
	// Count is of what was timed, Failed of what was answered otherwise than it should.
	Count, Failed int
	// PerSecond is how many one core did of them, or was asked for.
	PerSecond float64
	P50, P99, P999,
	CPU10, CPU50, CPU99 float64 `json:",omitzero"`
	// MemoryMB is the node's resident memory at the end.
	MemoryMB float64 `json:",omitzero"`
	Note     string  `json:",omitempty"`
}

// percentiles fills in what a row has of times.
func (r *row) percentiles(wall, cpu []time.Duration) {
	r.Count = len(wall)
	r.P50, r.P99, r.P999 = at(wall, 0.5), at(wall, 0.99), at(wall, 0.999)
	r.CPU10, r.CPU50, r.CPU99 = at(cpu, 0.1), at(cpu, 0.5), at(cpu, 0.99)
}

// at is a quantile in microseconds, 0 of nothing.
func at(times []time.Duration, q float64) float64 {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return float64(times[min(len(times)-1, int(q*float64(len(times))))]) / 1e3
}

func printTable(part string, rows []row) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tcount\tfailed\ta second\tp50 µs\tp99\tp99.9\tCPU p10\tp50\tp99\tMB\t\n", part)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.0f", r.What, r.Count, r.Failed, r.PerSecond)
		for _, v := range []float64{r.P50, r.P99, r.P999, r.CPU10, r.CPU50, r.CPU99, r.MemoryMB} {
			if v == 0 {
				fmt.Fprint(w, "\t")
				continue
			}
			fmt.Fprintf(w, "\t%.*f", map[bool]int{true: 1}[v < 1000], v)
		}
		fmt.Fprintf(w, "\t%s\n", r.Note)
	}
	_ = w.Flush()
	fmt.Println()
}
