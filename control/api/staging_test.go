package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// TestStaging copies a distribution, changes the copy and promotes it: of its own
// the primary keeps its caller reference, aliases and policy, and nothing else.
func TestStaging(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.resource(cdn.ResourceContinuousDeploymentPolicy, "policy", "<ContinuousDeploymentPolicyConfig><StagingDistributionDnsNames><Quantity>1</Quantity><Items><DnsName>d1.warmfront.test</DnsName></Items></StagingDistributionDnsNames><Enabled>true</Enabled>"+
		"<TrafficConfig><SingleHeaderConfig><Header>aws-cf-cd-new</Header><Value>yes</Value></SingleHeaderConfig><Type>SingleHeader</Type></TrafficConfig></ContinuousDeploymentPolicyConfig>")
	primary := f.create("primary", withAliases("www.example.com"), func(c *types.DistributionConfig) {
		c.ContinuousDeploymentPolicyId, c.DefaultRootObject = aws.String("policy"), aws.String("index.html")
	})
	copied := must(f.CopyDistribution(ctx, &sdk.CopyDistributionInput{
		PrimaryDistributionId: primary.Distribution.Id, IfMatch: primary.ETag, Staging: aws.Bool(true), CallerReference: aws.String("staging"),
	}))(t)
	cfg := copied.Distribution.DistributionConfig
	if *copied.Distribution.Id == *primary.Distribution.Id || *copied.Distribution.DomainName == *primary.Distribution.DomainName || !*cfg.Staging || !*cfg.Enabled ||
		*cfg.CallerReference != "staging" || *cfg.Aliases.Quantity != 0 || *cfg.ContinuousDeploymentPolicyId != "" || *cfg.DefaultRootObject != "index.html" {
		t.Errorf("the copy is %+v", cfg)
	}
	if want := "https://cloudfront.amazonaws.com/2020-05-31/distribution/" + *copied.Distribution.Id; *copied.Location != want {
		t.Errorf("location %s, want %s", *copied.Location, want)
	}
	cfg.DefaultRootObject, cfg.Comment = aws.String("new.html"), aws.String("new")
	changed := must(f.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: copied.Distribution.Id, IfMatch: copied.ETag, DistributionConfig: cfg}))(t)
	promoted := must(f.UpdateDistributionWithStagingConfig(ctx, &sdk.UpdateDistributionWithStagingConfigInput{
		Id: primary.Distribution.Id, StagingDistributionId: copied.Distribution.Id, IfMatch: aws.String(*primary.ETag + ", " + *changed.ETag),
	}))(t)
	got := promoted.Distribution.DistributionConfig
	if *promoted.ETag == *primary.ETag || *got.DefaultRootObject != "new.html" || *got.Comment != "new" || *got.Staging ||
		*got.CallerReference != "primary" || *got.ContinuousDeploymentPolicyId != "policy" || got.Aliases.Items[0] != "www.example.com" {
		t.Errorf("the primary is %+v", got)
	}
	// Promotion disables the policy, and the distribution has no other ETag than the answer's.
	if d := f.journal.State().PlanFor("www.example.com").Deployment; d.Enabled || d.Header != "aws-cf-cd-new" {
		t.Errorf("after the promotion the policy is %+v", d)
	}
	if again := must(f.GetContinuousDeploymentPolicy(ctx, &sdk.GetContinuousDeploymentPolicyInput{Id: aws.String("policy")}))(t); *again.ETag == "EBEFORE000000" || *again.ContinuousDeploymentPolicy.ContinuousDeploymentPolicyConfig.Enabled {
		t.Errorf("the policy is %+v, ETag %s", again.ContinuousDeploymentPolicy, *again.ETag)
	}
	if now := must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: primary.Distribution.Id}))(t); *now.ETag != *promoted.ETag {
		t.Errorf("the primary's ETag is %s, the promotion's was %s", *now.ETag, *promoted.ETag)
	}
	if p := f.journal.State().PlanFor("www.example.com"); p == nil || p.ID != *primary.Distribution.Id || p.DefaultRootObject != "new.html" {
		t.Errorf("viewers are served by %+v", p)
	}

	off := must(f.CopyDistribution(ctx, &sdk.CopyDistributionInput{
		PrimaryDistributionId: primary.Distribution.Id, IfMatch: promoted.ETag, Staging: aws.Bool(true), CallerReference: aws.String("off"), Enabled: aws.Bool(false),
	}))(t)
	if *off.Distribution.DistributionConfig.Enabled {
		t.Error("the copy is enabled")
	}
}

