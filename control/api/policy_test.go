package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/control/cloudfront"
)

func TestPoliciesRefused(t *testing.T) {
	f := newFixture(t)
	eleven := make([]string, 11)
	for i := range eleven {
		eleven[i] = fmt.Sprint("X-", i)
	}
	cache := func(alter func(c *types.CachePolicyConfig, key *types.ParametersInCacheKeyAndForwardedToOrigin)) (string, any) {
		c := resourceKinds()[0].make(f, 1).(*types.CachePolicyConfig)
		alter(c, c.ParametersInCacheKeyAndForwardedToOrigin)
		return "CachePolicy", c
	}
	toOrigin := func(alter func(c *types.OriginRequestPolicyConfig)) (string, any) {
		c := resourceKinds()[1].make(f, 1).(*types.OriginRequestPolicyConfig)
		alter(c)
		return "OriginRequestPolicy", c
	}
	response := func(alter func(c *types.ResponseHeadersPolicyConfig)) (string, any) {
		c := resourceKinds()[2].make(f, 1).(*types.ResponseHeadersPolicyConfig)
		alter(c)
		return "ResponseHeadersPolicy", c
	}
	headers := func(names ...string) *types.Headers {
		return &types.Headers{Quantity: aws.Int32(int32(len(names))), Items: names}
	}
	custom := func(name, value string) *types.ResponseHeadersPolicyCustomHeadersConfig {
		return &types.ResponseHeadersPolicyCustomHeadersConfig{Quantity: aws.Int32(1), Items: []types.ResponseHeadersPolicyCustomHeader{{Header: &name, Value: &value, Override: aws.Bool(true)}}}
	}
	refused := func(code cloudfront.Code) func(noun string, cfg any) {
		return func(noun string, cfg any) {
			t.Helper()
			_, err := f.call("Create"+noun, map[string]any{noun + "Config": cfg})
			wantCode(t, err, code)
		}
	}
	type key = types.ParametersInCacheKeyAndForwardedToOrigin
	invalid := refused(cloudfront.CodeInvalidArgument)
	invalid(cache(func(c *types.CachePolicyConfig, _ *key) { c.Name = aws.String("a b") }))
	invalid(cache(func(c *types.CachePolicyConfig, _ *key) { c.Name = aws.String("") }))
	invalid(cache(func(c *types.CachePolicyConfig, _ *key) { c.MinTTL = aws.Int64(9) }))
	invalid(cache(func(c *types.CachePolicyConfig, _ *key) { c.MinTTL = aws.Int64(-1) }))
	invalid(cache(func(c *types.CachePolicyConfig, _ *key) { c.Comment = aws.String(strings.Repeat("c", 129)) }))
	invalid(cache(func(_ *types.CachePolicyConfig, k *key) { k.HeadersConfig.Headers = nil }))
	invalid(cache(func(_ *types.CachePolicyConfig, k *key) { k.HeadersConfig.Headers = headers("X-A", "x-a") }))
	invalid(cache(func(_ *types.CachePolicyConfig, k *key) {
		k.HeadersConfig.Headers = headers(strings.Repeat("a", 600), strings.Repeat("b", 600))
	}))
	invalid(cache(func(c *types.CachePolicyConfig, _ *key) {
		c.MinTTL, c.DefaultTTL, c.MaxTTL = aws.Int64(0), aws.Int64(0), aws.Int64(0)
	}))
	refused(cloudfront.CodeTooManyHeadersInCachePolicy)(cache(func(_ *types.CachePolicyConfig, k *key) { k.HeadersConfig.Headers = headers(eleven...) }))
	refused(cloudfront.CodeTooManyCookiesInCachePolicy)(cache(func(_ *types.CachePolicyConfig, k *key) {
		k.CookiesConfig = &types.CachePolicyCookiesConfig{CookieBehavior: "whitelist", Cookies: &types.CookieNames{Quantity: aws.Int32(11), Items: eleven}}
	}))
	refused(cloudfront.CodeTooManyQueryStringsInCachePolicy)(cache(func(_ *types.CachePolicyConfig, k *key) {
		k.QueryStringsConfig = &types.CachePolicyQueryStringsConfig{QueryStringBehavior: "allExcept", QueryStrings: &types.QueryStringNames{Quantity: aws.Int32(11), Items: eleven}}
	}))
	refused(cloudfront.CodeCachePolicyAlreadyExists)(cache(func(c *types.CachePolicyConfig, _ *key) { c.Name = aws.String("Managed-CachingOptimized") }))
	refused(cloudfront.CodeMalformedXML)(cache(func(_ *types.CachePolicyConfig, k *key) { k.HeadersConfig.HeaderBehavior = "allViewer" }))

	invalid(toOrigin(func(c *types.OriginRequestPolicyConfig) {
		c.HeadersConfig = &types.OriginRequestPolicyHeadersConfig{HeaderBehavior: "whitelist", Headers: headers("authorization")}
	}))
	refused(cloudfront.CodeTooManyHeadersInOriginRequestPolicy)(toOrigin(func(c *types.OriginRequestPolicyConfig) {
		c.HeadersConfig = &types.OriginRequestPolicyHeadersConfig{HeaderBehavior: "whitelist", Headers: headers(eleven...)}
	}))

	invalid(response(func(c *types.ResponseHeadersPolicyConfig) { c.CustomHeadersConfig = custom("Via", "x") }))
	invalid(response(func(c *types.ResponseHeadersPolicyConfig) { c.CustomHeadersConfig = custom("X A", "x") }))
	invalid(response(func(c *types.ResponseHeadersPolicyConfig) {
		c.CustomHeadersConfig = custom("X-A", strings.Repeat("x", 1784))
	}))
	invalid(response(func(c *types.ResponseHeadersPolicyConfig) {
		c.RemoveHeadersConfig = &types.ResponseHeadersPolicyRemoveHeadersConfig{Quantity: aws.Int32(1), Items: []types.ResponseHeadersPolicyRemoveHeader{{Header: aws.String("X-Amz-Cf-Id")}}}
	}))
	refused(cloudfront.CodeTooLongCSPInResponseHeadersPolicy)(response(func(c *types.ResponseHeadersPolicyConfig) {
		c.SecurityHeadersConfig.ContentSecurityPolicy = &types.ResponseHeadersPolicyContentSecurityPolicy{Override: aws.Bool(true), ContentSecurityPolicy: aws.String(strings.Repeat("x", 1784))}
	}))
	refused(cloudfront.CodeTooManyRemoveHeadersInResponseHeadersPolicy)(response(func(c *types.ResponseHeadersPolicyConfig) {
		c.RemoveHeadersConfig = &types.ResponseHeadersPolicyRemoveHeadersConfig{Quantity: aws.Int32(11)}
		for _, n := range eleven {
			c.RemoveHeadersConfig.Items = append(c.RemoveHeadersConfig.Items, types.ResponseHeadersPolicyRemoveHeader{Header: &n})
		}
	}))
	if f.journal.changes != 0 {
		t.Error("the journal has changed")
	}
}
