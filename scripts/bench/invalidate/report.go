package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// report writes what was measured.
func (all *results) report(w io.Writer, cfg config) error {
	if cfg.output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	for _, rows := range [][][]string{propagationRows(all.Propagation), burstRows(all.Propagation), partitionRows(all.Partition), fleetRows(all.Fleet), cachedRows(all.Cached), statedRows()} {
		if len(rows) < 2 {
			continue
		}
		if _, err := io.WriteString(w, peers.Table(rows, cfg.output == "markdown")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func most(s spread) string { return ms(s.P50) + " / " + ms(s.P99) + " / " + ms(s.Most) }

func propagationRows(list []propagation) [][]string {
	rows := [][]string{{"edges", "API's answer", "answer to applied everywhere, p50 / p99 / max", "asked to applied everywhere", "answer to Completed", "CPU for one", "CPU at rest"}}
	for _, p := range list {
		rows = append(rows, []string{fmt.Sprint(p.Edges), ms(p.Answer.P50), most(p.Applied), most(p.Whole), most(p.Completed), ms(p.CPU), ms(p.AtRest) + " a second"})
	}
	return rows
}

func burstRows(list []propagation) [][]string {
	rows := [][]string{{"edges", "at once", "all answered", "all applied everywhere", "all Completed"}}
	for _, p := range list {
		rows = append(rows, []string{fmt.Sprint(p.Edges), fmt.Sprint(p.Burst.Count), ms(p.Burst.Answered), ms(p.Burst.Applied), ms(p.Burst.Completed)})
	}
	return rows
}

func partitionRows(p *partition) [][]string {
	if p == nil {
		return nil
	}
	return [][]string{
		{"edges", "one cut off", "answer to Completed, p50 / max", "after its lease's end, p50 / max", "allowed", "level after the fault, p50 / max"},
		{fmt.Sprint(p.Edges), fmt.Sprintf("%d times", p.Completed.Count), ms(p.Completed.P50) + " / " + ms(p.Completed.Most),
			ms(p.Beyond.P50) + " / " + ms(p.Beyond.Most), ms(p.within()), ms(p.Healed.P50) + " / " + ms(p.Healed.Most)},
	}
}

func fleetRows(list []fleet) [][]string {
	rows := [][]string{{"nodes", "ready in", "durable to applied: first / middle / last node, p50", "last node, p50 / p99 / max", "settled", "control's CPU for one", "at rest", "nodes' CPU for one", "control's memory a node", "goroutines a node"}}
	for _, f := range list {
		rows = append(rows, []string{fmt.Sprint(f.Nodes), fmt.Sprintf("%.1f s", f.Start.Seconds()), ms(f.First.P50) + " / " + ms(f.Middle.P50) + " / " + ms(f.Last.P50),
			most(f.Last), most(f.Settled), ms(f.CPU), ms(f.AtRest) + " a second", ms(f.NodesCPU), fmt.Sprintf("%d KiB", f.Memory>>10), fmt.Sprintf("%.1f", f.Goroutines)})
	}
	return rows
}

func cachedRows(list []cached) [][]string {
	rows := [][]string{{"objects cached", "window", "hits p50", "p99", "p99.9", "slowest", "slowest of all windows", "edge's CPU", "Completed after"}}
	for _, c := range list {
		for _, k := range c.Kinds {
			rows = append(rows, []string{fmt.Sprint(c.Objects), k.Name, k.middle(p50), k.middle(p99), k.middle(p999), k.middle(slowest), ms(k.worst()), k.cpu(), ms(k.Completed.P50)})
		}
		rows = append(rows, []string{fmt.Sprint(c.Objects), "the first of those", ms(c.Live.P50), ms(c.Live.P99), ms(c.Live.P999), ms(c.Live.Most), "", "", ""})
	}
	return rows
}

// statedRows is what the operators of large networks say of their own. It is of another thing than what is measured
// here: their edges are a planet apart.
func statedRows() [][]string {
	return [][]string{
		{"their own statements, of networks around the planet, not measured here", "takes effect", "completes"},
		{"CloudFront", "within 5 s", "25 s, p95"},
		{"Fastly", "about 150 ms", ""},
		{"Cloudflare", "about 150 ms", ""},
	}
}
