package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// report writes what was measured.
func (b *bench) report(w io.Writer) error {
	if b.cfg.output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"results": b.results})
	}
	rows := [][]string{{"load", "viewers", "server", "origin fetches", "first byte p50 / p99", "behind the origin p50 / p99", "whole, p99", "CPU"}}
	for _, r := range b.results {
		middle := func(f func(round) time.Duration) string {
			var list []time.Duration
			for _, round := range r.Rounds {
				list = append(list, f(round))
			}
			return fmt.Sprint(percentile(list, 50).Milliseconds())
		}
		most := slices.MaxFunc(r.Rounds, func(a, b round) int { return a.Fetches - b.Fetches }).Fetches
		rows = append(rows, []string{r.Load, fmt.Sprint(r.Viewers), r.Server, fmt.Sprint(most),
			middle(func(r round) time.Duration { return r.FirstP50 }) + " / " + middle(func(r round) time.Duration { return r.FirstP99 }) + " ms",
			middle(func(r round) time.Duration { return r.BehindP50 }) + " / " + middle(func(r round) time.Duration { return r.BehindP99 }) + " ms",
			middle(func(r round) time.Duration { return r.WholeP99 }) + " ms", middle(func(r round) time.Duration { return r.CPU }) + " ms"})
	}
	text := peers.Table(rows, b.cfg.output == "markdown")
	_, err := fmt.Fprintf(w, "%s\nMedians of %d rounds; origin fetches are the most of any round.\n%s", text, b.cfg.rounds, peers.Versions(b.servers))
	return err
}
