package cloudfront

import (
	"bytes"
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
)

func decodeConfig(t *testing.T, body string) DistributionConfig {
	t.Helper()
	var c DistributionConfig
	if err := Decode([]byte(body), Version, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFillDefaults shows what CloudFront shows of the least configuration.
func TestFillDefaults(t *testing.T) {
	received := decodeConfig(t, minimal)
	shown := decodeConfig(t, minimal)
	shown.FillDefaults()
	got := shown
	want := received
	want.Aliases, want.OriginGroups = &Aliases{}, &OriginGroups{}
	want.CacheBehaviors, want.CustomErrorResponses = &CacheBehaviors{}, &CustomErrorResponses{}
	want.DefaultRootObject, want.WebACLId, want.ContinuousDeploymentPolicyId = new(""), new(""), new("")
	want.IsIPV6Enabled, want.Staging = new(true), new(false)
	want.Logging = &LoggingConfig{new(false), new(false), new(""), new("")}
	want.PriceClass, want.HttpVersion = "PriceClass_All", "http2"
	want.ViewerCertificate = &ViewerCertificate{CloudFrontDefaultCertificate: new(true), SSLSupportMethod: "vip", MinimumProtocolVersion: "TLSv1", CertificateSource: "cloudfront"}
	want.Restrictions = &Restrictions{GeoRestriction{RestrictionType: "none"}}
	want.Origins = Origins{1, []Origin{{
		Id: "o", DomainName: "demo.s3.us-east-1.amazonaws.com", OriginPath: new(""), CustomHeaders: &CustomHeaders{},
		S3OriginConfig: &S3OriginConfig{OriginReadTimeout: new(30)}, ConnectionAttempts: new(3), ConnectionTimeout: new(10),
		OriginShield: &OriginShield{}, OriginAccessControlId: new(""),
	}}}
	want.DefaultCacheBehavior = DefaultCacheBehavior{
		TargetOriginId: "o", ViewerProtocolPolicy: "redirect-to-https", CachePolicyId: new("658327ea-f89d-4fab-a63d-7e88639e58f6"),
		TrustedSigners: &TrustedSigners{}, TrustedKeyGroups: &TrustedKeyGroups{},
		AllowedMethods:  &AllowedMethods{2, []Method{"HEAD", "GET"}, &CachedMethods{2, []Method{"HEAD", "GET"}}},
		SmoothStreaming: new(false), Compress: new(false), FieldLevelEncryptionId: new(""), GrpcConfig: &GrpcConfig{},
		LambdaFunctionAssociations: &LambdaFunctionAssociations{}, FunctionAssociations: &FunctionAssociations{},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", Marshal(Version, got), Marshal(Version, want))
	}
	if err := Decode(Marshal(Version, got), Version, new(DistributionConfig)); err != nil {
		t.Errorf("what is shown cannot be sent back: %v", err)
	}
	before := Marshal(Version, got)
	if got.FillDefaults(); !bytes.Equal(before, Marshal(Version, got)) {
		t.Error("filled twice, it differs")
	}
}

// TestFillDefaultsKeeps: whatever is given stays, with every member set.
func TestFillDefaultsKeeps(t *testing.T) {
	var d Distribution
	fillAll(reflect.ValueOf(&d).Elem())
	before := Marshal(Version, d)
	if d.FillDefaults(); !bytes.Equal(before, Marshal(Version, d)) {
		t.Errorf("it was\n%s\nand is\n%s", before, Marshal(Version, d))
	}
}

func TestFillDefaultsWithin(t *testing.T) {
	c := decodeConfig(t, strings.NewReplacer(
		"<CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId>",
		"<ForwardedValues><QueryString>false</QueryString><Cookies><Forward>none</Forward></Cookies></ForwardedValues><MinTTL>100000</MinTTL>",
		"<S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity></S3OriginConfig>",
		"<CustomOriginConfig><HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy><OriginReadTimeout>7</OriginReadTimeout></CustomOriginConfig>",
		"<Enabled>true",
		"<Logging><Enabled>true</Enabled></Logging>"+
			"<ViewerCertificate><ACMCertificateArn>arn:c</ACMCertificateArn><SSLSupportMethod>sni-only</SSLSupportMethod></ViewerCertificate>"+
			"<CustomErrorResponses><Quantity>1</Quantity><Items><CustomErrorResponse><ErrorCode>404</ErrorCode></CustomErrorResponse></Items></CustomErrorResponses>"+
			"<CacheBehaviors><Quantity>1</Quantity><Items><CacheBehavior><PathPattern>*.jpg</PathPattern><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>"+
			"<AllowedMethods><Quantity>1</Quantity><Items><Method>GET</Method></Items></AllowedMethods></CacheBehavior></Items></CacheBehaviors><Enabled>true",
	).Replace(minimal))
	c.FillDefaults()
	b := c.DefaultCacheBehavior
	if Or(b.MinTTL, 0) != 100000 || Or(b.DefaultTTL, 0) != 100000 || Or(b.MaxTTL, 0) != 31536000 || b.ForwardedValues.Headers == nil || b.ForwardedValues.QueryStringCacheKeys == nil {
		t.Errorf("a behavior without a policy is %s", Marshal(Version, b))
	}
	o := c.Origins.Items[0]
	if o.S3OriginConfig != nil || *o.CustomOriginConfig.OriginReadTimeout != 7 || *o.CustomOriginConfig.OriginKeepaliveTimeout != 5 || o.CustomOriginConfig.OriginSslProtocols.Quantity != 2 {
		t.Errorf("a custom origin is %s", Marshal(Version, o))
	}
	if !*c.Logging.Enabled || *c.Logging.IncludeCookies || *c.Logging.Bucket != "" {
		t.Errorf("logging is %s", Marshal(Version, c.Logging))
	}
	v := c.ViewerCertificate
	if *v.CloudFrontDefaultCertificate || v.SSLSupportMethod != "sni-only" || *v.Certificate != "arn:c" || v.CertificateSource != "acm" {
		t.Errorf("the certificate is %s", Marshal(Version, v))
	}
	if e := c.CustomErrorResponses.Items[0]; *e.ErrorCachingMinTTL != 10 || *e.ResponseCode != "" {
		t.Errorf("an error response is %s", Marshal(Version, e))
	}
	p := c.CacheBehaviors.Items[0]
	if p.PathPattern != "*.jpg" || len(p.AllowedMethods.Items) != 1 || len(p.AllowedMethods.CachedMethods.Items) != 2 || p.MinTTL != nil || *p.Compress {
		t.Errorf("a behavior is %s", Marshal(Version, p))
	}

	policy := CachePolicyConfig{Name: "p", MinTTL: 40000000}
	if policy.FillDefaults(); *policy.DefaultTTL != 40000000 || *policy.MaxTTL != 40000000 || *policy.Comment != "" {
		t.Errorf("a cache policy is %s", Marshal(Version, policy))
	}
}

// TestTerraformsMembers reads a distribution as the Go SDK gives it to
// Terraform's provider, which does not ask whether these are nil.
func TestTerraformsMembers(t *testing.T) {
	kept := Marshal(Version, decodeConfig(t, strings.Replace(minimal, "<Enabled>", "<Aliases><Quantity>1</Quantity><Items><CNAME>a.example</CNAME></Items></Aliases><Enabled>", 1)))
	d := Distribution{Id: "E1", ARN: "arn:aws:cloudfront::123456789012:distribution/E1", Status: "InProgress", DomainName: "d1.warmfront.test", LastModifiedTime: time.Unix(1700000000, 0)}
	if err := Unmarshal(kept, &d.DistributionConfig); err != nil {
		t.Fatal(err)
	}
	d.FillDefaults()
	client := sdkClient(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/distribution") {
			return answer(200, http.Header{}, Marshal(Version, DistributionList{MaxItems: 100, Items: []DistributionSummary{d.Summary()}}))
		}
		return answer(200, http.Header{"Etag": {"E2"}}, Marshal(Version, d))
	})
	out, err := client.GetDistribution(context.Background(), &sdk.GetDistributionInput{Id: aws.String("E1")})
	if err != nil {
		t.Fatal(err)
	}
	got := out.Distribution
	c := got.DistributionConfig
	if *out.ETag != "E2" || *got.ActiveTrustedSigners.Quantity != 0 || *got.ActiveTrustedSigners.Enabled || *got.ActiveTrustedKeyGroups.Quantity != 0 ||
		!got.LastModifiedTime.Equal(d.LastModifiedTime) || *c.Origins.Quantity != 1 || *c.OriginGroups.Quantity != 0 ||
		!*c.ViewerCertificate.CloudFrontDefaultCertificate || *c.DefaultCacheBehavior.TargetOriginId != "o" || c.Aliases.Items[0] != "a.example" ||
		got.AliasICPRecordals[0].ICPRecordalStatus != "APPROVED" {
		t.Errorf("the SDK reads %+v with %+v", got, c)
	}
	list, err := client.ListDistributions(context.Background(), &sdk.ListDistributionsInput{})
	if err != nil || *list.DistributionList.Quantity != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	s := list.DistributionList.Items[0]
	if *s.Id != "E1" || *s.Origins.Quantity != 1 || s.PriceClass != "PriceClass_All" || !*s.IsIPV6Enabled || s.HttpVersion != "http2" || *s.WebACLId != "" {
		t.Errorf("the SDK reads in the list %+v", s)
	}
}
