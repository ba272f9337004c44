package api_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

func TestWhenIsolatedIsSetByTag(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	create := func(value string) (*sdk.CreateDistributionWithTagsOutput, error) {
		return f.CreateDistributionWithTags(ctx, &sdk.CreateDistributionWithTagsInput{DistributionConfigWithTags: &types.DistributionConfigWithTags{
			DistributionConfig: siteConfig("site"), Tags: tagList(cdn.WhenIsolatedTag, value),
		}})
	}
	_, err := create("stale")
	wantCode(t, err, cloudfront.CodeInvalidArgument)
	if !strings.Contains(err.Error(), "serve-stale, confirm") {
		t.Errorf("does not name the values: %v", err)
	}
	created := must(create("serve-stale"))(t).Distribution
	is := func(want cdn.WhenIsolated) {
		t.Helper()
		if got := f.journal.State().Plans[*created.Id].WhenIsolated; got != want {
			t.Errorf("the plan has %v, want %v", got, want)
		}
	}
	is(cdn.ServeStale)
	must(f.TagResource(ctx, &sdk.TagResourceInput{Resource: created.ARN, Tags: tagList(cdn.WhenIsolatedTag, "confirm")}))(t)
	is(cdn.Confirm)
	must(f.TagResource(ctx, &sdk.TagResourceInput{Resource: created.ARN, Tags: tagList(cdn.WhenIsolatedTag, "serve-stale")}))(t)
	is(cdn.ServeStale)
	must(f.UntagResource(ctx, &sdk.UntagResourceInput{Resource: created.ARN, TagKeys: &types.TagKeys{Items: []string{cdn.WhenIsolatedTag}}}))(t)
	is(cdn.Confirm)
}

func TestInvalidationsCompletePerDistribution(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	slow, other := f.create("slow").Distribution.Id, f.create("other").Distribution.Id
	f.journal.settle()
	f.journal.apart(*slow)
	status := func(id, inv *string) string {
		t.Helper()
		return *must(f.GetInvalidation(ctx, &sdk.GetInvalidationInput{DistributionId: id, Id: inv}))(t).Invalidation.Status
	}
	a, b := must(f.invalidate(*slow, "a", "/*"))(t).Id, must(f.invalidate(*other, "b", "/*"))(t).Id
	f.journal.settle()
	if status(slow, a) != "InProgress" || status(other, b) != "Completed" {
		t.Errorf("%s, %s", status(slow, a), status(other, b))
	}
	for _, d := range must(f.ListDistributions(ctx, &sdk.ListDistributionsInput{}))(t).DistributionList.Items {
		got := must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: d.Id}))(t).Distribution
		want := int32(0)
		if *d.Id == *slow {
			want = 1
		}
		if aws.ToInt32(got.InProgressInvalidationBatches) != want || *got.Status != "Deployed" {
			t.Errorf("%s: %d in progress, %s", *d.Id, *got.InProgressInvalidationBatches, *got.Status)
		}
	}
	if got := must(f.ListInvalidations(ctx, &sdk.ListInvalidationsInput{DistributionId: slow}))(t).InvalidationList.Items[0]; *got.Status != "InProgress" {
		t.Errorf("listed as %s", *got.Status)
	}
	// What is in progress counts for the quotas.
	wildcards := func(n int) (paths []string) {
		for i := range n {
			paths = append(paths, "/"+strings.Repeat("a", i)+"*")
		}
		return paths
	}
	_, err := f.invalidate(*slow, "c", wildcards(15)...)
	wantCode(t, err, cloudfront.CodeTooManyInvalidationsInProgress)
	must(f.invalidate(*other, "d", wildcards(15)...))(t)
}
