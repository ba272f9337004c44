package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/spf13/cobra"
)

func newInvalidate(g *global) *cobra.Command {
	var wait bool
	var reference string
	c := &cobra.Command{
		Use:   "invalidate ID PATH…",
		Short: "Stop serving what edges have stored of a path, or of everything (\"/*\")",
		Long: "Stop serving what edges have stored of the paths. A path begins with \"/\" and may end with \"*\".\n" +
			"Once the invalidation is Completed no edge serves what it stored before without the origin's word.",
		Example: "  warmfront invalidate E2EXAMPLE '/*' --wait",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			if reference == "" {
				reference = "warmfront-" + time.Now().UTC().Format("20060102T150405.000000000")
			}
			paths := args[1:]
			out, err := c.cloudFront().CreateInvalidation(cmd.Context(), &cloudfront.CreateInvalidationInput{
				DistributionId: &args[0],
				InvalidationBatch: &types.InvalidationBatch{
					CallerReference: &reference,
					Paths:           &types.Paths{Quantity: aws.Int32(int32(len(paths))), Items: paths},
				},
			})
			if err != nil {
				return err
			}
			inv := out.Invalidation
			if wait {
				if inv, err = c.waitCompleted(cmd, args[0], inv); err != nil {
					return err
				}
			}
			return g.print(cmd, inv, func(w *tabwriter.Writer) { row(w, aws.ToString(inv.Id), aws.ToString(inv.Status)) })
		},
	}
	c.Flags().BoolVar(&wait, "wait", false, "wait until it is Completed")
	c.Flags().StringVar(&reference, "caller-reference", "", "makes a repeated call harmless (default: the time)")
	return c
}

func (c *client) waitCompleted(cmd *cobra.Command, id string, inv *types.Invalidation) (*types.Invalidation, error) {
	p := newProgress(cmd.ErrOrStderr(), "invalidating")
	for aws.ToString(inv.Status) != "Completed" {
		if err := p.tick(cmd.Context(), c); err != nil {
			return inv, fmt.Errorf("%s is still %s: %w", aws.ToString(inv.Id), aws.ToString(inv.Status), err)
		}
		out, err := c.cloudFront().GetInvalidation(cmd.Context(), &cloudfront.GetInvalidationInput{DistributionId: &id, Id: inv.Id})
		if err != nil {
			return inv, err
		}
		inv = out.Invalidation
	}
	p.done()
	return inv, nil
}
