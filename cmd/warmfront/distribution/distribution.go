package distribution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cmd/warmfront/cli"
)

// cachingOptimized is the managed policy that caches for 24 hours by default.
const cachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"

// New makes `warmfront distribution`.
func New(flags *cli.Global) *cobra.Command {
	g := &global{flags}
	c := &cobra.Command{
		Use:     "distribution",
		Aliases: []string{"dist"},
		Short:   "Create, list, show, update and delete distributions",
	}
	c.AddCommand(newDistributionCreate(g), newDistributionList(g), newDistributionGet(g), newDistributionUpdate(g), newDistributionIsolation(g), newDistributionDelete(g))
	return c
}

type createFlags struct {
	origin, path, root, priceClass, comment, reference, config, accessControl, whenIsolated string
	aliases                                                                                 []string
	wait                                                                                    bool
}

func newDistributionCreate(g *global) *cobra.Command {
	var f createFlags
	c := &cobra.Command{
		Use:   "create --origin DOMAIN | --config FILE",
		Short: "Create a distribution for an origin",
		Long: "Create a distribution for an origin: a bucket's name (\"s3://demo\", \"demo.s3.us-east-1.amazonaws.com\") or a host name.\n" +
			"A bucket stays private: the distribution is given an origin access control, and a bucket without a policy one that lets it read.\n" +
			"HTTP is redirected to HTTPS and objects are cached for 24 hours unless the origin says otherwise.\n" +
			"--config takes the JSON that `aws cloudfront create-distribution --distribution-config` takes.",
		Example: "  warmfront distribution create --origin s3://demo --default-root-object index.html --wait\n" +
			"  warmfront distribution create --origin http://127.0.0.1:3000\n" +
			"  warmfront distribution create --origin www.example.com --price-class 100",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return createDistribution(cmd, g, f) },
	}
	flags := c.Flags()
	flags.StringVar(&f.origin, "origin", "", "bucket or host name that objects come from")
	flags.StringVar(&f.path, "origin-path", "", "prefix of every request to the origin (\"/v1\")")
	flags.StringVar(&f.root, "default-root-object", "", "object for \"/\"")
	flags.StringVar(&f.accessControl, "origin-access-control", "", "id of the origin access control for a private bucket")
	flags.StringVar(&f.priceClass, "price-class", "All", "edge locations to serve from: 100, 200 or All")
	flags.StringSliceVar(&f.aliases, "alias", nil, "further host name to answer to")
	flags.StringVar(&f.comment, "comment", "", "a note")
	flags.StringVar(&f.reference, "caller-reference", "", "makes a repeated call harmless (default: the time)")
	flags.StringVar(&f.config, "config", "", "file with a DistributionConfig in the AWS CLI's JSON")
	flags.StringVar(&f.whenIsolated, "when-isolated", "confirm", "what an edge that is cut off does: confirm with the origin, or serve-stale")
	flags.BoolVar(&f.wait, "wait", false, "wait until every edge has it")
	return c
}

func createDistribution(cmd *cobra.Command, g *global, f createFlags) error {
	switch {
	case f.origin == "" && f.config == "":
		return errors.New("give --origin or --config")
	case f.origin != "" && f.config != "":
		return errors.New("give --origin or --config, not both")
	}
	when, err := cdn.ParseWhenIsolated(f.whenIsolated)
	if err != nil {
		return fmt.Errorf("--when-isolated: %w", err)
	}
	config, err := f.distributionConfig()
	if err != nil {
		return err
	}
	c, err := g.client()
	if err != nil {
		return err
	}
	bucket := ""
	if f.config == "" && f.accessControl == "" {
		if bucket, err = c.signFor(cmd.Context(), config); err != nil {
			return err
		}
	}
	var tags *types.Tags
	if when != cdn.Confirm { // the default
		tags = whenIsolatedTag(when.String())
	}
	d, err := c.create(cmd.Context(), config, tags)
	if err != nil {
		return err
	}
	if bucket != "" {
		c.grant(cmd, bucket, aws.ToString(d.ARN))
	}
	return g.finish(cmd, c, d, f.wait)
}

