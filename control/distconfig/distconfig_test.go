package distconfig_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/distconfig"
	"github.com/warmfront/warmfront/geo"
)

type config = cloudfront.DistributionConfig

// base has a bucket, a server, a group of the two and one behavior beside the
// default.
func base() *config {
	policy := "658327ea-f89d-4fab-a63d-7e88639e58f6"
	return &config{
		CallerReference: "ref", Enabled: true,
		Origins: cloudfront.Origins{Items: []cloudfront.Origin{
			{Id: "bucket", DomainName: "demo.s3.us-east-1.amazonaws.com", S3OriginConfig: &cloudfront.S3OriginConfig{}},
			{Id: "server", DomainName: "www.example.com", CustomOriginConfig: &cloudfront.CustomOriginConfig{
				HTTPPort: 80, HTTPSPort: 443, OriginProtocolPolicy: cloudfront.OriginProtocolPolicyHttpsOnly}},
		}},
		OriginGroups: &cloudfront.OriginGroups{Items: []cloudfront.OriginGroup{{
			Id: "group", FailoverCriteria: cloudfront.OriginGroupFailoverCriteria{StatusCodes: cloudfront.StatusCodes{Items: []int{500, 503}}},
			Members: cloudfront.OriginGroupMembers{Items: []cloudfront.OriginGroupMember{{OriginId: "bucket"}, {OriginId: "server"}}},
		}}},
		DefaultCacheBehavior: cloudfront.DefaultCacheBehavior{
			TargetOriginId: "bucket", ViewerProtocolPolicy: cloudfront.ViewerProtocolPolicyHttpsOnly, CachePolicyId: &policy,
		},
		CacheBehaviors: &cloudfront.CacheBehaviors{Items: []cloudfront.CacheBehavior{{
			PathPattern: "/api/*", TargetOriginId: "server", ViewerProtocolPolicy: cloudfront.ViewerProtocolPolicyHttpsOnly,
			ForwardedValues: &cloudfront.ForwardedValues{Cookies: cloudfront.CookiePreference{Forward: cloudfront.ItemSelectionNone}},
		}}},
	}
}

func bucket(c *config) *cloudfront.Origin                  { return &c.Origins.Items[0] }
func server(c *config) *cloudfront.Origin                  { return &c.Origins.Items[1] }
func group(c *config) *cloudfront.OriginGroup              { return &c.OriginGroups.Items[0] }
func byDefault(c *config) *cloudfront.DefaultCacheBehavior { return &c.DefaultCacheBehavior }
func behavior(c *config) *cloudfront.CacheBehavior         { return &c.CacheBehaviors.Items[0] }
func addHeader(c *config, name, value string) {
	addHeaders(c, cloudfront.OriginCustomHeader{HeaderName: name, HeaderValue: value})
}
func addHeaders(c *config, hs ...cloudfront.OriginCustomHeader) {
	o := server(c)
	if o.CustomHeaders == nil {
		o.CustomHeaders = &cloudfront.CustomHeaders{}
	}
	o.CustomHeaders.Items = append(o.CustomHeaders.Items, hs...)
}

func headers(n, length int) (hs []cloudfront.OriginCustomHeader) {
	for i := range n {
		hs = append(hs, cloudfront.OriginCustomHeader{HeaderName: fmt.Sprintf("X-Header-%02d", i), HeaderValue: strings.Repeat("v", length)})
	}
	return hs
}

func methods(s string) *cloudfront.AllowedMethods {
	allowed, cached, _ := strings.Cut(s, "/")
	m := &cloudfront.AllowedMethods{}
	for name := range strings.FieldsSeq(allowed) {
		m.Items = append(m.Items, cloudfront.Method(name))
	}
	if cached != "" {
		m.CachedMethods = &cloudfront.CachedMethods{}
		for name := range strings.FieldsSeq(cached) {
			m.CachedMethods.Items = append(m.CachedMethods.Items, cloudfront.Method(name))
		}
	}
	return m
}

func function(event cloudfront.EventType, arn string) cloudfront.FunctionAssociation {
	return cloudfront.FunctionAssociation{FunctionARN: arn, EventType: event}
}

func functions(fs ...cloudfront.FunctionAssociation) *cloudfront.FunctionAssociations {
	return &cloudfront.FunctionAssociations{Items: fs}
}

func lambda(events ...cloudfront.EventType) *cloudfront.LambdaFunctionAssociations {
	l := &cloudfront.LambdaFunctionAssociations{}
	for _, e := range events {
		l.Items = append(l.Items, cloudfront.LambdaFunctionAssociation{EventType: e, LambdaFunctionARN: lambdaARN})
	}
	return l
}

