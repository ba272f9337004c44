package api_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
)

// terraform makes the calls of Terraform's provider for aws_cloudfront_distribution,
// in its order (provider source, v5 and v6), without its delays.
type terraform struct {
	*sdk.Client
	t *testing.T
	// state is what the provider keeps.
	id, arn, etag string
}

// create is apply for what is not in the state.
func (tf *terraform) create(cfg *types.DistributionConfig, tags *types.Tags) {
	tf.t.Helper()
	out := must(tf.CreateDistributionWithTags(tf.t.Context(), &sdk.CreateDistributionWithTagsInput{
		DistributionConfigWithTags: &types.DistributionConfigWithTags{DistributionConfig: cfg, Tags: tags}}))(tf.t)
	tf.id = *out.Distribution.Id
	tf.waitDeployed()
}

// waitDeployed polls as the provider does when wait_for_deployment is set.
func (tf *terraform) waitDeployed() {
	tf.t.Helper()
	deployed := sdk.NewDistributionDeployedWaiter(tf.Client, func(o *sdk.DistributionDeployedWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
	})
	if err := deployed.Wait(tf.t.Context(), &sdk.GetDistributionInput{Id: &tf.id}, time.Minute); err != nil {
		tf.t.Fatal(err)
	}
}

// read is refresh: it flattens what there is, without asking whether it is there.
func (tf *terraform) read() (*types.DistributionConfig, []types.Tag) {
	tf.t.Helper()
	out := must(tf.GetDistribution(tf.t.Context(), &sdk.GetDistributionInput{Id: &tf.id}))(tf.t)
	d, cfg := out.Distribution, out.Distribution.DistributionConfig
	alwaysThere(tf.t, d)
	for _, quantity := range []*int32{
		cfg.Origins.Quantity, cfg.OriginGroups.Quantity, cfg.Aliases.Quantity, cfg.CacheBehaviors.Quantity, cfg.CustomErrorResponses.Quantity,
		cfg.DefaultCacheBehavior.AllowedMethods.Quantity, cfg.DefaultCacheBehavior.AllowedMethods.CachedMethods.Quantity,
		cfg.DefaultCacheBehavior.LambdaFunctionAssociations.Quantity, cfg.DefaultCacheBehavior.FunctionAssociations.Quantity, cfg.DefaultCacheBehavior.TrustedKeyGroups.Quantity,
		cfg.Restrictions.GeoRestriction.Quantity, d.ActiveTrustedSigners.Quantity, d.ActiveTrustedKeyGroups.Quantity,
	} {
		_ = *quantity // as the provider does: a nil is its crash
	}
	_, _ = *cfg.ViewerCertificate.CloudFrontDefaultCertificate, *cfg.Logging.Enabled
	tf.arn, tf.etag = *d.ARN, *out.ETag
	return cfg, must(tf.ListTagsForResource(tf.t.Context(), &sdk.ListTagsForResourceInput{Resource: &tf.arn}))(tf.t).Tags.Items
}

// update is apply for what differs.
func (tf *terraform) update(cfg *types.DistributionConfig) {
	tf.t.Helper()
	input := &sdk.UpdateDistributionInput{Id: &tf.id, IfMatch: &tf.etag, DistributionConfig: cfg}
	_, err := tf.UpdateDistribution(tf.t.Context(), input)
	var stale *types.PreconditionFailed
	if errors.As(err, &stale) { // somebody else has changed it: the provider takes the new ETag
		input.IfMatch = must(tf.GetDistribution(tf.t.Context(), &sdk.GetDistributionInput{Id: &tf.id}))(tf.t).ETag
		_, err = tf.UpdateDistribution(tf.t.Context(), input)
	}
	if err != nil {
		tf.t.Fatal(err)
	}
	tf.waitDeployed()
}

