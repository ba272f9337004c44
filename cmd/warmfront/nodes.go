package main

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/operator"
)

func newNodes(g *cli.Global) *cobra.Command {
	var roundTrips bool
	c := &cobra.Command{
		Use: "nodes", Short: "Show the nodes: where they are, what they have applied, their leases", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.Client()
			if err != nil {
				return err
			}
			if roundTrips {
				var trips operator.RoundTrips
				if err := c.Operator(cmd.Context(), http.MethodGet, "/warmfront/v1/round-trips", nil, &trips); err != nil {
					return err
				}
				return g.Print(cmd, trips, func(w *tabwriter.Writer) { printRoundTrips(w, trips) })
			}
			var nodes operator.Nodes
			if err := c.Operator(cmd.Context(), http.MethodGet, "/warmfront/v1/nodes", nil, &nodes); err != nil {
				return err
			}
			return g.Print(cmd, nodes, func(w *tabwriter.Writer) {
				cli.Row(w, "NODE", "ROLE", "ADDRESS", "APPLIED", "LEASE", "INCARNATION", "GOSSIP", "FAULT")
				for _, n := range nodes.Nodes {
					cli.Row(w, n.ID, n.Role, n.Addr, n.Applied, n.LeaseText(), n.Incarnation, n.Gossip, n.Fault)
				}
				cli.Row(w, fmt.Sprintf("%d nodes", len(nodes.Nodes)), "", "head", nodes.Head)
				for _, line := range nodes.Keepers() {
					cli.Row(w, line)
				}
			})
		},
	}
	c.Flags().BoolVar(&roundTrips, "rtt", false, "show the round trips between locations that edges have measured, in milliseconds")
	c.AddCommand(&cobra.Command{
		Use: "forget NODE", Short: "Remove a node that will not come back, so that nothing waits for it", Args: cobra.ExactArgs(1),
		Long: "Remove a node that will not come back, so that nothing waits for it once its lease has ended. A node that still runs joins again.\n\n" +
			"See that it is off: one that is cut off goes on serving the distributions that are to be served when isolated,\n" +
			"and what is Completed once it is forgotten does not count it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.Client()
			if err != nil {
				return err
			}
			var none struct{}
			if err := c.Operator(cmd.Context(), http.MethodDelete, "/warmfront/v1/nodes/"+args[0], nil, &none); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), args[0], "is forgotten")
			return err
		},
	})
	return c
}

// widest is how many locations are shown as a matrix.
const widest = 16

// printRoundTrips prints a matrix, or a list where that would be too wide.
func printRoundTrips(w *tabwriter.Writer, trips operator.RoundTrips) {
	ms := func(t time.Duration) string { return fmt.Sprintf("%.1f", float64(t)/float64(time.Millisecond)) }
	of := map[[2]string]string{}
	var pops []string
	for _, t := range trips.Ways {
		of[[2]string{t.From, t.To}] = ms(t.Time)
		pops = append(pops, t.From, t.To)
	}
	slices.Sort(pops)
	pops = slices.Compact(pops)
	switch {
	case len(pops) == 0:
		cli.Row(w, "No edge has measured anything yet; each measures one other location in a few seconds.")
	case len(pops) > widest:
		cli.Row(w, "FROM", "TO", "MS")
		for _, t := range trips.Ways {
			cli.Row(w, t.From, t.To, ms(t.Time))
		}
	default:
		head := []any{"FROM"}
		for _, to := range pops {
			head = append(head, to)
		}
		cli.Row(w, head...)
		for _, from := range pops {
			line := []any{from}
			for _, to := range pops {
				line = append(line, cmp.Or(of[[2]string{from, to}], "-"))
			}
			cli.Row(w, line...)
		}
	}
	if len(trips.Silent) > 0 {
		cli.Row(w, "not to be asked: "+strings.Join(trips.Silent, ", "))
	}
}
