package api_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// TestGeneratedConfigurations sends configurations with some of their defaults left
// out, and holds what is read to the whole: by every call that shows one, after
// an update with what was read, and from a snapshot of the journal.
func TestGeneratedConfigurations(t *testing.T) {
	const configurations = 120
	f := newFixture(t)
	ctx := t.Context()
	g := &generator{Rand: rand.New(rand.NewPCG(20200531, 1)), made: map[string]int{}}
	whole := map[string]*types.DistributionConfig{}
	for range configurations {
		want := g.config()
		sent := leaving(t, g, want)
		created := must(f.CreateDistribution(ctx, &sdk.CreateDistributionInput{DistributionConfig: sent}))(t)
		id := created.Distribution.Id
		whole[*id] = want
		same(t, "created", created.Distribution.DistributionConfig, want)
		alwaysThere(t, created.Distribution)
		same(t, "got", must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: id}))(t).Distribution.DistributionConfig, want)
		read := must(f.GetDistributionConfig(ctx, &sdk.GetDistributionConfigInput{Id: id}))(t)
		same(t, "its configuration", read.DistributionConfig, want)
		updated := must(f.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: id, IfMatch: read.ETag, DistributionConfig: read.DistributionConfig}))(t)
		same(t, "updated", updated.Distribution.DistributionConfig, want)
		if t.Failed() {
			t.Logf("sent %s", must(json.Marshal(sent))(t))
			return
		}
	}
	f.restore(t)
	for id, want := range whole {
		same(t, "restored", must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: &id}))(t).Distribution.DistributionConfig, want)
	}
	for _, what := range []string{
		"aliases", "bucket", "custom headers", "Origin Shield", "SSL protocols", "origin groups", "behavior for a group", "cache behavior", "signers", "Lambda@Edge", "cache policy",
		"origin request policy", "response headers policy", "forwarded values", "cookies", "headers", "all headers", "query keys", "error responses", "restrictions", "logging", "certificate",
		"left out Aliases", "left out OriginGroups", "left out CacheBehaviors", "left out ViewerCertificate", "left out Restrictions", "left out Logging", "left out AllowedMethods", "left out OriginSslProtocols",
		"left out DefaultTTL", "left out MaxTTL", "left out IsIPV6Enabled", "left out HttpVersion", "left out PriceClass", "left out OriginShield", "left out ErrorCachingMinTTL", "no TTL",
	} {
		if g.made[what] < 5 {
			t.Errorf("%s was made %d times", what, g.made[what])
		}
	}
}

// same holds a configuration to another, and names the first member that differs.
func same(t *testing.T, what string, got, want *types.DistributionConfig) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	var a, b any
	if err := json.Unmarshal(must(json.Marshal(got))(t), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(must(json.Marshal(want))(t), &b); err != nil {
		t.Fatal(err)
	}
	t.Errorf("%s: wanted%s and got%s\ngot  %s\nwant %s", what, missing(b, a, ""), missing(a, b, ""), must(json.Marshal(got))(t), must(json.Marshal(want))(t))
}

// alwaysThere holds an answer to what clients read without asking whether it is
// there.
func alwaysThere(t *testing.T, d *types.Distribution) {
	t.Helper()
	for name, there := range map[string]bool{
		"Id": d.Id != nil, "ARN": d.ARN != nil, "Status": d.Status != nil, "DomainName": d.DomainName != nil, "LastModifiedTime": d.LastModifiedTime != nil,
		"InProgressInvalidationBatches": d.InProgressInvalidationBatches != nil,
		"ActiveTrustedSigners":          d.ActiveTrustedSigners != nil && d.ActiveTrustedSigners.Quantity != nil,
		"ActiveTrustedKeyGroups":        d.ActiveTrustedKeyGroups != nil && d.ActiveTrustedKeyGroups.Quantity != nil,
		"AliasICPRecordals":             len(d.AliasICPRecordals) == len(d.DistributionConfig.Aliases.Items),
	} {
		if !there {
			t.Errorf("%s is not there", name)
		}
	}
}

// TestSummaries: a list shows of each distribution what the distribution itself
// shows.
func TestSummaries(t *testing.T) {
	f := newFixture(t)
	g := &generator{Rand: rand.New(rand.NewPCG(20200531, 2)), made: map[string]int{}}
	whole := map[string]*types.DistributionConfig{}
	for range 20 {
		want := g.config()
		whole[*must(f.CreateDistribution(t.Context(), &sdk.CreateDistributionInput{DistributionConfig: leaving(t, g, want)}))(t).Distribution.Id] = want
	}
	for _, s := range must(f.ListDistributions(t.Context(), &sdk.ListDistributionsInput{}))(t).DistributionList.Items {
		want := whole[*s.Id]
		delete(whole, *s.Id)
		got := *want
		got.Aliases, got.Origins, got.OriginGroups, got.DefaultCacheBehavior, got.CacheBehaviors = s.Aliases, s.Origins, s.OriginGroups, s.DefaultCacheBehavior, s.CacheBehaviors
		got.CustomErrorResponses, got.Comment, got.PriceClass, got.Enabled, got.ViewerCertificate = s.CustomErrorResponses, s.Comment, s.PriceClass, s.Enabled, s.ViewerCertificate
		got.Restrictions, got.WebACLId, got.HttpVersion, got.IsIPV6Enabled, got.Staging = s.Restrictions, s.WebACLId, s.HttpVersion, s.IsIPV6Enabled, s.Staging
		same(t, "summary", &got, want)
	}
	if len(whole) > 0 {
		t.Errorf("%d are not listed", len(whole))
	}
}
