package api_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

func tagList(pairs ...string) *types.Tags {
	tags := &types.Tags{}
	for i := 0; i < len(pairs); i += 2 {
		tags.Items = append(tags.Items, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return tags
}

func (f *fixture) tags(arn *string) map[string]string {
	f.t.Helper()
	tags := map[string]string{}
	for _, t := range must(f.ListTagsForResource(f.t.Context(), &sdk.ListTagsForResourceInput{Resource: arn}))(f.t).Tags.Items {
		tags[*t.Key] = *t.Value
	}
	return tags
}

func TestTags(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	created := must(f.CreateDistributionWithTags(ctx, &sdk.CreateDistributionWithTagsInput{DistributionConfigWithTags: &types.DistributionConfigWithTags{
		DistributionConfig: siteConfig("site"), Tags: tagList("team", "web", "env", ""),
	}}))(t)
	id, arn := *created.Distribution.Id, created.Distribution.ARN
	if got := f.tags(arn); !maps.Equal(got, map[string]string{"team": "web", "env": ""}) {
		t.Errorf("tags %v", got)
	}
	f.journal.settle()

	must(f.TagResource(ctx, &sdk.TagResourceInput{Resource: arn, Tags: tagList("team", "Käse + Söhne", cdn.CachingTag, cdn.CachingTagRFC9111)}))(t)
	if got := f.tags(arn); !maps.Equal(got, map[string]string{"team": "Käse + Söhne", "env": "", cdn.CachingTag: cdn.CachingTagRFC9111}) {
		t.Errorf("tags %v", got)
	}
	if f.journal.State().Plans[id].Caching != cdn.CachingRFC9111 {
		t.Error("the plan does not know of its tag")
	}
	got := must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: &id}))(t)
	if *got.ETag != *created.ETag || !got.Distribution.LastModifiedTime.Equal(*created.Distribution.LastModifiedTime) {
		t.Error("tagging has changed the ETag or the date")
	}
	if *got.Distribution.Status != "InProgress" { // the edges have yet to learn by which rules it caches
		t.Errorf("status %s", *got.Distribution.Status)
	}

	before := f.journal.changes
	must(f.TagResource(ctx, &sdk.TagResourceInput{Resource: arn, Tags: tagList("env", "")}))(t)
	must(f.UntagResource(ctx, &sdk.UntagResourceInput{Resource: arn, TagKeys: &types.TagKeys{Items: []string{"none"}}}))(t)
	if f.journal.changes != before {
		t.Error("what changes nothing is in the journal")
	}
	must(f.UntagResource(ctx, &sdk.UntagResourceInput{Resource: arn, TagKeys: &types.TagKeys{Items: []string{"team", "env", cdn.CachingTag}}}))(t)
	if got := f.tags(arn); len(got) != 0 || f.journal.State().Plans[id].Caching != cdn.CachingCloudFront {
		t.Errorf("tags %v, caching %v", got, f.journal.State().Plans[id].Caching)
	}
	// An update of the configuration leaves the tags alone.
	must(f.TagResource(ctx, &sdk.TagResourceInput{Resource: arn, Tags: tagList("k", "v")}))(t)
	must(f.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: &id, IfMatch: created.ETag, DistributionConfig: siteConfig("site")}))(t)
	if got := f.tags(arn); got["k"] != "v" {
		t.Errorf("tags %v", got)
	}
}

func TestTagsRefused(t *testing.T) {
	f := newFixture(t)
	arn := f.create("site").Distribution.ARN
	before := f.journal.changes
	many := func(n int) []string {
		var pairs []string
		for i := range n {
			pairs = append(pairs, fmt.Sprint("key-", i), "")
		}
		return pairs
	}
	for _, c := range []struct {
		name string
		arn  string
		tags []string
		code cloudfront.Code
	}{
		{"reserved", *arn, []string{"aws:x", ""}, cloudfront.CodeInvalidTagging},
		{"reserved in capitals", *arn, []string{"AWS:x", ""}, cloudfront.CodeInvalidTagging},
		{"a character in the key", *arn, []string{"a&b", ""}, cloudfront.CodeInvalidTagging},
		{"a character in the value", *arn, []string{"a", "b<c"}, cloudfront.CodeInvalidTagging},
		{"no way to be isolated", *arn, []string{cdn.WhenIsolatedTag, "stale"}, cloudfront.CodeInvalidArgument},
		{"none at all", *arn, []string{cdn.WhenIsolatedTag, ""}, cloudfront.CodeInvalidArgument},
		{"twice", *arn, []string{"a", "1", "a", "2"}, cloudfront.CodeInvalidTagging},
		{"too many", *arn, many(51), cloudfront.CodeInvalidTagging},
		{"a long key", *arn, []string{strings.Repeat("k", 129), ""}, cloudfront.CodeMalformedXML},
		{"a long value", *arn, []string{"k", strings.Repeat("v", 257)}, cloudfront.CodeMalformedXML},
		{"no ARN", "site", []string{"a", "b"}, cloudfront.CodeInvalidArgument},
		{"another account", strings.Replace(*arn, testAccount, "999999999999", 1), []string{"a", "b"}, cloudfront.CodeNoSuchResource},
		{"another kind", strings.Replace(*arn, "distribution", "streaming-distribution", 1), []string{"a", "b"}, cloudfront.CodeNoSuchResource},
		{"no distribution", *arn + "X", []string{"a", "b"}, cloudfront.CodeNoSuchResource},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := f.TagResource(t.Context(), &sdk.TagResourceInput{Resource: &c.arn, Tags: tagList(c.tags...)})
			wantCode(t, err, c.code)
		})
	}
	if f.journal.changes != before {
		t.Error("the journal has changed")
	}
	must(f.TagResource(t.Context(), &sdk.TagResourceInput{Resource: arn, Tags: tagList(many(50)...)}))(t)
	_, err := f.TagResource(t.Context(), &sdk.TagResourceInput{Resource: arn, Tags: tagList("one", "more")})
	wantCode(t, err, cloudfront.CodeInvalidTagging)
	_, err = f.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{Resource: aws.String("arn:aws:cloudfront::123456789012:distribution/ENONE")})
	wantCode(t, err, cloudfront.CodeNoSuchResource)
}
