package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// report writes what was measured.
func report(w io.Writer, cfg config, servers []*peers.Server, notes []string, results []result) error {
	if cfg.output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"results": results, "notes": notes})
	}
	markdown := cfg.output == "markdown"
	_, err := io.WriteString(w, peers.Table(ratios(results), markdown)+"\n"+peers.Table(rates(results), markdown)+"\n"+remarks(cfg, servers, notes))
	return err
}

// ratios is the table of ratios: a row a server, a column a load.
func ratios(results []result) [][]string {
	head, rows := []string{"work per CPU second, ratio"}, map[string][]string{}
	var order []string
	for _, l := range loads() {
		if !slices.ContainsFunc(results, func(r result) bool { return r.Load == l.Name }) {
			continue
		}
		head = append(head, l.Title)
		for _, r := range results {
			if r.Load != l.Name {
				continue
			}
			if rows[r.Server] == nil {
				order = append(order, r.Server)
			}
			for len(rows[r.Server]) < len(head)-2 {
				rows[r.Server] = append(rows[r.Server], "")
			}
			rows[r.Server] = append(rows[r.Server], spread(r.Rounds))
		}
	}
	out := [][]string{head}
	for _, name := range order {
		row := append([]string{name}, rows[name]...)
		for len(row) < len(head) {
			row = append(row, "")
		}
		out = append(out, row)
	}
	return out
}

// spread is a ratio's median, with the smallest and the largest.
func spread(rounds []round) string {
	list := sorted(rounds, func(r round) float64 { return r.Ratio })
	if list[len(list)-1] == 0 {
		return "–"
	}
	if list[0] == 1 && list[len(list)-1] == 1 {
		return "1.00"
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", list[len(list)/2], list[0], list[len(list)-1])
}

// rates is the table of absolute figures.
func rates(results []result) [][]string {
	out := [][]string{{"load", "server", "a CPU second", "a second", "CPU", "p50", "p99"}}
	for _, r := range results {
		middle := func(f func(round) float64) float64 {
			list := sorted(r.Rounds, f)
			return list[len(list)/2]
		}
		latency := func(f func(round) time.Duration) string {
			return fmt.Sprintf("%.2f ms", middle(func(r round) float64 { return float64(f(r)) })/1e6)
		}
		out = append(out, []string{r.Load, r.Server, number(middle(func(r round) float64 { return r.PerCPU })),
			number(middle(func(r round) float64 { return r.PerSecond })),
			fmt.Sprintf("%.0f %%", middle(func(r round) float64 { return 100 * r.CPU.Seconds() / r.Elapsed.Seconds() })),
			latency(func(r round) time.Duration { return r.P50 }), latency(func(r round) time.Duration { return r.P99 })})
	}
	return out
}

func sorted(rounds []round, f func(round) float64) (list []float64) {
	for _, r := range rounds {
		list = append(list, f(r))
	}
	slices.Sort(list)
	return list
}

// number separates the thousands.
func number(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func remarks(cfg config, servers []*peers.Server, notes []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Medians of %d rounds of %v; ratios with the smallest and the largest. %d connections", cfg.rounds, cfg.duration, cfg.connections)
	fmt.Fprintf(&b, ", HTTP/2 with %d at once on each.\n", cfg.streams)
	b.WriteString(peers.Versions(servers))
	for _, n := range notes {
		fmt.Fprintf(&b, "- Note: %s.\n", n)
	}
	return b.String()
}
