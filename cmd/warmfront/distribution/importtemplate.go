package distribution

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cmd/warmfront/template"
	"github.com/warmfront/warmfront/network/demo"
)

// The types of resource that are made of a template.
const (
	kindDistribution  = "AWS::CloudFront::Distribution"
	kindCachePolicy   = "AWS::CloudFront::CachePolicy"
	kindAccessControl = "AWS::CloudFront::OriginAccessControl"
	kindFunction      = "AWS::CloudFront::Function"
	kindBucket        = "AWS::S3::Bucket"
	kindBucketPolicy  = "AWS::S3::BucketPolicy"

	kindOriginRequest   = "AWS::CloudFront::OriginRequestPolicy"
	kindResponseHeaders = "AWS::CloudFront::ResponseHeadersPolicy"
	kindAccessIdentity  = "AWS::CloudFront::CloudFrontOriginAccessIdentity"
	kindPublicKey       = "AWS::CloudFront::PublicKey"
	kindKeyGroup        = "AWS::CloudFront::KeyGroup"
	kindCertificate     = "AWS::CertificateManager::Certificate"
)

// maker makes a resource of its properties, and returns what others may refer to.
type maker func(ctx context.Context, name string, properties map[string]any) (template.Made, error)

func (im *importer) template(text []byte) error {
	given := map[string]string{}
	for _, p := range im.flags.parameters {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			return fmt.Errorf("--parameter %s: give NAME=VALUE", p)
		}
		given[name] = value
	}
	t, err := template.Parse(text, given)
	if err != nil {
		return err
	}
	makers := map[string]maker{
		kindDistribution: im.templateDistribution, kindCachePolicy: im.templateCachePolicy, kindAccessControl: im.templateAccessControl,
		kindFunction: im.templateFunction, kindBucket: im.templateBucket, kindOriginRequest: im.templateOriginRequest,
		kindResponseHeaders: im.templateResponseHeaders, kindAccessIdentity: im.templateAccessIdentity, kindPublicKey: im.templatePublicKey,
		kindKeyGroup: im.templateKeyGroup, kindCertificate: im.templateCertificate,
		kindBucketPolicy: im.templateBucketPolicy,
	}
	for kind, n := range t.Kinds() {
		if makers[kind] == nil {
			im.changed("%d of type %s: not made", n, kind)
		}
	}
	order, err := t.Order(slices.Sorted(maps.Keys(makers))...)
	if err != nil {
		return err
	}
	if len(order) == 0 {
		return errors.New("the template has nothing that is made here: " + strings.Join(slices.Sorted(maps.Keys(makers)), ", "))
	}
	made := map[string]template.Made{}
	pseudo := map[string]string{
		"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
		"AWS::StackName": "imported", "AWS::StackId": "imported",
	}
	for _, name := range order {
		properties, err := t.Properties(name, made, pseudo)
		if err != nil {
			return err
		}
		if made[name], err = makers[t.Kind(name)](im.cmd.Context(), name, properties); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		im.planned[made[name][""]] = im.flags.dryRun
	}
	return nil
}

// config decodes a resource's one member into a shape of the SDK's.
func config[T any](properties map[string]any, member string) (*T, error) {
	shape := new(T)
	if err := template.Decode(properties[member], shape); err != nil {
		return nil, fmt.Errorf("%s: %w", member, err)
	}
	return shape, nil
}

func (im *importer) templateBucket(ctx context.Context, name string, properties map[string]any) (template.Made, error) {
	bucket, _ := properties["BucketName"].(string)
	if bucket == "" {
		bucket = strings.ToLower(name)
	}
	made := template.Made{
		"": bucket, "Arn": "arn:aws:s3:::" + bucket, "DomainName": bucket + ".s3.amazonaws.com",
		"RegionalDomainName": bucket + ".s3.us-east-1.amazonaws.com", "WebsiteURL": "http://" + bucket + ".s3-website-us-east-1.amazonaws.com",
	}
	for member := range properties {
		if member != "BucketName" && member != "Tags" {
			im.changed("the bucket %s has no %s", bucket, member)
		}
	}
	if im.flags.dryRun {
		return made, nil
	}
	im.made("the bucket %s", bucket)
	if err := im.bucket(ctx, bucket); err != nil || properties["Tags"] == nil {
		return made, err
	}
	tags, err := config[[]demo.Tag](properties, "Tags")
	if err != nil {
		return nil, err
	}
	p, err := im.store()
	if err == nil {
		err = p.TagBucket(ctx, bucket, *tags)
	}
	return made, err
}

func (im *importer) templateAccessControl(ctx context.Context, name string, properties map[string]any) (template.Made, error) {
	cfg, err := config[types.OriginAccessControlConfig](properties, "OriginAccessControlConfig")
	if err != nil || im.flags.dryRun {
		return template.Made{"": name, "Id": name}, err
	}
	out, err := im.CloudFront().CreateOriginAccessControl(ctx, &cloudfront.CreateOriginAccessControlInput{OriginAccessControlConfig: cfg})
	if err != nil {
		return nil, err
	}
	id := aws.ToString(out.OriginAccessControl.Id)
	im.made("the origin access control %s, %s", id, aws.ToString(cfg.Name))
	return template.Made{"": id, "Id": id}, nil
}

