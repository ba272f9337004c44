package api_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

func TestManagedCachePolicies(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	want := map[string]string{}
	for _, p := range cdn.ManagedPolicies(cdn.ResourceCachePolicy) {
		want[p.ID] = p.Name
	}
	input := &sdk.ListCachePoliciesInput{Type: types.CachePolicyTypeManaged, MaxItems: aws.Int32(4)}
	for {
		list := must(f.ListCachePolicies(ctx, input))(t).CachePolicyList
		for _, item := range list.Items {
			p := item.CachePolicy
			if item.Type != types.CachePolicyTypeManaged || want[*p.Id] != *p.CachePolicyConfig.Name {
				t.Errorf("%s: %+v", *p.Id, p.CachePolicyConfig)
			}
			delete(want, *p.Id)
			got := must(f.GetCachePolicy(ctx, &sdk.GetCachePolicyInput{Id: p.Id}))(t)
			cfg := must(f.GetCachePolicyConfig(ctx, &sdk.GetCachePolicyConfigInput{Id: p.Id}))(t)
			if *got.CachePolicy.CachePolicyConfig.Name != *p.CachePolicyConfig.Name || *cfg.CachePolicyConfig.MaxTTL != *p.CachePolicyConfig.MaxTTL || *got.ETag != *cfg.ETag {
				t.Errorf("%s is shown in different ways", *p.Id)
			}
		}
		if input.Marker = list.NextMarker; input.Marker == nil {
			break
		}
	}
	if len(want) != 0 {
		t.Errorf("not listed: %v", want)
	}
	for kind, n := range map[types.CachePolicyType]int{"": 11, types.CachePolicyTypeCustom: 0} {
		if list := must(f.ListCachePolicies(ctx, &sdk.ListCachePoliciesInput{Type: kind}))(t).CachePolicyList; len(list.Items) != n || int(*list.Quantity) != n {
			t.Errorf("type %q: %d policies", kind, len(list.Items))
		}
	}
	_, err := f.ListCachePolicies(ctx, &sdk.ListCachePoliciesInput{Type: "mine"})
	wantCode(t, err, cloudfront.CodeInvalidArgument)
	_, err = f.GetCachePolicy(ctx, &sdk.GetCachePolicyInput{Id: aws.String("658327ea-0000-0000-0000-000000000000")})
	wantCode(t, err, cloudfront.CodeNoSuchCachePolicy)
	_, err = f.GetCachePolicyConfig(ctx, &sdk.GetCachePolicyConfigInput{Id: aws.String("none")})
	wantCode(t, err, cloudfront.CodeNoSuchCachePolicy)

	// One in full, as the developer guide publishes it.
	got := must(f.GetCachePolicyConfig(ctx, &sdk.GetCachePolicyConfigInput{Id: aws.String("08627262-05a9-4f76-9ded-b50ca2e3a84f")}))(t).CachePolicyConfig
	key := got.ParametersInCacheKeyAndForwardedToOrigin
	if *got.MinTTL != 0 || *got.DefaultTTL != 86400 || *got.MaxTTL != 31536000 || !*key.EnableAcceptEncodingGzip || *key.EnableAcceptEncodingBrotli ||
		key.HeadersConfig.HeaderBehavior != "whitelist" || key.HeadersConfig.Headers.Items[0] != "origin" ||
		key.CookiesConfig.CookieBehavior != "none" || key.CookiesConfig.Cookies != nil ||
		key.QueryStringsConfig.QueryStringBehavior != "whitelist" || len(key.QueryStringsConfig.QueryStrings.Items) != 4 {
		t.Errorf("%+v %+v", got, key)
	}
}
