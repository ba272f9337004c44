package distribution

import (
	"context"
	"errors"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cmd/warmfront/cli"
)

func newDistributionIsolation(g *global) *cobra.Command {
	var wait bool
	c := &cobra.Command{
		Use:   "isolation ID serve-stale|confirm",
		Short: "Say what edges that are cut off do with a distribution",
		Long: "Say what an edge does with a distribution's stored objects while it is cut off, and cannot know what was invalidated:\n\n" +
			"  confirm      it asks the origin for each (the default); invalidations complete once its lease has ended\n" +
			"  serve-stale  it serves them; invalidations stay InProgress until it is back, or is forgotten (`warmfront nodes forget`)\n\n" +
			"The setting is the distribution's tag " + cdn.WhenIsolatedTag + ".",
		Example: "  warmfront distribution isolation E2EXAMPLE serve-stale --wait",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			when, err := cdn.ParseWhenIsolated(args[1])
			if err != nil {
				return err
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			got, err := c.CloudFront().GetDistribution(cmd.Context(), &cloudfront.GetDistributionInput{Id: &args[0]})
			if err != nil {
				return err
			}
			_, err = c.CloudFront().TagResource(cmd.Context(), &cloudfront.TagResourceInput{
				Resource: got.Distribution.ARN, Tags: whenIsolatedTag(when.String()),
			})
			if err != nil {
				return err
			}
			if got, err = c.CloudFront().GetDistribution(cmd.Context(), &cloudfront.GetDistributionInput{Id: &args[0]}); err != nil {
				return err
			}
			return g.finish(cmd, c, got.Distribution, wait)
		},
	}
	c.Flags().BoolVar(&wait, "wait", false, "wait until every edge has it")
	return c
}

func whenIsolatedTag(value string) *types.Tags {
	return &types.Tags{Items: []types.Tag{{Key: aws.String(cdn.WhenIsolatedTag), Value: &value}}}
}

// whenIsolated reads a distribution's setting.
func (c *client) whenIsolated(ctx context.Context, arn *string) (cdn.WhenIsolated, error) {
	out, err := c.CloudFront().ListTagsForResource(ctx, &cloudfront.ListTagsForResourceInput{Resource: arn})
	var deleted *types.NoSuchResource // since it was listed
	if errors.As(err, &deleted) {
		return cdn.Confirm, nil
	}
	if err != nil {
		return cdn.Confirm, err
	}
	for _, tag := range out.Tags.Items {
		if aws.ToString(tag.Key) == cdn.WhenIsolatedTag {
			return cdn.ParseWhenIsolated(aws.ToString(tag.Value))
		}
	}
	return cdn.Confirm, nil
}

// shownDistribution is CloudFront's, and what CloudFront has no word for.
type shownDistribution struct {
	*types.Distribution
	WhenIsolated string
}

type shownSummary struct {
	types.DistributionSummary
	WhenIsolated string
}

// show prints a distribution with its setting.
func (g *global) show(cmd *cobra.Command, c *client, d *types.Distribution) error {
	when, err := c.whenIsolated(cmd.Context(), d.ARN)
	if err != nil {
		return err
	}
	return g.Print(cmd, shownDistribution{d, when.String()}, func(w *tabwriter.Writer) {
		describe(w, d)
		cli.Row(w, "when isolated", when)
	})
}

// create makes a distribution with tags, nil for none.
func (c *client) create(ctx context.Context, config *types.DistributionConfig, tags *types.Tags) (*types.Distribution, error) {
	if tags == nil {
		out, err := c.CloudFront().CreateDistribution(ctx, &cloudfront.CreateDistributionInput{DistributionConfig: config})
		if err != nil {
			return nil, err
		}
		return out.Distribution, nil
	}
	out, err := c.CloudFront().CreateDistributionWithTags(ctx, &cloudfront.CreateDistributionWithTagsInput{
		DistributionConfigWithTags: &types.DistributionConfigWithTags{DistributionConfig: config, Tags: tags},
	})
	if err != nil {
		return nil, err
	}
	return out.Distribution, nil
}
