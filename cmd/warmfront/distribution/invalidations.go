package distribution

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/operator"
)

// NewInvalidations makes `warmfront invalidations`.
func NewInvalidations(flags *cli.Global) *cobra.Command {
	g := &global{flags}
	c := &cobra.Command{Use: "invalidations", Short: "List invalidations, and show how far one is"}
	c.AddCommand(newInvalidationsList(g), newInvalidationsGet(g))
	return c
}

func newInvalidationsList(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "list ID", Short: "List a distribution's invalidations, newest first", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			items := []types.InvalidationSummary{}
			pages := cloudfront.NewListInvalidationsPaginator(c.CloudFront(), &cloudfront.ListInvalidationsInput{DistributionId: &args[0]})
			for pages.HasMorePages() {
				page, err := pages.NextPage(cmd.Context())
				if err != nil {
					return err
				}
				items = append(items, page.InvalidationList.Items...)
			}
			return g.Print(cmd, items, func(w *tabwriter.Writer) {
				cli.Row(w, "ID", "STATUS", "CREATED")
				for _, inv := range items {
					cli.Row(w, aws.ToString(inv.Id), aws.ToString(inv.Status), aws.ToTime(inv.CreateTime).Format(time.RFC3339))
				}
			})
		},
	}
}

func newInvalidationsGet(g *global) *cobra.Command {
	var wait bool
	var timeout time.Duration
	c := &cobra.Command{
		Use: "get ID INVALIDATION", Short: "Show how far an invalidation is, and whom it waits for", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTimeout(cmd, wait); err != nil {
				return err
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			inv, err := c.invalidation(cmd.Context(), args[0], args[1])
			if err == nil && wait && inv.Status != operator.Completed {
				if err = c.waitCompleted(cmd.Context(), newWatch(cmd.ErrOrStderr(), g.Output == "json"), args[0], args[1], timeout); err == nil {
					inv, err = c.invalidation(cmd.Context(), args[0], args[1])
				}
			}
			if err != nil {
				return err
			}
			return g.Print(cmd, inv, func(w *tabwriter.Writer) { describeInvalidation(w, inv) })
		},
	}
	waitFlags(c, &wait, &timeout)
	return c
}

// waitFlags are those of commands that wait for an invalidation.
func waitFlags(c *cobra.Command, wait *bool, timeout *time.Duration) {
	c.Flags().BoolVar(wait, "wait", false, "wait until it is Completed, and show whom it waits for")
	c.Flags().DurationVar(timeout, "timeout", 0, "with --wait: give up after this time (default: never)")
}

func checkTimeout(cmd *cobra.Command, wait bool) error {
	timeout, err := cmd.Flags().GetDuration("timeout")
	switch {
	case err != nil:
		return err
	case timeout < 0:
		return fmt.Errorf("--timeout %v: give a time that is not negative", timeout)
	case timeout > 0 && !wait:
		return errors.New("--timeout is for --wait: give both")
	}
	return nil
}

func describeInvalidation(w *tabwriter.Writer, inv operator.Invalidation) {
	cli.Row(w, "id", inv.ID)
	cli.Row(w, "distribution", inv.Distribution)
	cli.Row(w, "status", inv.Status)
	cli.Row(w, "paths", abridge(inv.Paths))
	cli.Row(w, "created", inv.CreateTime.Format(time.RFC3339))
	cli.Row(w, "version", inv.Version)
	cli.Row(w, "when isolated", inv.WhenIsolated)
	cli.Row(w, "edges", fmt.Sprintf("%d of %d have it", inv.Acknowledged, inv.Edges))
	if len(inv.Fenced) > 0 {
		cli.Row(w, "fenced", strings.Join(inv.Fenced, ", ")+": not waited for, they hold no lease")
	}
	for _, wait := range inv.Waiting {
		cli.Row(w, "waiting for", waitOf(wait)+", which has applied "+wait.Applied.String())
	}
	if inv.QuietLeft > 0 && inv.Status != operator.Completed {
		cli.Row(w, "waiting for", fmt.Sprintf("leases from before control's start (%s)", seconds(inv.QuietLeft)))
	}
	for _, wait := range inv.Waiting {
		if isLost(wait) {
			cli.Row(w, "next step", hint(inv, wait))
		}
	}
}