func TestStagingRefused(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	primary := f.create("primary")
	copyOf := func(id, etag *string, reference string, staging *bool) (*sdk.CopyDistributionOutput, error) {
		return f.CopyDistribution(ctx, &sdk.CopyDistributionInput{PrimaryDistributionId: id, IfMatch: etag, CallerReference: &reference, Staging: staging})
	}
	staging := must(copyOf(primary.Distribution.Id, primary.ETag, "staging", aws.Bool(true)))(t)
	promote := func(id, staging *string, ifMatch string) error {
		_, err := f.UpdateDistributionWithStagingConfig(ctx, &sdk.UpdateDistributionWithStagingConfigInput{Id: id, StagingDistributionId: staging, IfMatch: &ifMatch})
		return err
	}
	update := func(d *types.Distribution, etag *string, alter alter) error {
		cfg := *d.DistributionConfig
		alter(&cfg)
		_, err := f.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: d.Id, IfMatch: etag, DistributionConfig: &cfg})
		return err
	}
	p, s, none := primary.Distribution, staging.Distribution, aws.String("ENONE00000000")
	both := *primary.ETag + ", " + *staging.ETag
	before := f.journal.State()
	for _, c := range []struct {
		name string
		err  error
		code cloudfront.Code
	}{
		{"a copy of none", second(copyOf(none, primary.ETag, "x", aws.Bool(true))), cloudfront.CodeNoSuchDistribution},
		{"a copy with a stale ETag", second(copyOf(p.Id, staging.ETag, "x", aws.Bool(true))), cloudfront.CodePreconditionFailed},
		{"a copy without ETag", second(copyOf(p.Id, nil, "x", aws.Bool(true))), cloudfront.CodeInvalidIfMatchVersion},
		{"a copy that is no staging distribution", second(copyOf(p.Id, primary.ETag, "x", aws.Bool(false))), cloudfront.CodeInvalidArgument},
		{"a copy with a reference in use", second(copyOf(p.Id, primary.ETag, "primary", aws.Bool(true))), cloudfront.CodeDistributionAlreadyExists},
		{"a copy without reference", second(copyOf(p.Id, primary.ETag, "", aws.Bool(true))), cloudfront.CodeInvalidArgument},
		{"a copy of a copy", second(copyOf(s.Id, staging.ETag, "x", aws.Bool(true))), cloudfront.CodeInvalidArgument},
		{"promotion of none", promote(p.Id, none, both), cloudfront.CodeNoSuchDistribution},
		{"promotion to none", promote(none, s.Id, both), cloudfront.CodeNoSuchDistribution},
		{"promotion with one ETag", promote(p.Id, s.Id, *primary.ETag), cloudfront.CodeInvalidIfMatchVersion},
		{"promotion with the ETags exchanged", promote(p.Id, s.Id, *staging.ETag+","+*primary.ETag), cloudfront.CodePreconditionFailed},
		{"promotion the wrong way", promote(s.Id, p.Id, *staging.ETag+","+*primary.ETag), cloudfront.CodeIllegalUpdate},
		{"promotion of nothing", promote(p.Id, nil, both), cloudfront.CodeInvalidArgument},
		{"a primary made staging", update(p, primary.ETag, func(c *types.DistributionConfig) { c.Staging = aws.Bool(true) }), cloudfront.CodeIllegalUpdate},
		{"an alias of a staging distribution", update(s, staging.ETag, withAliases("www.example.com")), cloudfront.CodeInvalidArgument},
		{"an alias moved to a staging distribution", second(f.AssociateAlias(ctx, &sdk.AssociateAliasInput{TargetDistributionId: s.Id, Alias: aws.String("www.example.com")})), cloudfront.CodeIllegalUpdate},
	} {
		t.Run(c.name, func(t *testing.T) { wantCode(t, c.err, c.code) })
	}
	if f.journal.State() != before {
		t.Error("the journal has changed")
	}
}