func errorResponse(r cloudfront.CustomErrorResponse) *cloudfront.CustomErrorResponses {
	return &cloudfront.CustomErrorResponses{Items: []cloudfront.CustomErrorResponse{r}}
}

func geoRestriction(kind cloudfront.GeoRestrictionType, codes ...string) *cloudfront.Restrictions {
	return &cloudfront.Restrictions{GeoRestriction: cloudfront.GeoRestriction{RestrictionType: kind, Items: codes}}
}

const (
	functionARN = "arn:aws:cloudfront::123456789012:function/rewrite"
	lambdaARN   = "arn:aws:lambda:us-east-1:123456789012:function:edge:7"
	certificate = "arn:aws:acm:us-east-1:123456789012:certificate/1234-56"
	webACL      = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/name/6a7b"
)

// refusal is one alteration that is refused: with which code, and what the sentence
// must name.
type refusal struct {
	name  string
	alter func(*config)
	code  cloudfront.Code
	names string
}

func originRefusals() []refusal {
	return []refusal{
		{"an origin id twice", func(c *config) { server(c).Id = "bucket" }, "InvalidArgument", `Origin Id`},
		{"an origin without id", func(c *config) { server(c).Id = "" }, "InvalidArgument", "Origin Id"},
		{"a long origin id", func(c *config) { server(c).Id = strings.Repeat("o", 129) }, "InvalidArgument", "Origin Id"},
		{"no kind of origin", func(c *config) { server(c).CustomOriginConfig = nil }, "InvalidOrigin", "S3OriginConfig"},
		{"two kinds of origin", func(c *config) { server(c).S3OriginConfig = &cloudfront.S3OriginConfig{} }, "InvalidOrigin", "You cannot specify both"},
		{"a URL for a name", func(c *config) { server(c).DomainName = "http://www.example.com/" }, "InvalidOrigin", "DomainName"},
		{"a port in the name", func(c *config) { server(c).DomainName = "www.example.com:8080" }, "InvalidArgument", "HTTPPort"},
		{"a bucket that is none", func(c *config) { bucket(c).DomainName = "www.example.com" }, "InvalidArgument", "does not refer to a valid S3 bucket"},
		{"a website for a bucket", func(c *config) { bucket(c).DomainName = "demo.s3-website-us-east-1.amazonaws.com" }, "InvalidArgument", "Origin DomainName"},
		{"an origin path without slash", func(c *config) { server(c).OriginPath = new("a") }, "InvalidArgument", "OriginPath"},
		{"an origin path with a slash at its end", func(c *config) { server(c).OriginPath = new("/a/") }, "InvalidArgument", "OriginPath"},
		{"a long origin path", func(c *config) { server(c).OriginPath = new("/" + strings.Repeat("a", 255)) }, "InvalidArgument", "OriginPath"},
		{"an origin path with a space", func(c *config) { server(c).OriginPath = new("/a b") }, "InvalidArgument", "OriginPath"},
		{"port 81", func(c *config) { server(c).CustomOriginConfig.HTTPPort = 81 }, "InvalidArgument", "HTTPPort"},
		{"port 65536", func(c *config) { server(c).CustomOriginConfig.HTTPSPort = 65536 }, "InvalidArgument", "HTTPSPort"},
		{"no attempts", func(c *config) { server(c).ConnectionAttempts = new(0) }, "InvalidArgument", "ConnectionAttempts"},
		{"4 attempts", func(c *config) { server(c).ConnectionAttempts = new(4) }, "InvalidArgument", "ConnectionAttempts"},
		{"11 s to connect", func(c *config) { server(c).ConnectionTimeout = new(11) }, "InvalidArgument", "ConnectionTimeout"},
		{"no time to read", func(c *config) { server(c).CustomOriginConfig.OriginReadTimeout = new(0) }, "InvalidOriginReadTimeout", "OriginReadTimeout"},
		{"121 s to read of a bucket", func(c *config) { bucket(c).S3OriginConfig.OriginReadTimeout = new(121) }, "InvalidOriginReadTimeout", `origin "bucket"`},
		{"121 s of keep-alive", func(c *config) { server(c).CustomOriginConfig.OriginKeepaliveTimeout = new(121) }, "InvalidOriginKeepaliveTimeout", "OriginKeepaliveTimeout"},
		{"a completion before the read time-out", func(c *config) { server(c).ResponseCompletionTimeout = new(29) }, "InvalidArgument", "ResponseCompletionTimeout"},
		{"no SSL protocol", func(c *config) { server(c).CustomOriginConfig.OriginSslProtocols = &cloudfront.OriginSslProtocols{} }, "InvalidArgument", "OriginSslProtocols"},
		{"an SSL protocol twice", func(c *config) {
			server(c).CustomOriginConfig.OriginSslProtocols = &cloudfront.OriginSslProtocols{Items: []cloudfront.SslProtocol{"TLSv1.2", "TLSv1.2"}}
		}, "InvalidArgument", "TLSv1.2 more than once"},
		{"a shield nowhere", func(c *config) { server(c).OriginShield = &cloudfront.OriginShield{Enabled: true} }, "InvalidArgument", "OriginShieldRegion"},
		{"a shield in no region", func(c *config) {
			server(c).OriginShield = &cloudfront.OriginShield{Enabled: true, OriginShieldRegion: new("eu-north-1")}
		}, "InvalidArgument", "OriginShieldRegion"},
		{"a region without shield", func(c *config) {
			server(c).OriginShield = &cloudfront.OriginShield{OriginShieldRegion: new("us-east-1")}
		}, "InvalidArgument", "OriginShieldRegion"},
		{"two kinds of access", func(c *config) {
			bucket(c).OriginAccessControlId = new("EX")
			bucket(c).S3OriginConfig.OriginAccessIdentity = "origin-access-identity/cloudfront/EX"
		}, "IllegalOriginAccessConfiguration", `"bucket"`},
		{"an identity that is none", func(c *config) { bucket(c).S3OriginConfig.OriginAccessIdentity = "EX" }, "InvalidOriginAccessIdentity", "origin-access-identity/cloudfront/ID"},
	}
}

