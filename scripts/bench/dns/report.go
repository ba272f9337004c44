//go:build linux

package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// result is one turn, by where it belongs.
type result struct {
	round        int
	load, server string
	turn
}

type results []result

func (r *results) add(round int, load, server string, t turn) {
	*r = append(*r, result{round, load, server, t})
}

// of returns the turns of a server with a load, by round.
func (r results) of(load, server string) (out []result) {
	for _, x := range r {
		if x.load == load && x.server == server {
			out = append(out, x)
		}
	}
	return out
}

// ratios is the table of work per CPU second beside the first server named, gdnsd by default.
func (r results) ratios(cfg config) [][]string {
	rows := [][]string{append([]string{"work per CPU second, ratio"}, cfg.load...)}
	base := cfg.only[0]
	for _, server := range cfg.only {
		row := []string{server}
		for _, load := range cfg.load {
			own, beside := r.of(load, server), r.of(load, base)
			var all []float64
			for i := range own {
				all = append(all, own[i].perCPU()/beside[i].perCPU())
			}
			slices.Sort(all)
			cell := fmt.Sprintf("%.2f", median(all))
			if server != base {
				cell += fmt.Sprintf(" (%.2f–%.2f)", all[0], all[len(all)-1])
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

// figures is the table of what the ratios rest on.
func (r results) figures(cfg config) [][]string {
	rows := [][]string{{"load", "server", "a CPU second", "a second", "late or lost", "p50", "p99"}}
	for _, load := range cfg.load {
		for _, server := range cfg.only {
			turns := r.of(load, server)
			by := func(f func(result) float64) float64 {
				var all []float64
				for _, t := range turns {
					all = append(all, f(t))
				}
				slices.Sort(all)
				return median(all)
			}
			asked, lost := 0, 0
			for _, t := range turns {
				asked, lost = asked+t.answers+t.lost, lost+t.lost
			}
			row := []string{load, server, fmt.Sprintf("%.0f", by(func(t result) float64 { return t.perCPU() })),
				fmt.Sprintf("%.0f", by(func(t result) float64 { return float64(t.answers) / t.took.Seconds() })),
				fmt.Sprintf("%.2f %%", 100*float64(lost)/float64(max(asked, 1))), "", ""}
			if slices.Contains([]string{"steady", "flood", "tcpflood"}, load) {
				row[5] = milliseconds(by(func(t result) float64 { return float64(t.p50) }))
				row[6] = milliseconds(by(func(t result) float64 { return float64(t.p99) }))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func milliseconds(ns float64) string {
	return fmt.Sprintf("%.2f ms", ns/float64(time.Millisecond))
}

// median is that of numbers in their order.
func median[T cmp.Ordered](sorted []T) T { return sorted[len(sorted)/2] }
