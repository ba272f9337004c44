package distribution

import (
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/operator"
)

// NewInvalidate makes `warmfront invalidate`.
func NewInvalidate(flags *cli.Global) *cobra.Command {
	g := &global{flags}
	var wait bool
	var timeout time.Duration
	var reference string
	c := &cobra.Command{
		Use:   "invalidate ID PATH…",
		Short: "Stop serving what edges have stored of a path, or of everything (\"/*\")",
		Long: "Stop serving what edges have stored of the paths. A path begins with \"/\" and may end with \"*\"; \"#TAG\" is a cache tag.\n" +
			"Once the invalidation is Completed no edge serves what it stored before without the origin's word.\n" +
			"It goes on if --wait is interrupted; `warmfront invalidations get` shows how far it is.",
		Example: "  warmfront invalidate E2EXAMPLE '/*' --wait",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTimeout(cmd, wait); err != nil {
				return err
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			if reference == "" {
				reference = "warmfront-" + time.Now().UTC().Format("20060102T150405.000000000")
			}
			paths := args[1:]
			out, err := c.CloudFront().CreateInvalidation(cmd.Context(), &cloudfront.CreateInvalidationInput{
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
				w := newWatch(cmd.ErrOrStderr(), g.Output == "json")
				if err := c.waitCompleted(cmd.Context(), w, args[0], aws.ToString(inv.Id), timeout); err != nil {
					return err
				}
				inv.Status = aws.String(operator.Completed)
			}
			return g.Print(cmd, inv, func(w *tabwriter.Writer) { cli.Row(w, aws.ToString(inv.Id), aws.ToString(inv.Status)) })
		},
	}
	waitFlags(c, &wait, &timeout)
	c.Flags().StringVar(&reference, "caller-reference", "", "makes a repeated call harmless (default: the time)")
	return c
}