func headerRefusals() (all []refusal) {
	for _, name := range []string{"Host", "VIA", "Range", "x-amz-date", "X-Edge-Location", "Transfer-Encoding", "X-Real-IP"} {
		all = append(all, refusal{"the header " + name, func(c *config) { addHeader(c, name, "v") }, "InvalidArgument", name})
	}
	return append(all, []refusal{
		{"a header that is no name", func(c *config) { addHeader(c, "a b", "v") }, "InvalidArgument", "HeaderName"},
		{"a header without name", func(c *config) { addHeader(c, "", "v") }, "InvalidArgument", "HeaderName"},
		{"a long header", func(c *config) { addHeader(c, strings.Repeat("n", 257), "v") }, "InvalidArgument", "HeaderName"},
		{"a long value", func(c *config) { addHeader(c, "X-A", strings.Repeat("v", 1784)) }, "InvalidArgument", "HeaderValue"},
		{"a line break", func(c *config) { addHeader(c, "X-A", "a\r\nX-B: b") }, "InvalidArgument", "HeaderValue"},
		{"a header twice", func(c *config) { addHeader(c, "X-A", "1"); addHeader(c, "x-a", "2") }, "InvalidArgument", "x-a more than once"},
		{"31 headers", func(c *config) { addHeaders(c, headers(31, 1)...) }, "TooManyOriginCustomHeaders", "31"},
		{"10,241 characters", func(c *config) { addHeaders(c, headers(10, 1014)...) }, "InvalidArgument", "CustomHeaders"},
	}...)
}

func groupRefusals() []refusal {
	return []refusal{
		{"a group with an origin's id", func(c *config) { group(c).Id = "bucket" }, "InvalidArgument", "OriginGroup Id"},
		{"a group without id", func(c *config) { group(c).Id = "" }, "InvalidArgument", "OriginGroup Id"},
		{"a group of one", func(c *config) { group(c).Members.Items[1].OriginId = "bucket" }, "InvalidArgument", "Members"},
		{"a member that is none", func(c *config) { group(c).Members.Items[1].OriginId = "none" }, "NoSuchOrigin", `"none"`},
		{"no status", func(c *config) { group(c).FailoverCriteria.StatusCodes.Items = nil }, "InvalidArgument", "StatusCodes"},
		{"a status twice", func(c *config) { group(c).FailoverCriteria.StatusCodes.Items = []int{500, 500} }, "InvalidArgument", "StatusCodes"},
		{"a status that is none", func(c *config) { group(c).FailoverCriteria.StatusCodes.Items = []int{418} }, "InvalidArgument", "418"},
		{"posting to a group", func(c *config) {
			behavior(c).TargetOriginId, behavior(c).AllowedMethods = "group", methods("GET HEAD OPTIONS PUT PATCH POST DELETE")
		}, "InvalidArgument", "AllowedMethods"},
	}
}

