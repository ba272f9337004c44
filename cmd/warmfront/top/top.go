// Package top has the command `warmfront top`: live traffic, hit ratio, origin load and dollars
// by price region.
//
// It reads the same metrics of edges that Prometheus scrapes ([Counters]), twice, and what has
// happened in between is summed by price region by a pure function ([Sum]).
package top

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/geo"
)

// New returns the command.
func New(g *cli.Global) *cobra.Command {
	var once bool
	var interval time.Duration
	c := &cobra.Command{
		Use:   "top",
		Short: "Show live traffic, hit ratio, origin load and dollars by price region",
		Long: "Show what viewers ask of the edges and what edges ask of origins, by price region and by edge, every --interval.\n\n" +
			"HIT % is which part was answered from a cache, redirects and error pages aside. USD is what CloudFront would ask for all\n" +
			"that the edges have counted since they were started: bytes of bodies to viewers and requests, at the list price of the\n" +
			"first 10 TB of a month, without a free tier, and without what is sent to origins. USD/H is that at the rate of now.\n\n" +
			"The figures are those of the nodes' /metrics, which must be reachable from here: in a sandbox they are.",
		Example: "  warmfront top\n  warmfront top --once -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval < 100*time.Millisecond {
				return fmt.Errorf("--interval %v: at least 100ms are needed to see anything", interval)
			}
			return watch(cmd, g, interval, once)
		},
	}
	c.Flags().BoolVar(&once, "once", false, "show one interval and end")
	c.Flags().DurationVar(&interval, "interval", 2*time.Second, "what time each view is of")
	return c
}

func watch(cmd *cobra.Command, g *cli.Global, interval time.Duration, once bool) error {
	ctx := cmd.Context()
	client, err := g.Client()
	if err != nil {
		return err
	}
	scraper := &http.Client{Timeout: 5 * time.Second}
	var before Sample
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		edges, places, err := edgesOf(ctx, client)
		if err != nil {
			return ended(ctx, err)
		}
		now, silent := scrape(ctx, scraper, edges)
		if len(now.Nodes) == 0 && ctx.Err() == nil {
			return fmt.Errorf("no edge's metrics can be read from here (asked %s); in a sandbox they are on the nodes' own addresses, elsewhere on their loopback", strings.Join(silent, ", "))
		}
		if !before.At.IsZero() {
			r := Sum(before, now, places, geo.BundledCatalogue().Price)
			slices.Sort(silent)
			r.Silent = silent
			if err := show(cmd, g, r, once); err != nil || once {
				return err
			}
		}
		before = now
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ended is nil where an error came of the command being ended.
func ended(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return err
}

// edgesOf lists the edges that control knows of, and where they are.
func edgesOf(ctx context.Context, client *cli.Client) ([]cdn.Node, map[string]Place, error) {
	var all operator.Nodes
	if err := client.Operator(ctx, http.MethodGet, "/warmfront/v1/nodes", nil, &all); err != nil {
		return nil, nil, err
	}
	var edges []cdn.Node
	places := map[string]Place{}
	for _, n := range all.Nodes {
		if n.Role != cdn.RoleEdge {
			continue
		}
		edges = append(edges, n.Node)
		pop, _ := geo.BundledCatalogue().ByCode(n.POP)
		places[n.ID] = Place{n.POP, cmp.Or(pop.PriceRegion, "unknown")}
	}
	if len(edges) == 0 {
		return nil, nil, errors.New("no edge is registered")
	}
	return edges, places, nil
}

const clearScreen = "\x1b[H\x1b[2J"

func show(cmd *cobra.Command, g *cli.Global, r Report, once bool) error {
	if g.Output == "json" {
		return g.Print(cmd, r, nil)
	}
	out, rows := cmd.OutOrStdout(), 24
	if f, ok := out.(*os.File); ok && !once && term.IsTerminal(int(f.Fd())) {
		if _, height, err := term.GetSize(int(f.Fd())); err == nil {
			rows = height
		}
		if _, err := io.WriteString(out, clearScreen); err != nil {
			return err
		}
	}
	return write(out, r, rows)
}

// write prints a report of at most so many rows, and of 80 columns.
func write(out io.Writer, r Report, rows int) error {
	w := tabwriter.NewWriter(out, 0, 8, 1, ' ', tabwriter.AlignRight)
	line := func(name string, t Traffic) {
		hit := "-"
		if t.HitRatio >= 0 {
			hit = fmt.Sprintf("%.1f", 100*t.HitRatio)
		}
		cli.Row(w, name, "", number(t.Requests), hit, number(t.Bytes/1e6), number(t.Origin), number(t.OriginErrors), fmt.Sprintf("%.4f", t.PerHour), fmt.Sprintf("%.4f", t.Total), "")
	}
	cli.Row(w, pad("PRICE REGION"), "", "REQ/S", "HIT %", "MB/S", "ORIGIN/S", "ERR/S", "USD/H", "USD", "")
	used := 3
	for _, g := range r.Regions {
		line(pad(g.Name), g.Traffic)
		used++
	}
	line(pad("all"), r.Total)
	cli.Row(w, pad("EDGE"), "", "", "", "", "", "", "", "", "")
	for i, n := range r.Nodes {
		if used++; used >= rows && i > 0 {
			break
		}
		line(pad(n.ID), n.Traffic)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	foot := r.At.Format(time.TimeOnly) + ", of the last " + r.Interval.Round(100*time.Millisecond).String()
	if len(r.Silent) > 0 {
		foot += "; not to be asked: " + strings.Join(r.Silent, ", ")
		foot = foot[:min(len(foot), 80)]
	}
	_, err := fmt.Fprintln(out, foot)
	return err
}

// pad brings a name to the left of its column.
func pad(s string) string { return fmt.Sprintf("%-23.23s", s) }

// number is short: 0, 0.4, 12, 3.4k.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 10:
		return fmt.Sprintf("%.1f", v)
	case v < 1e4:
		return fmt.Sprintf("%.0f", v)
	case v < 1e6:
		return fmt.Sprintf("%.1fk", v/1e3)
	}
	return fmt.Sprintf("%.1fM", v/1e6)
}
