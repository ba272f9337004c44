package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

func accessConfig(name string) *types.OriginAccessControlConfig {
	return &types.OriginAccessControlConfig{
		Name: &name, Description: aws.String("for " + name),
		OriginAccessControlOriginType: types.OriginAccessControlOriginTypesS3,
		SigningBehavior:               types.OriginAccessControlSigningBehaviorsAlways,
		SigningProtocol:               types.OriginAccessControlSigningProtocolsSigv4,
	}
}

func withAccessControl(id string) func(*types.DistributionConfig) {
	return func(cfg *types.DistributionConfig) { cfg.Origins.Items[0].OriginAccessControlId = &id }
}

func TestLifeOfAnAccessControl(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	created := must(f.CreateOriginAccessControl(ctx, &sdk.CreateOriginAccessControlInput{OriginAccessControlConfig: accessConfig("demo")}))(t)
	id := created.OriginAccessControl.Id
	if *created.Location != "https://cloudfront.amazonaws.com/2020-05-31/origin-access-control/"+*id {
		t.Errorf("location %s", *created.Location)
	}
	site := f.create("site", withAccessControl(*id))
	if ac := f.journal.State().Plans[*site.Distribution.Id].Origins[0].AccessControl; ac == nil || ac.SigningBehavior != "always" {
		t.Errorf("the plan has %+v", ac)
	}

	cfg := accessConfig("renamed")
	cfg.SigningBehavior = types.OriginAccessControlSigningBehaviorsNever
	updated := must(f.UpdateOriginAccessControl(ctx, &sdk.UpdateOriginAccessControlInput{Id: id, IfMatch: created.ETag, OriginAccessControlConfig: cfg}))(t)
	updated = must(f.UpdateOriginAccessControl(ctx, &sdk.UpdateOriginAccessControlInput{Id: id, IfMatch: updated.ETag, OriginAccessControlConfig: cfg}))(t) // its name is its own
	if ac := f.journal.State().Plans[*site.Distribution.Id].Origins[0].AccessControl; ac == nil || ac.SigningBehavior != "never" {
		t.Errorf("after the update the plan has %+v", ac)
	}
	got := must(f.GetOriginAccessControlConfig(ctx, &sdk.GetOriginAccessControlConfigInput{Id: id}))(t)
	if *got.ETag != *updated.ETag || *got.ETag == *created.ETag || *got.OriginAccessControlConfig.Name != "renamed" || *got.OriginAccessControlConfig.Description != "for renamed" {
		t.Errorf("%+v, ETag %s", got.OriginAccessControlConfig, *got.ETag)
	}
	whole := must(f.GetOriginAccessControl(ctx, &sdk.GetOriginAccessControlInput{Id: id}))(t)
	if *whole.OriginAccessControl.OriginAccessControlConfig.Name != "renamed" {
		t.Errorf("%+v", whole.OriginAccessControl.OriginAccessControlConfig)
	}

	for _, c := range []struct {
		ifMatch *string
		code    cloudfront.Code
	}{
		{nil, cloudfront.CodeInvalidIfMatchVersion},
		{aws.String("*"), cloudfront.CodeInvalidIfMatchVersion},
		{aws.String(strings.ToLower(*updated.ETag)), cloudfront.CodeInvalidIfMatchVersion},
		{aws.String("E" + strings.Repeat("a", 13)), cloudfront.CodeInvalidIfMatchVersion},
		{created.ETag, cloudfront.CodePreconditionFailed},
		{updated.ETag, cloudfront.CodeOriginAccessControlInUse},
	} {
		_, err := f.DeleteOriginAccessControl(ctx, &sdk.DeleteOriginAccessControlInput{Id: id, IfMatch: c.ifMatch})
		wantCode(t, err, c.code)
	}
	must(f.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: site.Distribution.Id, IfMatch: site.ETag, DistributionConfig: siteConfig("site")}))(t)
	must(f.DeleteOriginAccessControl(ctx, &sdk.DeleteOriginAccessControlInput{Id: id, IfMatch: updated.ETag}))(t)
	_, err := f.GetOriginAccessControl(ctx, &sdk.GetOriginAccessControlInput{Id: id})
	wantCode(t, err, cloudfront.CodeNoSuchOriginAccessControl)
}