func behaviorRefusals() []refusal {
	return []refusal{
		{"no origin of that id", func(c *config) { behavior(c).TargetOriginId = "none" }, "NoSuchOrigin", `"none"`},
		{"no default origin of that id", func(c *config) { byDefault(c).TargetOriginId = "none" }, "NoSuchOrigin", "the default cache behavior"},
		{"no pattern", func(c *config) { behavior(c).PathPattern = "" }, "InvalidArgument", "PathPattern"},
		{"a long pattern", func(c *config) { behavior(c).PathPattern = strings.Repeat("a", 256) }, "InvalidArgument", "PathPattern"},
		{"a pattern with a bracket", func(c *config) { behavior(c).PathPattern = "/[ab]" }, "InvalidArgument", `'['`},
		{"a pattern with an umlaut", func(c *config) { behavior(c).PathPattern = "/ä" }, "InvalidArgument", "PathPattern"},
		{"a pattern twice", func(c *config) {
			c.CacheBehaviors.Items = append(c.CacheBehaviors.Items, *behavior(c))
			c.CacheBehaviors.Items[1].PathPattern = "api/*"
		}, "InvalidArgument", `"api/*"`},
		{"POST alone", func(c *config) { behavior(c).AllowedMethods = methods("GET HEAD POST") }, "InvalidArgument", "AllowedMethods"},
		{"GET alone", func(c *config) { behavior(c).AllowedMethods = methods("GET") }, "InvalidArgument", "AllowedMethods"},
		{"POST cached", func(c *config) {
			behavior(c).AllowedMethods = methods("GET HEAD OPTIONS PUT PATCH POST DELETE/GET HEAD POST")
		}, "InvalidArgument", "CachedMethods"},
		{"OPTIONS cached and not allowed", func(c *config) { behavior(c).AllowedMethods = methods("GET HEAD/GET HEAD OPTIONS") }, "InvalidArgument", "CachedMethods"},
		{"gRPC without POST", func(c *config) { behavior(c).GrpcConfig = &cloudfront.GrpcConfig{Enabled: true} }, "InvalidArgument", "GrpcConfig"},
		{"a policy and forwarded values", func(c *config) { behavior(c).CachePolicyId = new("p") }, "InvalidArgument", "ForwardedValues cannot be used when a cache policy is associated"},
		{"a policy and a TTL", func(c *config) { byDefault(c).MaxTTL = new(int64(5)) }, "InvalidArgument", "MaxTTL cannot be used when a cache policy is associated"},
		{"neither policy nor forwarded values", func(c *config) { byDefault(c).CachePolicyId = nil }, "InvalidArgument", "ForwardedValues"},
		{"an origin request policy alone", func(c *config) { behavior(c).OriginRequestPolicyId = new("p") }, "InvalidArgument", "OriginRequestPolicyId"},
		{"MinTTL above DefaultTTL", func(c *config) { behavior(c).MinTTL, behavior(c).DefaultTTL = new(int64(2)), new(int64(1)) }, "InvalidTTLOrder", "MinTTL (2)"},
		{"DefaultTTL above MaxTTL", func(c *config) { behavior(c).DefaultTTL, behavior(c).MaxTTL = new(int64(2)), new(int64(1)) }, "InvalidTTLOrder", "MaxTTL (1)"},
		{"MinTTL above MaxTTL", func(c *config) { behavior(c).MinTTL, behavior(c).MaxTTL = new(int64(2)), new(int64(1)) }, "InvalidTTLOrder", "MaxTTL (1)"},
		{"a TTL below 0", func(c *config) { behavior(c).MinTTL = new(int64(-1)) }, "InvalidArgument", "MinTTL"},
		{"cookies without whitelist", func(c *config) { behavior(c).ForwardedValues.Cookies.Forward = "whitelist" }, "InvalidForwardCookies", "WhitelistedNames"},
		{"a whitelist of no use", func(c *config) {
			behavior(c).ForwardedValues.Cookies.WhitelistedNames = &cloudfront.CookieNames{Items: []string{"a"}}
		}, "InvalidForwardCookies", "WhitelistedNames"},
		{"query keys of no query", func(c *config) {
			behavior(c).ForwardedValues.QueryStringCacheKeys = &cloudfront.QueryStringCacheKeys{Items: []string{"a"}}
		}, "InvalidQueryStringParameters", "QueryStringCacheKeys"},
		{"all headers and one", func(c *config) {
			behavior(c).ForwardedValues.Headers = &cloudfront.Headers{Items: []string{"*", "Accept"}}
		}, "InvalidArgument", "Headers"},
		{"a header twice in other case", func(c *config) {
			behavior(c).ForwardedValues.Headers = &cloudfront.Headers{Items: []string{"accept", "Accept"}}
		}, "InvalidArgument", "Headers"},
		{"Host to a bucket", func(c *config) {
			behavior(c).TargetOriginId, behavior(c).ForwardedValues.Headers = "bucket", &cloudfront.Headers{Items: []string{"Host"}}
		}, "InvalidHeadersForS3Origin", "host"},
	}
}