func (im *importer) templateCachePolicy(ctx context.Context, name string, properties map[string]any) (template.Made, error) {
	cfg, err := config[types.CachePolicyConfig](properties, "CachePolicyConfig")
	if err != nil || im.flags.dryRun {
		return template.Made{"": name, "Id": name}, err
	}
	out, err := im.CloudFront().CreateCachePolicy(ctx, &cloudfront.CreateCachePolicyInput{CachePolicyConfig: cfg})
	if err != nil {
		return nil, err
	}
	id := aws.ToString(out.CachePolicy.Id)
	im.made("the cache policy %s, %s", id, aws.ToString(cfg.Name))
	return template.Made{"": id, "Id": id}, nil
}

// templateFunction makes a function and publishes it: CloudFormation leaves that out
// without AutoPublish, but a distribution can have published ones only.
func (im *importer) templateFunction(ctx context.Context, name string, properties map[string]any) (template.Made, error) {
	function, _ := properties["Name"].(string)
	code, _ := properties["FunctionCode"].(string)
	cfg, err := config[types.FunctionConfig](properties, "FunctionConfig")
	arn := "arn:aws:cloudfront::123456789012:function/" + function
	if err != nil || im.flags.dryRun {
		return template.Made{"": arn, "FunctionARN": arn, "FunctionMetadata.FunctionARN": arn, "Stage": "LIVE"}, err
	}
	out, err := im.CloudFront().CreateFunction(ctx, &cloudfront.CreateFunctionInput{Name: &function, FunctionConfig: cfg, FunctionCode: []byte(code)})
	if err != nil {
		return nil, err
	}
	if _, err := im.CloudFront().PublishFunction(ctx, &cloudfront.PublishFunctionInput{Name: &function, IfMatch: out.ETag}); err != nil {
		return nil, err
	}
	arn = aws.ToString(out.FunctionSummary.FunctionMetadata.FunctionARN)
	im.made("the function %s, published", function)
	return template.Made{"": arn, "FunctionARN": arn, "FunctionMetadata.FunctionARN": arn, "Stage": "LIVE"}, nil
}

func (im *importer) templateDistribution(_ context.Context, name string, properties map[string]any) (template.Made, error) {
	cfg, err := config[types.DistributionConfig](properties, "DistributionConfig")
	if err != nil {
		return nil, err
	}
	complete(cfg)
	cfg.CallerReference = reference(name)
	var tags *types.Tags
	if properties["Tags"] != nil {
		items, err := config[[]types.Tag](properties, "Tags")
		if err != nil {
			return nil, err
		}
		tags = &types.Tags{Items: *items}
	}
	d, err := im.distribution(cfg, tags)
	if err != nil || d == nil {
		return template.Made{"": name, "Id": name, "DomainName": name}, err
	}
	id := aws.ToString(d.Id)
	return template.Made{"": id, "Id": id, "DomainName": aws.ToString(d.DomainName)}, nil
}

// reference is a caller reference that nobody has used.
func reference(name string) *string {
	return aws.String("import-" + name + "-" + time.Now().UTC().Format("20060102T150405.000000000"))
}

// complete fills in what the API wants and CloudFormation has defaults for.
func complete(c *types.DistributionConfig) {
	if c.Comment == nil {
		c.Comment = aws.String("")
	}
	if c.Enabled == nil {
		c.Enabled = aws.Bool(true)
	}
	if c.Logging != nil && c.Logging.Enabled == nil {
		c.Logging.Enabled, c.Logging.IncludeCookies = aws.Bool(true), aws.Bool(aws.ToBool(c.Logging.IncludeCookies))
		c.Logging.Prefix = aws.String(aws.ToString(c.Logging.Prefix))
	}
	if c.Origins != nil {
		for i := range c.Origins.Items {
			completeOrigin(&c.Origins.Items[i])
		}
	}
	if b := c.DefaultCacheBehavior; b != nil {
		completeForwarded(b.ForwardedValues, &b.AllowedMethods) //nolint:staticcheck // old configurations have it
		if b.ForwardedValues != nil && b.MinTTL == nil {        //nolint:staticcheck // old configurations have it
			b.MinTTL = aws.Int64(0) //nolint:staticcheck // old configurations have it
		}
	}
	if c.CacheBehaviors != nil {
		for i := range c.CacheBehaviors.Items {
			b := &c.CacheBehaviors.Items[i]
			completeForwarded(b.ForwardedValues, &b.AllowedMethods) //nolint:staticcheck // old configurations have it
			if b.ForwardedValues != nil && b.MinTTL == nil {        //nolint:staticcheck // old configurations have it
				b.MinTTL = aws.Int64(0) //nolint:staticcheck // old configurations have it
			}
		}
	}
}

func completeOrigin(o *types.Origin) {
	if o.S3OriginConfig != nil && o.S3OriginConfig.OriginAccessIdentity == nil {
		o.S3OriginConfig.OriginAccessIdentity = aws.String("")
	}
	if custom := o.CustomOriginConfig; custom != nil {
		if custom.HTTPPort == nil {
			custom.HTTPPort = aws.Int32(80)
		}
		if custom.HTTPSPort == nil {
			custom.HTTPSPort = aws.Int32(443)
		}
	}
}

func completeForwarded(f *types.ForwardedValues, methods **types.AllowedMethods) {
	if f != nil && f.Cookies == nil {
		f.Cookies = &types.CookiePreference{Forward: types.ItemSelectionNone}
	}
	if m := *methods; m != nil && m.Items == nil { // CachedMethods alone
		m.Items, m.Quantity = []types.Method{types.MethodGet, types.MethodHead}, aws.Int32(2)
	}
}