// TestStagingQuota: an account has 20 staging distributions at most, copied or created; others
// are not held back by them (belief 595).
func TestStagingQuota(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	primary := f.create("primary")
	staging := func(c *types.DistributionConfig) { c.Staging = aws.Bool(true) }
	copied := func(reference string) error {
		_, err := f.CopyDistribution(ctx, &sdk.CopyDistributionInput{PrimaryDistributionId: primary.Distribution.Id, IfMatch: primary.ETag, Staging: aws.Bool(true), CallerReference: aws.String(reference)})
		return err
	}
	for i := range 10 {
		if err := copied(fmt.Sprint("copy-", i)); err != nil {
			t.Fatal(err)
		}
		f.create(fmt.Sprint("created-", i), staging)
	}
	wantCode(t, copied("one more"), cloudfront.CodeTooManyDistributions)
	_, err := f.CreateDistribution(ctx, &sdk.CreateDistributionInput{DistributionConfig: siteConfig("another", staging)})
	wantCode(t, err, cloudfront.CodeTooManyDistributions)
	f.create("no staging distribution")
}

// TestContinuousDeploymentPolicies: a policy is one primary distribution's, and its
// staging distribution is not deleted while it is.
func TestContinuousDeploymentPolicies(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	primary := f.create("primary", disabled)
	staging := must(f.CopyDistribution(ctx, &sdk.CopyDistributionInput{PrimaryDistributionId: primary.Distribution.Id, IfMatch: primary.ETag,
		Staging: aws.Bool(true), CallerReference: aws.String("staging"), Enabled: aws.Bool(false)}))(t)
	f.resource(cdn.ResourceContinuousDeploymentPolicy, "policy", "<ContinuousDeploymentPolicyConfig><StagingDistributionDnsNames><Quantity>1</Quantity><Items><DnsName>"+
		*staging.Distribution.DomainName+"</DnsName></Items></StagingDistributionDnsNames><Enabled>true</Enabled></ContinuousDeploymentPolicyConfig>")
	attached := func(c *types.DistributionConfig) { c.ContinuousDeploymentPolicyId = aws.String("policy") }
	updated := must(f.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: primary.Distribution.Id, IfMatch: primary.ETag, DistributionConfig: siteConfig("primary", disabled, attached)}))(t)
	must(f.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: primary.Distribution.Id, IfMatch: updated.ETag, DistributionConfig: siteConfig("primary", disabled, attached)}))(t)
	_, err := f.CreateDistribution(ctx, &sdk.CreateDistributionInput{DistributionConfig: siteConfig("second", attached)})
	wantCode(t, err, cloudfront.CodeContinuousDeploymentPolicyInUse)
	_, err = f.CreateDistribution(ctx, &sdk.CreateDistributionInput{DistributionConfig: siteConfig("third", func(c *types.DistributionConfig) { c.ContinuousDeploymentPolicyId = aws.String("none") })})
	wantCode(t, err, cloudfront.CodeNoSuchContinuousDeploymentPolicy)
	f.journal.settle()
	remove := func() error {
		_, err := f.DeleteDistribution(ctx, &sdk.DeleteDistributionInput{Id: staging.Distribution.Id, IfMatch: staging.ETag})
		return err
	}
	wantCode(t, remove(), cloudfront.CodeResourceInUse)
	must(f.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: primary.Distribution.Id, IfMatch: must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: primary.Distribution.Id}))(t).ETag,
		DistributionConfig: siteConfig("primary", disabled)}))(t)
	must(f.journal.Propose(ctx, func(*cdn.State) ([]cdn.Change, error) {
		c, err := cdn.NewChange(cdn.KindResourceDelete, cdn.ResourceRef{Kind: cdn.ResourceContinuousDeploymentPolicy, ID: "policy"}, time.Now())
		return []cdn.Change{c}, err
	}))(t)
	f.journal.settle()
	if err := remove(); err != nil {
		t.Errorf("without the policy: %v", err)
	}
}