func TestListAccessControls(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	names := map[string]bool{}
	for i := range 5 {
		name := fmt.Sprint("access-", i)
		names[name] = true
		must(f.CreateOriginAccessControl(ctx, &sdk.CreateOriginAccessControlInput{OriginAccessControlConfig: accessConfig(name)}))(t)
	}
	input := &sdk.ListOriginAccessControlsInput{MaxItems: aws.Int32(2)}
	for pages := 1; ; pages++ {
		list := must(f.ListOriginAccessControls(ctx, input))(t).OriginAccessControlList
		for _, ac := range list.Items {
			if !names[*ac.Name] {
				t.Errorf("%s is listed twice", *ac.Name)
			}
			delete(names, *ac.Name)
		}
		if input.Marker = list.NextMarker; input.Marker == nil {
			if pages != 3 || len(names) != 0 {
				t.Errorf("%d pages, without %v", pages, names)
			}
			return
		}
		// Whoever deletes what was listed goes on where he was.
		last := list.Items[len(list.Items)-1].Id
		etag := must(f.GetOriginAccessControl(ctx, &sdk.GetOriginAccessControlInput{Id: last}))(t).ETag
		must(f.DeleteOriginAccessControl(ctx, &sdk.DeleteOriginAccessControlInput{Id: last, IfMatch: etag}))(t)
	}
}

// A distribution is as far as the newest change of what it is made of.
func TestAChangedAccessControlIsToBeDeployed(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	created := must(f.CreateOriginAccessControl(ctx, &sdk.CreateOriginAccessControlInput{OriginAccessControlConfig: accessConfig("demo")}))(t)
	id := created.OriginAccessControl.Id
	site, other := f.create("site", withAccessControl(*id), disabled), f.create("other")
	want := func(siteStatus, otherStatus, when string) {
		t.Helper()
		got := map[string]string{}
		for _, d := range must(f.ListDistributions(ctx, &sdk.ListDistributionsInput{}))(t).DistributionList.Items {
			got[*d.Id] = *d.Status
		}
		if got[*site.Distribution.Id] != siteStatus || got[*other.Distribution.Id] != otherStatus {
			t.Errorf("%s: %v", when, got)
		}
		one := must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: site.Distribution.Id}))(t)
		if *one.Distribution.Status != siteStatus || *one.ETag != *site.ETag {
			t.Errorf("%s: %s with ETag %s, want %s", when, *one.Distribution.Status, *one.ETag, *site.ETag)
		}
	}
	f.journal.settle()
	want("Deployed", "Deployed", "all has settled")

	cfg := accessConfig("demo")
	cfg.SigningBehavior = types.OriginAccessControlSigningBehaviorsNever
	must(f.UpdateOriginAccessControl(ctx, &sdk.UpdateOriginAccessControlInput{Id: id, IfMatch: created.ETag, OriginAccessControlConfig: cfg}))(t)
	want("InProgress", "Deployed", "the access control has changed")
	remove := &sdk.DeleteDistributionInput{Id: site.Distribution.Id, IfMatch: site.ETag}
	_, err := f.DeleteDistribution(ctx, remove)
	wantCode(t, err, cloudfront.CodeDistributionNotDisabled)
	// A control that starts from a snapshot says the same.
	f.journal.state = must(cdn.Restore(must(f.journal.State().Snapshot())(t)))(t)
	want("InProgress", "Deployed", "restored from a snapshot")

	f.journal.settle()
	want("Deployed", "Deployed", "the change has settled")
	must(f.DeleteDistribution(ctx, remove))(t)
}