func associationRefusals() []refusal {
	return []refusal{
		{"signers of none", func(c *config) { byDefault(c).TrustedSigners = &cloudfront.TrustedSigners{Enabled: true} }, "InvalidArgument", "TrustedSigners"},
		{"a signer that is none", func(c *config) {
			byDefault(c).TrustedSigners = &cloudfront.TrustedSigners{Enabled: true, Items: []string{"self", "me"}}
		}, "TrustedSignerDoesNotExist", `"me"`},
		{"6 signers", func(c *config) {
			byDefault(c).TrustedSigners = &cloudfront.TrustedSigners{Enabled: true, Items: slices.Repeat([]string{"self"}, 6)}
		}, "TooManyTrustedSigners", "5"},
		{"5 key groups", func(c *config) {
			byDefault(c).TrustedKeyGroups = &cloudfront.TrustedKeyGroups{Enabled: true, Items: slices.Repeat([]string{"g"}, 5)}
		}, "TooManyKeyGroupsAssociatedToDistribution", "4"},
		{"key groups that are not enabled", func(c *config) {
			byDefault(c).TrustedKeyGroups = &cloudfront.TrustedKeyGroups{Items: []string{"g"}}
		}, "InvalidArgument", "TrustedKeyGroups"},
		{"a function for the origin", func(c *config) {
			byDefault(c).FunctionAssociations = functions(function("origin-request", functionARN))
		}, "InvalidFunctionAssociation", "origin-request"},
		{"two functions for an event", func(c *config) {
			byDefault(c).FunctionAssociations = functions(function("viewer-request", functionARN), function("viewer-request", functionARN))
		}, "InvalidFunctionAssociation", "viewer-request"},
		{"three functions", func(c *config) {
			byDefault(c).FunctionAssociations = functions(function("viewer-request", functionARN), function("viewer-response", functionARN), function("viewer-request", functionARN))
		}, "TooManyFunctionAssociations", "2"},
		{"a function that is none", func(c *config) {
			byDefault(c).FunctionAssociations = functions(function("viewer-request", lambdaARN))
		}, "InvalidFunctionAssociation", "FunctionARN"},
		{"five Lambdas", func(c *config) {
			byDefault(c).LambdaFunctionAssociations = lambda(slices.Repeat([]cloudfront.EventType{"origin-request"}, 5)...)
		}, "TooManyLambdaFunctionAssociations", "4"},
		{"two Lambdas for an event", func(c *config) {
			byDefault(c).LambdaFunctionAssociations = lambda("origin-request", "origin-request")
		}, "InvalidLambdaFunctionAssociation", "origin-request"},
		{"a Lambda without version", func(c *config) {
			byDefault(c).LambdaFunctionAssociations = lambda("origin-request")
			byDefault(c).LambdaFunctionAssociations.Items[0].LambdaFunctionARN = strings.TrimSuffix(lambdaARN, "7") + "$LATEST"
		}, "InvalidLambdaFunctionAssociation", "LambdaFunctionARN"},
		{"a Lambda elsewhere", func(c *config) {
			byDefault(c).LambdaFunctionAssociations = lambda("origin-request")
			byDefault(c).LambdaFunctionAssociations.Items[0].LambdaFunctionARN = strings.Replace(lambdaARN, "us-east-1", "eu-west-1", 1)
		}, "InvalidLambdaFunctionAssociation", "us-east-1"},
		{"the body of a response", func(c *config) {
			byDefault(c).LambdaFunctionAssociations = lambda("origin-response")
			byDefault(c).LambdaFunctionAssociations.Items[0].IncludeBody = new(true)
		}, "InvalidLambdaFunctionAssociation", "IncludeBody"},
		{"Lambda and function on the viewer's events", func(c *config) {
			byDefault(c).FunctionAssociations = functions(function("viewer-request", functionARN))
			byDefault(c).LambdaFunctionAssociations = lambda("viewer-response")
		}, "InvalidLambdaFunctionAssociation", "viewer"},
		{"encryption without POST", func(c *config) { byDefault(c).FieldLevelEncryptionId = new("C1") },
			"IllegalFieldLevelEncryptionConfigAssociationWithCacheBehavior", "FieldLevelEncryptionId"},
	}
}

