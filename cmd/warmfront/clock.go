package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/operator"
)

func newClock(g *cli.Global) *cobra.Command {
	c := &cobra.Command{
		Use:   "clock",
		Short: "Move a sandbox's time ahead, so that what is to expire tomorrow expires now",
		Long: "Move a sandbox's time ahead. Every edge goes by it for freshness, for the dates of signed URLs and cookies, and in access\n" +
			"logs; leases, TLS, AWS signatures, DNS and time-outs go by the real time. It stays moved until it is reset, over restarts too.",
	}
	c.AddCommand(&cobra.Command{
		Use: "show", Short: "Show the sandbox's time", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return callClock(cmd, g, http.MethodGet, nil) },
	}, &cobra.Command{
		Use: "advance DURATION", Short: "Move it ahead", Args: cobra.ExactArgs(1),
		Example: "  warmfront clock advance 25h",
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := time.ParseDuration(args[0])
			if err != nil {
				return fmt.Errorf("%q is no duration: write 90s, 30m or 25h", args[0])
			}
			if d <= 0 {
				return errors.New("the clock goes forward only, by more than nothing")
			}
			return callClock(cmd, g, http.MethodPost, operator.MoveClock{Advance: d})
		},
	}, &cobra.Command{
		Use: "reset", Short: "Set it back to the real time; what was stored at a later one is stale then", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return callClock(cmd, g, http.MethodPost, operator.MoveClock{Reset: true})
		},
	})
	return c
}

func callClock(cmd *cobra.Command, g *cli.Global, method string, body any) error {
	c, err := g.Client()
	if err != nil {
		return err
	}
	var now operator.Clock
	if err := c.Operator(cmd.Context(), method, "/warmfront/v1/clock", body, &now); err != nil {
		return err
	}
	return g.Print(cmd, now, func(w *tabwriter.Writer) {
		ahead := "the real time"
		if now.Ahead != 0 {
			ahead = now.Ahead.String() + " ahead"
		}
		cli.Row(w, fmt.Sprintf("%s, %s", now.Now.Format(time.RFC3339), ahead))
		if len(now.Waiting) > 0 {
			cli.Row(w, "edges that do not go by it yet: "+strings.Join(now.Waiting, ", "))
		}
	})
}