// finish waits if asked to, and prints the distribution.
func (g *global) finish(cmd *cobra.Command, c *client, d *types.Distribution, wait bool) error {
	if wait {
		p := cli.NewProgress(cmd.ErrOrStderr(), "deploying "+aws.ToString(d.Id))
		for aws.ToString(d.Status) != "Deployed" {
			if err := p.Tick(cmd.Context(), c.Client); err != nil {
				return err
			}
			out, err := c.CloudFront().GetDistribution(cmd.Context(), &cloudfront.GetDistributionInput{Id: d.Id})
			if err != nil {
				return err
			}
			d = out.Distribution
		}
		p.Done()
	}
	return g.show(cmd, c, d)
}

func describe(w *tabwriter.Writer, d *types.Distribution) {
	config := d.DistributionConfig
	cli.Row(w, "id", aws.ToString(d.Id))
	cli.Row(w, "domain name", aws.ToString(d.DomainName))
	if config.Aliases != nil && len(config.Aliases.Items) > 0 {
		cli.Row(w, "aliases", strings.Join(config.Aliases.Items, ", "))
	}
	cli.Row(w, "status", aws.ToString(d.Status))
	cli.Row(w, "enabled", aws.ToBool(config.Enabled))
	cli.Row(w, "price class", config.PriceClass)
	for _, o := range config.Origins.Items {
		cli.Row(w, "origin", aws.ToString(o.Id)+" = "+aws.ToString(o.DomainName)+aws.ToString(o.OriginPath))
	}
	cli.Row(w, "last modified", d.LastModifiedTime.Format(time.RFC3339))
}

func (f createFlags) distributionConfig() (*types.DistributionConfig, error) {
	if f.config != "" {
		return readConfig(f.config)
	}
	origin := types.Origin{Id: aws.String("origin"), OriginPath: aws.String(f.path), CustomHeaders: &types.CustomHeaders{Quantity: aws.Int32(0)}}
	domain := f.origin
	if bucket, ok := strings.CutPrefix(domain, "s3://"); ok {
		domain = strings.TrimSuffix(bucket, "/") + ".s3.us-east-1.amazonaws.com"
	}
	origin.DomainName = aws.String(domain)
	if isBucket(domain) {
		origin.S3OriginConfig = &types.S3OriginConfig{OriginAccessIdentity: aws.String("")}
		if f.accessControl != "" {
			origin.OriginAccessControlId = aws.String(f.accessControl)
		}
	} else {
		if err := customOrigin(&origin, domain); err != nil {
			return nil, err
		}
	}
	reference := f.reference
	if reference == "" {
		reference = "warmfront-" + time.Now().UTC().Format("20060102T150405.000000000")
	}
	return &types.DistributionConfig{
		CallerReference:   aws.String(reference),
		Comment:           aws.String(f.comment),
		Enabled:           aws.Bool(true),
		DefaultRootObject: aws.String(f.root),
		Aliases:           &types.Aliases{Quantity: aws.Int32(int32(len(f.aliases))), Items: f.aliases},
		PriceClass:        types.PriceClass("PriceClass_" + strings.TrimPrefix(f.priceClass, "PriceClass_")),
		Origins:           &types.Origins{Quantity: aws.Int32(1), Items: []types.Origin{origin}},
		DefaultCacheBehavior: &types.DefaultCacheBehavior{
			TargetOriginId:       aws.String("origin"),
			ViewerProtocolPolicy: types.ViewerProtocolPolicyRedirectToHttps,
			CachePolicyId:        aws.String(cachingOptimized),
			Compress:             aws.Bool(true),
		},
	}, nil
}