func viewingRefusals() []refusal {
	return []refusal{
		{"a root with a slash", func(c *config) { c.DefaultRootObject = new("/index.html") }, "InvalidDefaultRootObject", "DefaultRootObject"},
		{"a root with a question mark", func(c *config) { c.DefaultRootObject = new("a?b") }, "InvalidDefaultRootObject", "DefaultRootObject"},
		{"a long root", func(c *config) { c.DefaultRootObject = new(strings.Repeat("a", 256)) }, "InvalidDefaultRootObject", "255"},
		{"an error that is none", func(c *config) {
			c.CustomErrorResponses = errorResponse(cloudfront.CustomErrorResponse{ErrorCode: 401})
		}, "InvalidErrorCode", "401"},
		{"an error twice", func(c *config) {
			c.CustomErrorResponses = &cloudfront.CustomErrorResponses{Items: []cloudfront.CustomErrorResponse{{ErrorCode: 404}, {ErrorCode: 404}}}
		}, "InvalidArgument", "404"},
		{"a page without status", func(c *config) {
			c.CustomErrorResponses = errorResponse(cloudfront.CustomErrorResponse{ErrorCode: 404, ResponsePagePath: new("/404.html")})
		}, "InvalidResponseCode", "ResponseCode"},
		{"a status without page", func(c *config) {
			c.CustomErrorResponses = errorResponse(cloudfront.CustomErrorResponse{ErrorCode: 404, ResponseCode: new("200")})
		}, "InvalidResponseCode", "ResponsePagePath"},
		{"a status that is none", func(c *config) {
			c.CustomErrorResponses = errorResponse(cloudfront.CustomErrorResponse{ErrorCode: 404, ResponsePagePath: new("/a"), ResponseCode: new("201")})
		}, "InvalidResponseCode", `"201"`},
		{"a page without slash", func(c *config) {
			c.CustomErrorResponses = errorResponse(cloudfront.CustomErrorResponse{ErrorCode: 404, ResponsePagePath: new("a"), ResponseCode: new("200")})
		}, "InvalidRelativePath", "ResponsePagePath"},
		{"an error's TTL below 0", func(c *config) {
			c.CustomErrorResponses = errorResponse(cloudfront.CustomErrorResponse{ErrorCode: 404, ErrorCachingMinTTL: new(int64(-1))})
		}, "InvalidArgument", "ErrorCachingMinTTL"},
		{"logs to nowhere", func(c *config) { c.Logging = &cloudfront.LoggingConfig{Enabled: new(true), Bucket: new("logs")} }, "InvalidArgument", "Logging Bucket"},
		{"a log prefix with a slash", func(c *config) {
			c.Logging = &cloudfront.LoggingConfig{Enabled: new(true), Bucket: new("logs.s3.amazonaws.com"), Prefix: new("/a")}
		}, "InvalidArgument", "Logging Prefix"},
		{"places without restriction", func(c *config) { c.Restrictions = geoRestriction("none", "DE") }, "InvalidGeoRestrictionParameter", "RestrictionType"},
		{"a restriction without places", func(c *config) { c.Restrictions = geoRestriction("blacklist") }, "InvalidGeoRestrictionParameter", "Location"},
		{"a place that is none", func(c *config) { c.Restrictions = geoRestriction("whitelist", "DE", "ZZ") }, "InvalidLocationCode", `"ZZ"`},
		{"a place in small letters", func(c *config) { c.Restrictions = geoRestriction("whitelist", "de") }, "InvalidLocationCode", `"de"`},
		{"a place twice", func(c *config) { c.Restrictions = geoRestriction("whitelist", "DE", "DE") }, "InvalidGeoRestrictionParameter", "DE"},
		{"a web ACL that is none", func(c *config) { c.WebACLId = new("acl") }, "InvalidWebACLId", "WebACLId"},
		{"a regional web ACL", func(c *config) { c.WebACLId = new(strings.Replace(webACL, "global", "regional", 1)) }, "InvalidWebACLId", "WebACLId"},
		{"two certificates", func(c *config) {
			c.ViewerCertificate = &cloudfront.ViewerCertificate{CloudFrontDefaultCertificate: new(true), ACMCertificateArn: new(certificate)}
		}, "InvalidViewerCertificate", "CloudFrontDefaultCertificate"},
		{"a certificate of ACM's and one of IAM's", func(c *config) {
			c.ViewerCertificate = &cloudfront.ViewerCertificate{IAMCertificateId: new("A"), ACMCertificateArn: new(certificate), SSLSupportMethod: "sni-only"}
		}, "InvalidViewerCertificate", "IAMCertificateId"},
		{"no certificate", func(c *config) {
			c.ViewerCertificate = &cloudfront.ViewerCertificate{CloudFrontDefaultCertificate: new(false)}
		}, "InvalidViewerCertificate", "ACMCertificateArn"},
		{"a certificate elsewhere", func(c *config) {
			c.ViewerCertificate = &cloudfront.ViewerCertificate{ACMCertificateArn: new(strings.Replace(certificate, "us-east-1", "eu-west-1", 1)), SSLSupportMethod: "sni-only"}
		}, "InvalidViewerCertificate", "us-east-1"},
		{"a certificate and no method", func(c *config) {
			c.ViewerCertificate = &cloudfront.ViewerCertificate{ACMCertificateArn: new(certificate)}
		}, "InvalidViewerCertificate", "SSLSupportMethod"},
		{"SSL 3 with SNI", func(c *config) {
			c.ViewerCertificate = &cloudfront.ViewerCertificate{ACMCertificateArn: new(certificate), SSLSupportMethod: "sni-only", MinimumProtocolVersion: "SSLv3"}
		}, "InvalidProtocolSettings", "MinimumProtocolVersion"},
		{"an alias of a staging distribution", func(c *config) {
			c.Staging, c.Aliases = new(true), &cloudfront.Aliases{Items: []string{"www.example.com"}}
		}, "InvalidArgument", "Aliases"},
		{"HTTP/3 under a continuous deployment policy", func(c *config) { c.HttpVersion, c.ContinuousDeploymentPolicyId = "http2and3", new("p") }, "InvalidArgument", "HttpVersion"},
		{"a policy of a staging distribution", func(c *config) { c.Staging, c.ContinuousDeploymentPolicyId = new(true), new("p") }, "InvalidArgument", "ContinuousDeploymentPolicyId"},
	}
}