// destroy disables, waits, deletes, and waits until it is gone.
func (tf *terraform) destroy() {
	tf.t.Helper()
	ctx := tf.t.Context()
	// The provider tries this first: what is disabled already is gone at once.
	_, err := tf.DeleteDistribution(ctx, &sdk.DeleteDistributionInput{Id: &tf.id, IfMatch: &tf.etag})
	var enabled *types.DistributionNotDisabled
	if !errors.As(err, &enabled) {
		tf.t.Fatalf("deleting what is enabled: %v", err)
	}
	out := must(tf.GetDistribution(ctx, &sdk.GetDistributionInput{Id: &tf.id}))(tf.t)
	cfg := out.Distribution.DistributionConfig
	cfg.Enabled = aws.Bool(false)
	must(tf.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: &tf.id, IfMatch: out.ETag, DistributionConfig: cfg}))(tf.t)
	tf.waitDeployed()
	out = must(tf.GetDistribution(ctx, &sdk.GetDistributionInput{Id: &tf.id}))(tf.t)
	must(tf.DeleteDistribution(ctx, &sdk.DeleteDistributionInput{Id: &tf.id, IfMatch: out.ETag}))(tf.t)
	_, err = tf.GetDistribution(ctx, &sdk.GetDistributionInput{Id: &tf.id})
	var gone *types.NoSuchDistribution
	if !errors.As(err, &gone) {
		tf.t.Fatalf("what is destroyed: %v", err)
	}
}

// plan is what the provider makes of a static site's resource: it sends what has a
// default in its schema, and leaves out what is computed.
func plan(control string) *types.DistributionConfig {
	return siteConfig("terraform-20240501120000000000000001", func(c *types.DistributionConfig) {
		c.DefaultRootObject, c.Comment, c.IsIPV6Enabled, c.WebACLId = aws.String("index.html"), aws.String("site"), aws.Bool(true), aws.String("")
		c.PriceClass, c.HttpVersion, c.Staging, c.ContinuousDeploymentPolicyId = types.PriceClassPriceClass100, types.HttpVersionHttp2, aws.Bool(false), aws.String("")
		c.Aliases = &types.Aliases{Quantity: aws.Int32(0), Items: []string{}}
		c.CacheBehaviors, c.CustomErrorResponses = &types.CacheBehaviors{Quantity: aws.Int32(0), Items: []types.CacheBehavior{}}, &types.CustomErrorResponses{Quantity: aws.Int32(0), Items: []types.CustomErrorResponse{}}
		c.Logging = &types.LoggingConfig{Enabled: aws.Bool(false), IncludeCookies: aws.Bool(false), Bucket: aws.String(""), Prefix: aws.String("")}
		c.OriginGroups = &types.OriginGroups{Quantity: aws.Int32(0), Items: []types.OriginGroup{}}
		c.ViewerCertificate = &types.ViewerCertificate{CloudFrontDefaultCertificate: aws.Bool(true), MinimumProtocolVersion: types.MinimumProtocolVersionTLSv1}
		c.Restrictions = &types.Restrictions{GeoRestriction: &types.GeoRestriction{RestrictionType: types.GeoRestrictionTypeNone, Quantity: aws.Int32(0), Items: []string{}}}
		o := &c.Origins.Items[0]
		o.OriginPath, o.OriginAccessControlId = aws.String(""), &control
		o.ConnectionAttempts, o.ConnectionTimeout = aws.Int32(3), aws.Int32(10)
		o.CustomHeaders = &types.CustomHeaders{Quantity: aws.Int32(0), Items: []types.OriginCustomHeader{}}
		b := c.DefaultCacheBehavior
		b.AllowedMethods = &types.AllowedMethods{Quantity: aws.Int32(2), Items: []types.Method{types.MethodGet, types.MethodHead},
			CachedMethods: &types.CachedMethods{Quantity: aws.Int32(2), Items: []types.Method{types.MethodGet, types.MethodHead}}}
		b.Compress, b.SmoothStreaming, b.FieldLevelEncryptionId, b.ResponseHeadersPolicyId = aws.Bool(true), aws.Bool(false), aws.String(""), aws.String("")
		b.TrustedSigners = &types.TrustedSigners{Enabled: aws.Bool(false), Quantity: aws.Int32(0)}
		b.LambdaFunctionAssociations = &types.LambdaFunctionAssociations{Quantity: aws.Int32(0), Items: []types.LambdaFunctionAssociation{}}
		b.FunctionAssociations = &types.FunctionAssociations{Quantity: aws.Int32(0), Items: []types.FunctionAssociation{}}
	})
}