// customOrigin reads HOST, HOST:PORT, or either after http:// or https://. A port
// without a scheme means plain HTTP, as a server on one's own machine speaks it.
func customOrigin(o *types.Origin, origin string) error {
	custom := &types.CustomOriginConfig{HTTPPort: aws.Int32(80), HTTPSPort: aws.Int32(443), OriginProtocolPolicy: types.OriginProtocolPolicyMatchViewer}
	host, plain := strings.CutPrefix(strings.TrimSuffix(origin, "/"), "http://")
	host, secure := strings.CutPrefix(host, "https://")
	host, port, hasPort := strings.Cut(host, ":")
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("--origin %s: %q is not a port", origin, port)
		}
		if secure {
			custom.HTTPSPort = aws.Int32(int32(n))
		} else {
			custom.HTTPPort = aws.Int32(int32(n))
		}
	}
	switch {
	case secure:
		custom.OriginProtocolPolicy = types.OriginProtocolPolicyHttpsOnly
	case plain || hasPort:
		custom.OriginProtocolPolicy = types.OriginProtocolPolicyHttpOnly
	}
	if host == "" || strings.ContainsAny(host, "/?#@ ") {
		return fmt.Errorf("--origin %s: give a host name, perhaps with a port, or s3://BUCKET; a path goes into --origin-path", origin)
	}
	o.DomainName, o.CustomOriginConfig = aws.String(host), custom
	return nil
}

// isBucket says whether a domain name is an S3 REST endpoint's.
func isBucket(domain string) bool {
	return strings.HasSuffix(domain, ".amazonaws.com") && (strings.Contains(domain, ".s3.") || strings.Contains(domain, ".s3-")) &&
		!strings.Contains(domain, ".s3-website")
}

func readConfig(path string) (*types.DistributionConfig, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		DistributionConfig *types.DistributionConfig
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if file.DistributionConfig != nil { // the output of get-distribution-config
		return file.DistributionConfig, nil
	}
	config := &types.DistributionConfig{}
	if err := json.Unmarshal(b, config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

func newDistributionList(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List distributions", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			items := []shownSummary{}
			pages := cloudfront.NewListDistributionsPaginator(c.CloudFront(), &cloudfront.ListDistributionsInput{})
			for pages.HasMorePages() {
				page, err := pages.NextPage(cmd.Context())
				if err != nil {
					return err
				}
				for _, d := range page.DistributionList.Items {
					when, err := c.whenIsolated(cmd.Context(), d.ARN)
					if err != nil {
						return err
					}
					items = append(items, shownSummary{d, when.String()})
				}
			}
			return g.Print(cmd, items, func(w *tabwriter.Writer) {
				cli.Row(w, "ID", "DOMAIN NAME", "STATUS", "ENABLED", "PRICE CLASS", "ORIGINS", "WHEN ISOLATED", "COMMENT")
				for _, d := range items {
					var origins []string
					for _, o := range d.Origins.Items {
						origins = append(origins, aws.ToString(o.DomainName))
					}
					cli.Row(w, aws.ToString(d.Id), aws.ToString(d.DomainName), aws.ToString(d.Status), aws.ToBool(d.Enabled), d.PriceClass,
						strings.Join(origins, ","), d.WhenIsolated, aws.ToString(d.Comment))
				}
			})
		},
	}
}

func newDistributionGet(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "get ID", Short: "Show a distribution", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			out, err := c.CloudFront().GetDistribution(cmd.Context(), &cloudfront.GetDistributionInput{Id: &args[0]})
			if err != nil {
				return err
			}
			return g.finish(cmd, c, out.Distribution, false)
		},
	}
}

