package main

import (
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/operator"
)

func newFault(g *cli.Global) *cobra.Command {
	c := &cobra.Command{
		Use:   "fault",
		Short: "Make a fault in a sandbox, and heal it",
		Long: "Make a fault at a node (NRT-1), an edge location (NRT), a continent (asia) or everywhere (all):\n\n" +
			"  stop       the node's process ends; heal starts it again with the state on its disk\n" +
			"  pause      nothing it was sent is read and nothing it wrote leaves, as if it slept\n" +
			"  partition  the cluster, or control alone (--from control), is out of its reach; viewers and origins are not\n" +
			"  slow       every round trip takes --delay longer",
	}
	for _, kind := range []struct{ name, short string }{
		{"stop", "Stop nodes"}, {"pause", "Let nodes sleep"}, {"partition", "Cut nodes off from the cluster"},
		{"slow", "Make nodes slow"}, {"heal", "End all faults of nodes"},
	} {
		var delay time.Duration
		var from string
		sub := &cobra.Command{
			Use: kind.name + " NODE|POP|CONTINENT|all", Short: kind.short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				c, err := g.Client()
				if err != nil {
					return err
				}
				var done operator.Faulted
				f := operator.Fault{Kind: kind.name, Target: args[0], From: from, Delay: delay}
				if err := c.Operator(cmd.Context(), http.MethodPost, "/warmfront/v1/faults", f, &done); err != nil {
					return err
				}
				return g.Print(cmd, done, func(w *tabwriter.Writer) {
					cli.Row(w, fmt.Sprintf("%s: %s", kind.name, strings.Join(done.Nodes, ", ")))
				})
			},
		}
		if kind.name == "partition" {
			sub.Flags().StringVar(&from, "from", "", "only from this: control (neighbours then bring the node what changes; its lease ends)")
		}
		if kind.name == "slow" {
			sub.Flags().DurationVar(&delay, "delay", 500*time.Millisecond, "how much longer a round trip takes")
		}
		c.AddCommand(sub)
	}
	return c
}