// TestTerraform applies, plans, applies a change, plans and destroys, over a real
// control.
func TestTerraform(t *testing.T) {
	_, client, _, stop := startControl(t, filepath.Join(t.TempDir(), "control"))
	defer stop()
	ctx := t.Context()
	control := must(client.CreateOriginAccessControl(ctx, &sdk.CreateOriginAccessControlInput{OriginAccessControlConfig: accessConfig("site")}))(t)
	tf := &terraform{Client: client, t: t}
	wanted := plan(*control.OriginAccessControl.Id)
	tf.create(wanted, tagList("Name", "site", "Env", "test"))
	noDifference := func(when string) {
		t.Helper()
		got, tags := tf.read()
		want := asJSON(t, wanted)
		certificate := want.(map[string]any)["ViewerCertificate"].(map[string]any)
		for name, v := range certificate {
			if v == "" { // of CloudFront's own certificate the provider reads no more than what it sends
				delete(certificate, name)
			}
		}
		if path := missing(want, asJSON(t, got), ""); path != "" {
			t.Errorf("%s: %s differs, and would be changed for ever", when, path)
		}
		if len(tags) != 2 {
			t.Errorf("%s: tags %+v", when, tags)
		}
	}
	noDifference("created")
	before := tf.etag
	if tf.read(); tf.etag != before {
		t.Error("reading changes the ETag")
	}

	wanted.DefaultRootObject, wanted.PriceClass = aws.String("home.html"), types.PriceClassPriceClassAll
	wanted.CustomErrorResponses = &types.CustomErrorResponses{Quantity: aws.Int32(1), Items: []types.CustomErrorResponse{
		{ErrorCode: aws.Int32(404), ErrorCachingMinTTL: aws.Int64(60), ResponseCode: aws.String("404"), ResponsePagePath: aws.String("/404.html")}}}
	tf.update(wanted)
	noDifference("updated")
	tf.etag = before // as if somebody else had updated it meanwhile
	tf.update(wanted)
	noDifference("updated again")

	must(client.TagResource(ctx, &sdk.TagResourceInput{Resource: &tf.arn, Tags: tagList("Env", "production")}))(t)
	must(client.UntagResource(ctx, &sdk.UntagResourceInput{Resource: &tf.arn, TagKeys: &types.TagKeys{Items: []string{"Name"}}}))(t)
	if _, tags := tf.read(); len(tags) != 1 || *tags[0].Value != "production" {
		t.Errorf("tags %+v", tags)
	}
	tf.destroy()
	// The access control goes last, as its id is referred to.
	ac := must(client.GetOriginAccessControl(ctx, &sdk.GetOriginAccessControlInput{Id: control.OriginAccessControl.Id}))(t)
	must(client.DeleteOriginAccessControl(ctx, &sdk.DeleteOriginAccessControlInput{Id: ac.OriginAccessControl.Id, IfMatch: ac.ETag}))(t)
}

func asJSON(t *testing.T, v any) (doc any) {
	t.Helper()
	if err := json.Unmarshal(must(json.Marshal(v))(t), &doc); err != nil {
		t.Fatal(err)
	}
	return withoutEmpty(doc)
}

// withoutEmpty drops what is null or an empty list: to the provider they are one.
func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if list, isList := member.([]any); member == nil || isList && len(list) == 0 {
				delete(v, name)
				continue
			}
			v[name] = withoutEmpty(member)
		}
	case []any:
		for i := range v {
			v[i] = withoutEmpty(v[i])
		}
	}
	return v
}