func newDistributionUpdate(g *global) *cobra.Command {
	changes := []string{"enabled", "price-class", "default-root-object", "comment", "config"}
	var enabled bool
	var priceClass, root, comment, config string
	var wait bool
	c := &cobra.Command{
		Use: "update ID", Short: "Change a distribution", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			changed := cmd.Flags().Changed
			if !slices.ContainsFunc(changes, changed) {
				return fmt.Errorf("nothing to change: give at least one of --%s", strings.Join(changes, ", --"))
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			d, err := c.change(cmd.Context(), args[0], func(dc *types.DistributionConfig) (*types.DistributionConfig, error) {
				if config != "" {
					return readConfig(config)
				}
				if changed("enabled") {
					dc.Enabled = &enabled
				}
				if changed("price-class") {
					dc.PriceClass = types.PriceClass("PriceClass_" + strings.TrimPrefix(priceClass, "PriceClass_"))
				}
				if changed("default-root-object") {
					dc.DefaultRootObject = &root
				}
				if changed("comment") {
					dc.Comment = &comment
				}
				return dc, nil
			})
			if err != nil {
				return err
			}
			return g.finish(cmd, c, d, wait)
		},
	}
	flags := c.Flags()
	flags.BoolVar(&enabled, "enabled", true, "whether viewers are served")
	flags.StringVar(&priceClass, "price-class", "", "edge locations to serve from: 100, 200 or All")
	flags.StringVar(&root, "default-root-object", "", "object for \"/\"")
	flags.StringVar(&comment, "comment", "", "a note")
	flags.StringVar(&config, "config", "", "file with the whole DistributionConfig in the AWS CLI's JSON")
	flags.BoolVar(&wait, "wait", false, "wait until every edge has it")
	return c
}

// change reads a distribution's configuration, lets edit change it and puts it
// back on condition that nobody else did meanwhile.
func (c *client) change(ctx context.Context, id string, edit func(*types.DistributionConfig) (*types.DistributionConfig, error)) (*types.Distribution, error) {
	got, err := c.CloudFront().GetDistributionConfig(ctx, &cloudfront.GetDistributionConfigInput{Id: &id})
	if err != nil {
		return nil, err
	}
	config, err := edit(got.DistributionConfig)
	if err != nil {
		return nil, err
	}
	out, err := c.CloudFront().UpdateDistribution(ctx, &cloudfront.UpdateDistributionInput{Id: &id, IfMatch: got.ETag, DistributionConfig: config})
	if err != nil {
		return nil, err
	}
	return out.Distribution, nil
}

func newDistributionDelete(g *global) *cobra.Command {
	var disable bool
	c := &cobra.Command{
		Use: "delete ID", Short: "Delete a distribution", Args: cobra.ExactArgs(1),
		Long: "Delete a distribution. As at CloudFront it must be disabled and deployed; --disable sees to both first.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			if disable {
				if err := c.disable(cmd, args[0]); err != nil {
					return err
				}
			}
			got, err := c.CloudFront().GetDistribution(cmd.Context(), &cloudfront.GetDistributionInput{Id: &args[0]})
			if err != nil {
				return err
			}
			_, err = c.CloudFront().DeleteDistribution(cmd.Context(), &cloudfront.DeleteDistributionInput{Id: &args[0], IfMatch: got.ETag})
			var enabled *types.DistributionNotDisabled
			if errors.As(err, &enabled) {
				return fmt.Errorf("%s is not disabled and deployed: run again with --disable", args[0])
			}
			if err == nil {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), args[0], "is deleted")
			}
			return err
		},
	}
	c.Flags().BoolVar(&disable, "disable", false, "disable it first, and wait until every edge knows")
	return c
}

func (c *client) disable(cmd *cobra.Command, id string) error {
	d, err := c.change(cmd.Context(), id, func(dc *types.DistributionConfig) (*types.DistributionConfig, error) {
		dc.Enabled = aws.Bool(false)
		return dc, nil
	})
	p := cli.NewProgress(cmd.ErrOrStderr(), "disabling "+id)
	for err == nil && aws.ToString(d.Status) != "Deployed" {
		if err = p.Tick(cmd.Context(), c.Client); err != nil {
			return err
		}
		var out *cloudfront.GetDistributionOutput
		if out, err = c.CloudFront().GetDistribution(cmd.Context(), &cloudfront.GetDistributionInput{Id: &id}); err == nil {
			d = out.Distribution
		}
	}
	p.Done()
	return err
}
