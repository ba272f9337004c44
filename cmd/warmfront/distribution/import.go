package distribution

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/network/demo"
)

type importFlags struct {
	origins, parameters []string
	reference           string
	dryRun, wait        bool
}

// NewImport makes `warmfront import`.
func NewImport(flags *cli.Global) *cobra.Command {
	g := &global{flags}
	var f importFlags
	c := &cobra.Command{
		Use:   "import FILE [--origin OLD=NEW]…",
		Short: "Create a distribution from the configuration of a real one, or from a CloudFormation template",
		Long: "Create a distribution from what `aws cloudfront get-distribution-config` prints, with its origins moved to where they are here.\n" +
			"OLD is an origin's host name or id; NEW is s3://BUCKET, or HOST[:PORT] with or without http:// or https://.\n" +
			"What the configuration refers to and is not here is replaced or left out; each such change is said on stderr.\n\n" +
			"A CloudFormation template (JSON or YAML) is taken too: of it distributions, policies, origin access controls and\n" +
			"identities, functions, keys and key groups, buckets and their policies are made. Its certificates are not: the network's own authority\n" +
			"makes one for each alias, unless control wants them (--require-certificates): import them with `aws acm` first, and\n" +
			"name them by a parameter.",
		Example: "  aws cloudfront get-distribution-config --id E1A2B3C4D5E6F7 > distribution.json\n" +
			"  warmfront import distribution.json --origin api.example.com=http://127.0.0.1:3000 --wait\n" +
			"  warmfront import template.yaml --parameter Stage=test --dry-run",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runImport(cmd, g, args[0], f) },
	}
	c.Flags().StringArrayVar(&f.origins, "origin", nil, "move an origin, OLD=NEW; repeatable")
	c.Flags().StringArrayVar(&f.parameters, "parameter", nil, "value of a template's parameter, NAME=VALUE; repeatable")
	c.Flags().StringVar(&f.reference, "caller-reference", "", "makes a repeated import harmless (default: the configuration's own, of a template the time)")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be changed, print the configuration, and make nothing")
	c.Flags().BoolVar(&f.wait, "wait", false, "wait until every edge has it")
	return c
}

// importer makes what one file describes.
type importer struct {
	*client
	g       *global
	cmd     *cobra.Command
	flags   importFlags
	origins *moves
	// planned are the ids of what a dry run would have made before.
	planned map[string]bool
}

func runImport(cmd *cobra.Command, g *global, file string, f importFlags) error {
	origins, err := newMoves(f.origins)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file) //nolint:gosec // the user's own file
	if err != nil {
		return err
	}
	c, err := g.client()
	if err != nil {
		return err
	}
	im := &importer{client: c, g: g, cmd: cmd, flags: f, origins: origins, planned: map[string]bool{}}
	config, err := distributionIn(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if config == nil {
		if err := im.template(text); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	} else if _, err := im.distribution(config, nil); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return origins.unused()
}

// distributionIn reads the output of get-distribution-config or get-distribution, or
// the configuration alone; nil of a template.
func distributionIn(text []byte) (*types.DistributionConfig, error) {
	if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, nil
	}
	var file struct {
		Resources          json.RawMessage
		DistributionConfig *types.DistributionConfig
		Distribution       *struct{ DistributionConfig *types.DistributionConfig }
		Origins            json.RawMessage
	}
	if err := json.Unmarshal(text, &file); err != nil {
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) {
			return nil, err
		}
		return nil, nil // YAML may begin with a brace too
	}
	switch {
	case file.DistributionConfig != nil:
		return file.DistributionConfig, nil
	case file.Distribution != nil && file.Distribution.DistributionConfig != nil:
		return file.Distribution.DistributionConfig, nil
	case file.Resources != nil:
		return nil, nil
	case file.Origins == nil:
		return nil, errors.New("this is neither a distribution's configuration (the output of aws cloudfront get-distribution-config) nor a CloudFormation template")
	}
	config := &types.DistributionConfig{}
	return config, json.Unmarshal(text, config)
}

// changed says what was made otherwise than the file has it.
func (im *importer) changed(format string, args ...any) {
	_, _ = fmt.Fprintf(im.cmd.ErrOrStderr(), "changed: "+format+"\n", args...)
}

func (im *importer) made(format string, args ...any) {
	_, _ = fmt.Fprintf(im.cmd.ErrOrStderr(), "made: "+format+"\n", args...)
}

// distribution makes one distribution, and returns it; nil in a dry run. Tags are nil for none.
func (im *importer) distribution(config *types.DistributionConfig, tags *types.Tags) (*types.Distribution, error) {
	ctx := im.cmd.Context()
	if im.flags.reference != "" {
		config.CallerReference = aws.String(im.flags.reference)
	}
	if config.Origins == nil || config.DefaultCacheBehavior == nil {
		return nil, errors.New("the configuration has no Origins, or no DefaultCacheBehavior")
	}
	if err := im.moveOrigins(config); err != nil {
		return nil, err
	}
	if err := im.adapt(ctx, config); err != nil {
		return nil, err
	}
	if im.flags.dryRun {
		text, err := json.MarshalIndent(config, "", "  ")
		if err == nil {
			_, err = fmt.Fprintln(im.cmd.OutOrStdout(), string(text))
		}
		return nil, err
	}
	d, err := im.create(ctx, config, tags)
	var exists *types.DistributionAlreadyExists
	if errors.As(err, &exists) {
		// Not wrapped: what is shown of an API's error is its own sentence alone.
		return nil, fmt.Errorf("%s; to import it once more give another --caller-reference", exists.ErrorMessage())
	}
	if err != nil {
		return nil, err
	}
	for _, o := range config.Origins.Items {
		if o.S3OriginConfig != nil && aws.ToString(o.OriginAccessControlId) != "" {
			bucket, _, _ := strings.Cut(aws.ToString(o.DomainName), ".s3")
			im.grant(im.cmd, bucket, aws.ToString(d.ARN))
		}
	}
	return d, im.g.finish(im.cmd, im.client, d, im.flags.wait)
}

// bucket makes a bucket, unless it is there.
func (im *importer) bucket(ctx context.Context, name string) error {
	p, err := im.store()
	if err != nil {
		return err
	}
	return p.MakeBucket(ctx, name)
}

// store is where buckets are.
func (im *importer) store() (*demo.Publisher, error) {
	s3 := im.Running.S3
	if s3 == "" {
		s3 = os.Getenv("AWS_ENDPOINT_URL_S3")
	}
	if s3 == "" {
		return nil, errors.New("it is not known where buckets are: set AWS_ENDPOINT_URL_S3")
	}
	return &demo.Publisher{S3: s3, Key: im.Credentials(), Now: time.Now, Client: http.DefaultClient}, nil
}