// TestRefusals holds every refusal to its code, which the API model has, and to a
// sentence that names the element.
func TestRefusals(t *testing.T) {
	if err := distconfig.Check(base()); err != nil {
		t.Fatalf("what the cases start from is refused: %v", err)
	}
	var create []cloudfront.Code
	for _, op := range cloudfront.Operations() {
		if op.Name == "CreateDistribution" {
			create = op.Errors
		}
	}
	for _, cases := range [][]refusal{originRefusals(), headerRefusals(), groupRefusals(), behaviorRefusals(), associationRefusals(), viewingRefusals()} {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				cfg := base()
				c.alter(cfg)
				err := distconfig.Check(cfg)
				var e *cloudfront.Error
				if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Message, c.names) {
					t.Fatalf("%v, want %s with %q", err, c.code, c.names)
				}
				if !slices.Contains(create, e.Code) {
					t.Errorf("CreateDistribution has no error %s", e.Code)
				}
			})
		}
	}
}

// TestAccepted holds the limits from their other side, and what people's
// configurations have.
func TestAccepted(t *testing.T) {
	for _, c := range []struct {
		name  string
		alter func(*config)
	}{
		{"an address for a name", func(c *config) { server(c).DomainName = "2001:db8::1" }},
		{"older names of buckets", func(c *config) { bucket(c).DomainName = "demo.s3-eu-west-1.amazonaws.com" }},
		{"a bucket with dots, without region", func(c *config) { bucket(c).DomainName = "a.b.s3.amazonaws.com" }},
		{"a bucket by dual stack", func(c *config) { bucket(c).DomainName = "demo.s3.dualstack.eu-west-1.amazonaws.com" }},
		{"a bucket in China", func(c *config) { bucket(c).DomainName = "demo.s3.cn-north-1.amazonaws.com.cn" }},
		{"an access point", func(c *config) { bucket(c).DomainName = "ap-123456789012.s3-accesspoint.us-east-1.amazonaws.com" }},
		{"a website", func(c *config) { server(c).DomainName = "demo.s3-website-us-east-1.amazonaws.com" }},
		{"port 8443", func(c *config) { server(c).CustomOriginConfig.HTTPSPort = 8443 }},
		{"the longest time-outs", func(c *config) {
			server(c).ConnectionTimeout, server(c).CustomOriginConfig.OriginReadTimeout, server(c).CustomOriginConfig.OriginKeepaliveTimeout = new(10), new(120), new(120)
			server(c).ResponseCompletionTimeout = new(120)
		}},
		{"as many headers as may be", func(c *config) { addHeaders(c, headers(30, 330)...) }},
		{"a behavior for a group", func(c *config) { behavior(c).TargetOriginId = "group" }},
		{"every character of a pattern", func(c *config) { behavior(c).PathPattern = `/aZ0_-.*$/~"'@:+&?` }},
		{"all methods", func(c *config) {
			behavior(c).AllowedMethods = methods("DELETE HEAD POST GET OPTIONS PUT PATCH/HEAD OPTIONS GET")
		}},
		{"TTLs that are equal", func(c *config) {
			behavior(c).MinTTL, behavior(c).DefaultTTL, behavior(c).MaxTTL = new(int64(0)), new(int64(0)), new(int64(0))
		}},
		{"a MinTTL above a day", func(c *config) { behavior(c).MinTTL = new(int64(100000)) }},
		{"a policy and TTLs of 0", func(c *config) { byDefault(c).MinTTL, byDefault(c).MaxTTL = new(int64(0)), new(int64(0)) }},
		{"all headers", func(c *config) { behavior(c).ForwardedValues.Headers = &cloudfront.Headers{Items: []string{"*"}} }},
		{"a function on each event", func(c *config) {
			byDefault(c).FunctionAssociations = functions(function("viewer-request", functionARN), function("viewer-response", functionARN))
			byDefault(c).LambdaFunctionAssociations = lambda("origin-request", "origin-response")
		}},
		{"Lambdas", func(c *config) {
			byDefault(c).LambdaFunctionAssociations = lambda("viewer-request", "viewer-response", "origin-request", "origin-response")
			byDefault(c).LambdaFunctionAssociations.Items[0].IncludeBody = new(true)
		}},
		{"signers", func(c *config) {
			byDefault(c).TrustedSigners = &cloudfront.TrustedSigners{Enabled: true, Items: []string{"self", "123456789012"}}
		}},
		{"an error's TTL alone", func(c *config) {
			c.CustomErrorResponses = errorResponse(cloudfront.CustomErrorResponse{ErrorCode: 503, ErrorCachingMinTTL: new(int64(0)), ResponseCode: new(""), ResponsePagePath: new("")})
		}},
		{"an error's page", func(c *config) {
			c.CustomErrorResponses = errorResponse(cloudfront.CustomErrorResponse{ErrorCode: 403, ResponsePagePath: new("/index.html"), ResponseCode: new("200")})
		}},
		{"logs", func(c *config) {
			c.Logging = &cloudfront.LoggingConfig{Enabled: new(true), Bucket: new("logs.s3.amazonaws.com"), Prefix: new("a/")}
		}},
		{"no logs to no bucket", func(c *config) { c.Logging = &cloudfront.LoggingConfig{Enabled: new(false), Bucket: new("")} }},
		{"a web ACL", func(c *config) { c.WebACLId = new(webACL) }},
		{"a classic web ACL", func(c *config) { c.WebACLId = new("473e64fd-f30b-4765-81a0-62ad96dd167a") }},
		{"a certificate", func(c *config) {
			c.ViewerCertificate = &cloudfront.ViewerCertificate{ACMCertificateArn: new(certificate), SSLSupportMethod: "sni-only", MinimumProtocolVersion: "TLSv1.2_2021"}
		}},
		{"an alias without a certificate (difference 207)", func(c *config) { c.Aliases = &cloudfront.Aliases{Items: []string{"www.example.com"}} }},
		{"staging", func(c *config) { c.Staging, c.ContinuousDeploymentPolicyId = new(true), new("") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := base()
			c.alter(cfg)
			if err := distconfig.Check(cfg); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCountries holds the codes to those of the geo database.
func TestCountries(t *testing.T) {
	catalogue, err := geo.LoadCatalogue("")
	if err != nil {
		t.Fatal(err)
	}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			_, known := catalogue.Country(code)
			cfg := base()
			cfg.Restrictions = geoRestriction("whitelist", code)
			if err := distconfig.Check(cfg); (err == nil) != known {
				t.Errorf("%s: %v, known %v", code, err, known)
			}
		}
	}
}

func TestReferences(t *testing.T) {
	cfg := base()
	bucket(cfg).OriginAccessControlId = new("EOAC")
	bucket(cfg).S3OriginConfig.OriginAccessIdentity = "origin-access-identity/cloudfront/EOAI"
	behavior(cfg).ResponseHeadersPolicyId, behavior(cfg).RealtimeLogConfigArn = new("rhp"), new("arn:aws:cloudfront::123456789012:realtime-log-config/logs")
	behavior(cfg).TrustedKeyGroups = &cloudfront.TrustedKeyGroups{Enabled: true, Items: []string{"g1", "g2"}}
	byDefault(cfg).OriginRequestPolicyId, byDefault(cfg).FieldLevelEncryptionId = new("orp"), new("")
	byDefault(cfg).FunctionAssociations = functions(function("viewer-request", functionARN))
	cfg.WebACLId, cfg.ContinuousDeploymentPolicyId = new(webACL), new("cdp")
	var got []string
	for _, r := range distconfig.References(cfg) {
		got = append(got, fmt.Sprintf("%s=%s", r.Kind, r.ID))
	}
	want := []string{
		"origin access control=EOAC", "origin access identity=EOAI", "response headers policy=rhp",
		"real-time log configuration=arn:aws:cloudfront::123456789012:realtime-log-config/logs", "key group=g1", "key group=g2",
		"cache policy=658327ea-f89d-4fab-a63d-7e88639e58f6", "origin request policy=orp", "function=rewrite",
		"web ACL=" + webACL, "continuous deployment policy=cdp",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	err := distconfig.References(cfg)[4].NotFound()
	if want := `TrustedKeyGroupDoesNotExist: The specified key group does not exist: KeyGroup "g1" of the cache behavior "/api/*".`; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
