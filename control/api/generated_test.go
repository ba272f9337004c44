package api_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
)

// generator makes configurations as people have them. What it makes is whole: every
// member that CloudFront shows has a value, its default or another.
type generator struct {
	*rand.Rand
	n int
	// made counts what was made, lest something never is.
	made map[string]int
}

// one reports once in n times, and counts it as what.
func (g *generator) one(n int, what string) bool {
	if g.IntN(n) != 0 {
		return false
	}
	g.made[what]++
	return true
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func quantity(n int) *int32 { return aws.Int32(int32(n)) }

func (g *generator) some(n int, what string, items ...string) []string {
	if !g.one(n, what) {
		return nil
	}
	g.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	return items[:1+g.IntN(len(items))]
}

func (g *generator) config() *types.DistributionConfig {
	g.n++
	c := &types.DistributionConfig{
		CallerReference: aws.String(fmt.Sprint("generated-", g.n)), Comment: aws.String(pick(g, "", "a <comment> & 'more'", "Straße — 東京")),
		Enabled: aws.Bool(g.IntN(2) == 0), DefaultRootObject: aws.String(pick(g, "", "index.html", "a/b.html")),
		PriceClass: pick(g, types.PriceClassPriceClassAll, types.PriceClassPriceClass100, types.PriceClassPriceClass200), HttpVersion: pick(g, types.HttpVersionHttp2, types.HttpVersionHttp11, types.HttpVersionHttp3, types.HttpVersionHttp2and3),
		IsIPV6Enabled: aws.Bool(g.IntN(2) == 0), Staging: aws.Bool(false), ContinuousDeploymentPolicyId: aws.String(""),
		WebACLId: aws.String(pick(g, "", "arn:aws:wafv2:us-east-1:123456789012:global/webacl/name/6a7b")),
	}
	names := g.some(2, "aliases", fmt.Sprintf("www%d.example.com", g.n), fmt.Sprintf("*.w%d.example.com", g.n), fmt.Sprintf("Shop%d.Example.org", g.n))
	c.Aliases = &types.Aliases{Quantity: quantity(len(names)), Items: names}
	origins := make([]types.Origin, 1+g.IntN(4))
	for i := range origins {
		origins[i] = g.origin(fmt.Sprint("origin-", i))
	}
	c.Origins = &types.Origins{Quantity: quantity(len(origins)), Items: origins}
	c.OriginGroups = g.groups(origins)
	g.behaviors(c)
	g.edges(c)
	return c
}

func (g *generator) origin(id string) types.Origin {
	o := types.Origin{
		Id: &id, OriginPath: aws.String(pick(g, "", "/path", "/a/b")), ConnectionAttempts: aws.Int32(1 + g.Int32N(3)), ConnectionTimeout: aws.Int32(1 + g.Int32N(10)),
		OriginShield: &types.OriginShield{Enabled: aws.Bool(false)}, OriginAccessControlId: aws.String(""),
	}
	if g.one(3, "Origin Shield") {
		o.OriginShield = &types.OriginShield{Enabled: aws.Bool(true), OriginShieldRegion: aws.String("eu-central-1")}
	}
	var headers []types.OriginCustomHeader
	for _, name := range g.some(3, "custom headers", "X-Secret", "x-lower-case", "Accept") {
		headers = append(headers, types.OriginCustomHeader{HeaderName: aws.String(name), HeaderValue: aws.String(pick(g, "v", "a \"b\" <c>", ""))})
	}
	o.CustomHeaders = &types.CustomHeaders{Quantity: quantity(len(headers)), Items: headers}
	if g.one(2, "bucket") {
		o.DomainName = aws.String(pick(g, "demo.s3.us-east-1.amazonaws.com", "demo.s3.amazonaws.com", "Demo.S3.eu-west-1.amazonaws.com"))
		o.S3OriginConfig = &types.S3OriginConfig{OriginAccessIdentity: aws.String(""), OriginReadTimeout: aws.Int32(pick(g, int32(30), 1, 120))}
		return o
	}
	o.DomainName = aws.String(pick(g, "origin.example.com", "demo.s3-website-us-east-1.amazonaws.com", "10.1.2.3"))
	o.CustomOriginConfig = &types.CustomOriginConfig{
		HTTPPort: aws.Int32(pick(g, int32(80), 8080)), HTTPSPort: aws.Int32(pick(g, int32(443), 8443, 65535)),
		OriginProtocolPolicy: pick(g, types.OriginProtocolPolicyHttpOnly, types.OriginProtocolPolicyHttpsOnly, types.OriginProtocolPolicyMatchViewer),
		OriginSslProtocols:   &types.OriginSslProtocols{Quantity: quantity(2), Items: []types.SslProtocol{types.SslProtocolSSLv3, types.SslProtocolTLSv1}},
		OriginReadTimeout:    aws.Int32(pick(g, int32(30), 1, 120)), OriginKeepaliveTimeout: aws.Int32(pick(g, int32(5), 1, 120)),
	}
	if g.one(2, "SSL protocols") {
		o.CustomOriginConfig.OriginSslProtocols = &types.OriginSslProtocols{Quantity: quantity(2), Items: []types.SslProtocol{types.SslProtocolTLSv12, types.SslProtocolTLSv11}}
	}
	return o
}

func (g *generator) groups(origins []types.Origin) *types.OriginGroups {
	if len(origins) < 2 || !g.one(2, "origin groups") {
		return &types.OriginGroups{Quantity: quantity(0)}
	}
	return &types.OriginGroups{Quantity: quantity(1), Items: []types.OriginGroup{{
		Id:               aws.String("group"),
		FailoverCriteria: &types.OriginGroupFailoverCriteria{StatusCodes: &types.StatusCodes{Quantity: quantity(3), Items: []int32{503, 404, 500}}},
		Members: &types.OriginGroupMembers{Quantity: quantity(2), Items: []types.OriginGroupMember{
			{OriginId: origins[1].Id}, {OriginId: origins[0].Id}}},
	}}}
}

func (g *generator) behaviors(c *types.DistributionConfig) {
	c.DefaultCacheBehavior = g.behavior(c)
	c.CacheBehaviors = &types.CacheBehaviors{Quantity: quantity(0)}
	for i := range g.IntN(4) {
		b := g.behavior(c)
		g.made["cache behavior"]++
		c.CacheBehaviors.Quantity = quantity(i + 1)
		c.CacheBehaviors.Items = append(c.CacheBehaviors.Items, types.CacheBehavior{
			PathPattern: aws.String(fmt.Sprintf(pick(g, "/%d/*", "*.%d", "/a?/%d&b"), i)), TargetOriginId: b.TargetOriginId, ViewerProtocolPolicy: b.ViewerProtocolPolicy,
			AllowedMethods: b.AllowedMethods, TrustedSigners: b.TrustedSigners, TrustedKeyGroups: b.TrustedKeyGroups, SmoothStreaming: b.SmoothStreaming, Compress: b.Compress,
			LambdaFunctionAssociations: b.LambdaFunctionAssociations, FunctionAssociations: b.FunctionAssociations, FieldLevelEncryptionId: b.FieldLevelEncryptionId,
			CachePolicyId: b.CachePolicyId, OriginRequestPolicyId: b.OriginRequestPolicyId, ResponseHeadersPolicyId: b.ResponseHeadersPolicyId, GrpcConfig: b.GrpcConfig,
			ForwardedValues: b.ForwardedValues, MinTTL: b.MinTTL, DefaultTTL: b.DefaultTTL, MaxTTL: b.MaxTTL, //nolint:staticcheck // old configurations have them
		})
	}
}

func (g *generator) behavior(c *types.DistributionConfig) *types.DefaultCacheBehavior {
	o := c.Origins.Items[g.IntN(len(c.Origins.Items))]
	b := &types.DefaultCacheBehavior{
		TargetOriginId: o.Id, ViewerProtocolPolicy: pick(g, types.ViewerProtocolPolicyAllowAll, types.ViewerProtocolPolicyHttpsOnly, types.ViewerProtocolPolicyRedirectToHttps),
		SmoothStreaming: aws.Bool(g.IntN(2) == 0), Compress: aws.Bool(g.IntN(2) == 0), FieldLevelEncryptionId: aws.String(""), GrpcConfig: &types.GrpcConfig{Enabled: aws.Bool(false)},
		TrustedSigners: &types.TrustedSigners{Enabled: aws.Bool(false), Quantity: quantity(0)}, TrustedKeyGroups: &types.TrustedKeyGroups{Enabled: aws.Bool(false), Quantity: quantity(0)},
		AllowedMethods: pick(g, allowing(types.MethodHead, types.MethodGet)(), allowing(types.MethodGet, types.MethodHead, types.MethodOptions)(),
			allowing(types.MethodHead, types.MethodDelete, types.MethodPost, types.MethodGet, types.MethodOptions, types.MethodPut, types.MethodPatch)()),
		LambdaFunctionAssociations: &types.LambdaFunctionAssociations{Quantity: quantity(0)}, FunctionAssociations: &types.FunctionAssociations{Quantity: quantity(0)},
	}
	if *c.OriginGroups.Quantity > 0 && len(b.AllowedMethods.Items) < 7 && g.one(2, "behavior for a group") {
		b.TargetOriginId = aws.String("group")
	}
	if signers := g.some(4, "signers", "self", "123456789012"); signers != nil {
		b.TrustedSigners = &types.TrustedSigners{Enabled: aws.Bool(true), Quantity: quantity(len(signers)), Items: signers}
	}
	if g.one(4, "Lambda@Edge") {
		b.LambdaFunctionAssociations = &types.LambdaFunctionAssociations{Quantity: quantity(1), Items: []types.LambdaFunctionAssociation{{
			EventType: types.EventTypeOriginRequest, LambdaFunctionARN: aws.String("arn:aws:lambda:us-east-1:123456789012:function:edge:7"), IncludeBody: aws.Bool(true)}}}
	}
	if g.one(2, "cache policy") {
		b.CachePolicyId = aws.String(pick(g, cachingOptimized, cachingDisabled))
		if g.one(2, "origin request policy") {
			b.OriginRequestPolicyId = aws.String(allViewer)
		}
	} else {
		g.forwarded(b, o.S3OriginConfig != nil)
	}
	if g.one(3, "response headers policy") {
		b.ResponseHeadersPolicyId = aws.String(simpleCORS)
	}
	return b
}

// allowing returns a function, so that no two configurations share one.
func allowing(methods ...types.Method) func() *types.AllowedMethods {
	return func() *types.AllowedMethods {
		return &types.AllowedMethods{Quantity: quantity(len(methods)), Items: methods,
			CachedMethods: &types.CachedMethods{Quantity: quantity(2), Items: []types.Method{types.MethodHead, types.MethodGet}}}
	}
}

func (g *generator) forwarded(b *types.DefaultCacheBehavior, bucket bool) {
	g.made["forwarded values"]++
	f := &types.ForwardedValues{
		QueryString: aws.Bool(g.IntN(2) == 0), Cookies: &types.CookiePreference{Forward: pick(g, types.ItemSelectionNone, types.ItemSelectionAll)},
		Headers: &types.Headers{Quantity: quantity(0)}, QueryStringCacheKeys: &types.QueryStringCacheKeys{Quantity: quantity(0)},
	}
	if names := g.some(3, "cookies", "session", "a", "b*"); names != nil {
		f.Cookies = &types.CookiePreference{Forward: types.ItemSelectionWhitelist, WhitelistedNames: &types.CookieNames{Quantity: quantity(len(names)), Items: names}}
	}
	if names := g.some(3, "headers", "Origin", "accept-language", "CloudFront-Viewer-Country"); names != nil {
		f.Headers = &types.Headers{Quantity: quantity(len(names)), Items: names}
	} else if !bucket && g.one(3, "all headers") {
		f.Headers = &types.Headers{Quantity: quantity(1), Items: []string{"*"}}
	}
	if names := g.some(3, "query keys", "q", "page"); names != nil && *f.QueryString {
		f.QueryStringCacheKeys = &types.QueryStringCacheKeys{Quantity: quantity(len(names)), Items: names}
	}
	least := pick(g, int64(0), 60, 100000)
	b.ForwardedValues = f //nolint:staticcheck // old configurations have it
	//nolint:staticcheck // old configurations have them
	b.MinTTL, b.DefaultTTL, b.MaxTTL = aws.Int64(least), aws.Int64(max(86400, least)), aws.Int64(31536000)
}

// edges makes what is about viewers.
func (g *generator) edges(c *types.DistributionConfig) {
	c.CustomErrorResponses = &types.CustomErrorResponses{Quantity: quantity(0)}
	if g.one(2, "error responses") {
		c.CustomErrorResponses = &types.CustomErrorResponses{Quantity: quantity(2), Items: []types.CustomErrorResponse{
			{ErrorCode: aws.Int32(404), ResponsePagePath: aws.String("/404.html"), ResponseCode: aws.String("200"), ErrorCachingMinTTL: aws.Int64(pick(g, int64(10), 0, 300))},
			{ErrorCode: aws.Int32(503), ResponsePagePath: aws.String(""), ResponseCode: aws.String(""), ErrorCachingMinTTL: aws.Int64(10)},
		}}
	}
	c.Restrictions = &types.Restrictions{GeoRestriction: &types.GeoRestriction{RestrictionType: types.GeoRestrictionTypeNone, Quantity: quantity(0)}}
	if codes := g.some(2, "restrictions", "DE", "US", "XK", "AQ"); codes != nil {
		c.Restrictions = &types.Restrictions{GeoRestriction: &types.GeoRestriction{
			RestrictionType: pick(g, types.GeoRestrictionTypeWhitelist, types.GeoRestrictionTypeBlacklist), Quantity: quantity(len(codes)), Items: codes}}
	}
	c.Logging = &types.LoggingConfig{Enabled: aws.Bool(false), IncludeCookies: aws.Bool(false), Bucket: aws.String(""), Prefix: aws.String("")}
	if g.one(2, "logging") {
		c.Logging = &types.LoggingConfig{Enabled: aws.Bool(true), IncludeCookies: aws.Bool(true), Bucket: aws.String("logs.s3.amazonaws.com"), Prefix: aws.String("a/")}
	}
	c.ViewerCertificate = &types.ViewerCertificate{CloudFrontDefaultCertificate: aws.Bool(true), SSLSupportMethod: types.SSLSupportMethodVip,
		MinimumProtocolVersion: types.MinimumProtocolVersionTLSv1, CertificateSource: types.CertificateSourceCloudfront} //nolint:staticcheck // it is shown
	if g.one(3, "certificate") {
		arn := "arn:aws:acm:us-east-1:999999999999:certificate/1234-56"
		c.ViewerCertificate = &types.ViewerCertificate{CloudFrontDefaultCertificate: aws.Bool(false), ACMCertificateArn: &arn,
			SSLSupportMethod: types.SSLSupportMethodSniOnly, MinimumProtocolVersion: pick(g, types.MinimumProtocolVersionTLSv122021, types.MinimumProtocolVersionTLSv122025),
			Certificate: &arn, CertificateSource: types.CertificateSourceAcm} //nolint:staticcheck // it is shown
	}
}

// leaving returns a copy of a whole configuration with some of what has CloudFront's
// default left out. The defaults are said here once more, in the form of JSON, for
// the code's own would agree with itself.
func leaving(t *testing.T, g *generator, whole *types.DistributionConfig) *types.DistributionConfig {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(must(json.Marshal(whole))(t), &doc); err != nil {
		t.Fatal(err)
	}
	g.leave(doc, map[string]string{
		"Aliases": `{"Quantity":0,"Items":null}`, "DefaultRootObject": `""`, "OriginGroups": `{"Quantity":0,"Items":null}`, "CacheBehaviors": `{"Quantity":0,"Items":null}`,
		"CustomErrorResponses": `{"Quantity":0,"Items":null}`, "PriceClass": `"PriceClass_All"`, "WebACLId": `""`, "HttpVersion": `"http2"`, "IsIPV6Enabled": `true`,
		"ContinuousDeploymentPolicyId": `""`, "Staging": `false`,
		"Logging":           `{"Enabled":false,"IncludeCookies":false,"Bucket":"","Prefix":""}`,
		"Restrictions":      `{"GeoRestriction":{"RestrictionType":"none","Quantity":0,"Items":null}}`,
		"ViewerCertificate": `{"CloudFrontDefaultCertificate":true,"SSLSupportMethod":"vip","MinimumProtocolVersion":"TLSv1","CertificateSource":"cloudfront","Certificate":null,"ACMCertificateArn":null,"IAMCertificateId":null}`,
	})
	for _, o := range items(doc["Origins"]) {
		g.leave(o, map[string]string{"OriginPath": `""`, "CustomHeaders": `{"Quantity":0,"Items":null}`, "ConnectionAttempts": `3`, "ConnectionTimeout": `10`,
			"OriginShield": `{"Enabled":false,"OriginShieldRegion":null}`, "OriginAccessControlId": `""`})
		for _, kind := range []string{"S3OriginConfig", "CustomOriginConfig"} {
			if of, is := o[kind].(map[string]any); is {
				g.leave(of, map[string]string{"OriginReadTimeout": `30`, "OriginKeepaliveTimeout": `5`, "OriginSslProtocols": `{"Quantity":2,"Items":["SSLv3","TLSv1"]}`})
			}
		}
	}
	for _, b := range append(items(doc["CacheBehaviors"]), doc["DefaultCacheBehavior"].(map[string]any)) {
		g.leave(b, map[string]string{"TrustedSigners": `{"Enabled":false,"Quantity":0,"Items":null}`, "TrustedKeyGroups": `{"Enabled":false,"Quantity":0,"Items":null}`,
			"AllowedMethods":  `{"Quantity":2,"Items":["HEAD","GET"],"CachedMethods":{"Quantity":2,"Items":["HEAD","GET"]}}`,
			"SmoothStreaming": `false`, "Compress": `false`, "FieldLevelEncryptionId": `""`, "GrpcConfig": `{"Enabled":false}`, "MinTTL": `0`, "DefaultTTL": `86400`, "MaxTTL": `31536000`,
			"LambdaFunctionAssociations": `{"Quantity":0,"Items":null}`, "FunctionAssociations": `{"Quantity":0,"Items":null}`})
		if b["MinTTL"] == nil && b["DefaultTTL"] == nil {
			g.made["no TTL"]++
		}
	}
	for _, r := range items(doc["CustomErrorResponses"]) {
		g.leave(r, map[string]string{"ErrorCachingMinTTL": `10`, "ResponsePagePath": `""`, "ResponseCode": `""`})
	}
	sent := &types.DistributionConfig{}
	if err := json.Unmarshal(must(json.Marshal(doc))(t), sent); err != nil {
		t.Fatal(err)
	}
	return sent
}

// leave drops members that have their default, each with even odds.
func (g *generator) leave(doc map[string]any, defaults map[string]string) {
	for _, name := range sortedKeys(defaults) {
		var def any
		if json.Unmarshal([]byte(defaults[name]), &def) == nil && reflect.DeepEqual(doc[name], def) && g.IntN(2) == 0 {
			doc[name] = nil
			g.made["left out "+name]++
		}
	}
}

func items(list any) (all []map[string]any) {
	l, _ := list.(map[string]any)
	of, _ := l["Items"].([]any)
	for _, item := range of {
		all = append(all, item.(map[string]any))
	}
	return all
}
