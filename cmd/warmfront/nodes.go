package main

import (
	"fmt"
	"net/http"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/operator"
)

func newNodes(g *cli.Global) *cobra.Command {
	c := &cobra.Command{
		Use: "nodes", Short: "Show the nodes: where they are, what they have applied, their leases", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.Client()
			if err != nil {
				return err
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
