package api_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// An RSA key that is too short, an EC key on another curve, and what is no public key.
const (
	shortKey = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCy/xzzuEkV9ci2qK+IhTm7FZ8l\nZZQGekwyEGcbWCzlNnV6uoWQGpx4GCJq19NNhIJ/oLnRzI0rNt40l6NUtgUPyyYU\nRYVuJLNjP3bmfr5XXgLMGA80WVW4NTqX4QRnJ5ctGHM/1sO68qv+xCO3xHJOAcfA\n5V7B8M6LlOcmfOdYSQIDAQAB\n-----END PUBLIC KEY-----\n"
	curveKey = "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEcmDDTTalXcM2abLmzOnghmchPtrI7hEO\n6CcKv/SqxjQG8n59n43AuQNI7Dm8LMpGSn3IddA4WGZh//x+STgHBEGwUX4vz+Yk\nRH/5I7O6Oa8pkSelgeilhDQF+TR+E5Av\n-----END PUBLIC KEY-----\n"
	noKey    = "-----BEGIN PRIVATE KEY-----\nMFkw\n-----END PRIVATE KEY-----\n"
)

func TestResourcesRefused(t *testing.T) {
	f := newFixture(t)
	kinds := map[string]resourceKind{}
	for _, k := range resourceKinds() {
		k.complete()
		kinds[k.noun] = k
	}
	key := f.publicKey()
	f.encryptionKey()
	must(f.call("CreateCloudFrontOriginAccessIdentity", map[string]any{"CloudFrontOriginAccessIdentityConfig": kinds["CloudFrontOriginAccessIdentity"].make(f, 1)}))(t)
	before := f.journal.changes
	staging := kinds["ContinuousDeploymentPolicy"].make(f, 1).(*types.ContinuousDeploymentPolicyConfig).StagingDistributionDnsNames
	live := f.create("not staging").Distribution.DomainName
	before += 2
	for _, c := range []struct {
		name, noun string
		alter      func(cfg any)
		code       cloudfront.Code
	}{
		{"the reference of another identity", "CloudFrontOriginAccessIdentity", func(c any) { c.(*types.CloudFrontOriginAccessIdentityConfig).Comment = aws.String("other") }, cloudfront.CodeCloudFrontOriginAccessIdentityAlreadyExists},
		{"an identity without a reference", "CloudFrontOriginAccessIdentity", func(c any) { c.(*types.CloudFrontOriginAccessIdentityConfig).CallerReference = aws.String("") }, cloudfront.CodeInvalidArgument},
		{"a short key", "PublicKey", func(c any) { c.(*types.PublicKeyConfig).EncodedKey = aws.String(shortKey) }, cloudfront.CodeInvalidArgument},
		{"a key on another curve", "PublicKey", func(c any) { c.(*types.PublicKeyConfig).EncodedKey = aws.String(curveKey) }, cloudfront.CodeInvalidArgument},
		{"no public key", "PublicKey", func(c any) { c.(*types.PublicKeyConfig).EncodedKey = aws.String(noKey) }, cloudfront.CodeInvalidArgument},
		{"no PEM", "PublicKey", func(c any) { c.(*types.PublicKeyConfig).EncodedKey = aws.String("ssh-rsa AAAA") }, cloudfront.CodeInvalidArgument},
		{"the name of another key", "PublicKey", func(c any) { c.(*types.PublicKeyConfig).Name = aws.String("signer") }, cloudfront.CodePublicKeyAlreadyExists},
		{"the reference of another key", "PublicKey", func(c any) { c.(*types.PublicKeyConfig).CallerReference = aws.String("signer") }, cloudfront.CodePublicKeyAlreadyExists},
		{"a group of no keys", "KeyGroup", func(c any) { c.(*types.KeyGroupConfig).Items = []string{} }, cloudfront.CodeInvalidArgument},
		{"a group of a key that is none", "KeyGroup", func(c any) { c.(*types.KeyGroupConfig).Items = []string{nobody} }, cloudfront.CodeInvalidArgument},
		{"a group of one key twice", "KeyGroup", func(c any) { c.(*types.KeyGroupConfig).Items = []string{key, key} }, cloudfront.CodeInvalidArgument},
		{"a group of six keys", "KeyGroup", func(c any) { c.(*types.KeyGroupConfig).Items = strings.Split("a b c d e f", " ") }, cloudfront.CodeTooManyPublicKeysInKeyGroup},
		{"too much traffic", "ContinuousDeploymentPolicy", func(c any) {
			c.(*types.ContinuousDeploymentPolicyConfig).TrafficConfig.SingleWeightConfig.Weight = aws.Float32(0.2)
		}, cloudfront.CodeInvalidArgument},
		{"stickiness that ends early", "ContinuousDeploymentPolicy", func(c any) {
			c.(*types.ContinuousDeploymentPolicyConfig).TrafficConfig.SingleWeightConfig.SessionStickinessConfig.MaximumTTL = aws.Int32(299)
		}, cloudfront.CodeInvalidArgument},
		{"sessions shorter than five minutes", "ContinuousDeploymentPolicy", func(c any) {
			c.(*types.ContinuousDeploymentPolicyConfig).TrafficConfig.SingleWeightConfig.SessionStickinessConfig.IdleTTL = aws.Int32(299)
		}, cloudfront.CodeInvalidArgument},
		{"sessions longer than an hour", "ContinuousDeploymentPolicy", func(c any) {
			c.(*types.ContinuousDeploymentPolicyConfig).TrafficConfig.SingleWeightConfig.SessionStickinessConfig.MaximumTTL = aws.Int32(3601)
		}, cloudfront.CodeInvalidArgument},
		{"less than nothing of the traffic", "ContinuousDeploymentPolicy", func(c any) {
			c.(*types.ContinuousDeploymentPolicyConfig).TrafficConfig.SingleWeightConfig.Weight = aws.Float32(-0.01)
		}, cloudfront.CodeInvalidArgument},
		{"a header without a value", "ContinuousDeploymentPolicy", func(c any) {
			c.(*types.ContinuousDeploymentPolicyConfig).TrafficConfig = &types.TrafficConfig{Type: "SingleHeader", SingleHeaderConfig: &types.ContinuousDeploymentSingleHeaderConfig{Header: aws.String("aws-cf-cd-x"), Value: aws.String("")}}
		}, cloudfront.CodeInvalidArgument},
		{"no staging distribution", "ContinuousDeploymentPolicy", func(c any) {
			c.(*types.ContinuousDeploymentPolicyConfig).StagingDistributionDnsNames.Items = []string{*live}
		}, cloudfront.CodeInvalidArgument},
		{"two staging distributions", "ContinuousDeploymentPolicy", func(c any) {
			c.(*types.ContinuousDeploymentPolicyConfig).StagingDistributionDnsNames = &types.StagingDistributionDnsNames{Quantity: aws.Int32(2), Items: []string{staging.Items[0], *live}}
		}, cloudfront.CodeInvalidArgument},
		{"a header of another name", "ContinuousDeploymentPolicy", func(c any) {
			c.(*types.ContinuousDeploymentPolicyConfig).TrafficConfig = &types.TrafficConfig{Type: "SingleHeader", SingleHeaderConfig: &types.ContinuousDeploymentSingleHeaderConfig{Header: aws.String("x-staging"), Value: aws.String("1")}}
		}, cloudfront.CodeInvalidArgument},
		{"traffic of two types", "ContinuousDeploymentPolicy", func(c any) {
			c.(*types.ContinuousDeploymentPolicyConfig).TrafficConfig.Type = "SingleHeader"
		}, cloudfront.CodeInvalidArgument},
		{"a profile of a key that is none", "FieldLevelEncryptionProfile", func(c any) {
			c.(*types.FieldLevelEncryptionProfileConfig).EncryptionEntities.Items[0].PublicKeyId = aws.String(nobody)
		}, cloudfront.CodeNoSuchPublicKey},
		{"a profile of a key that only signs", "FieldLevelEncryptionProfile", func(c any) {
			c.(*types.FieldLevelEncryptionProfileConfig).EncryptionEntities.Items[0].PublicKeyId = aws.String(key)
		}, cloudfront.CodeInvalidArgument},
		{"eleven patterns", "FieldLevelEncryptionProfile", func(c any) {
			c.(*types.FieldLevelEncryptionProfileConfig).EncryptionEntities.Items[0].FieldPatterns = &types.FieldPatterns{Quantity: aws.Int32(11), Items: strings.Split("a b c d e f g h i j k", " ")}
		}, cloudfront.CodeTooManyFieldLevelEncryptionFieldPatterns},
		{"a profile that is none", "FieldLevelEncryptionConfig", func(c any) {
			c.(*types.FieldLevelEncryptionConfig).ContentTypeProfileConfig.ContentTypeProfiles.Items[0].ProfileId = aws.String(nobody)
		}, cloudfront.CodeNoSuchFieldLevelEncryptionProfile},
		{"an argument without a profile", "FieldLevelEncryptionConfig", func(c any) {
			c.(*types.FieldLevelEncryptionConfig).QueryArgProfileConfig = &types.QueryArgProfileConfig{ForwardWhenQueryArgProfileIsUnknown: aws.Bool(true), QueryArgProfiles: &types.QueryArgProfiles{Quantity: aws.Int32(1), Items: []types.QueryArgProfile{{QueryArg: aws.String("a"), ProfileId: aws.String("")}}}}
		}, cloudfront.CodeQueryArgProfileEmpty},
		{"an identity that is none", "StreamingDistribution", func(c any) {
			c.(*types.StreamingDistributionConfig).S3Origin.OriginAccessIdentity = aws.String("origin-access-identity/cloudfront/" + nobody)
		}, cloudfront.CodeInvalidOriginAccessIdentity},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := kinds[c.noun]
			var cfg any
			if c.noun == "ContinuousDeploymentPolicy" {
				cfg = &types.ContinuousDeploymentPolicyConfig{Enabled: aws.Bool(true), StagingDistributionDnsNames: &types.StagingDistributionDnsNames{Quantity: aws.Int32(1), Items: []string{staging.Items[0]}},
					TrafficConfig: &types.TrafficConfig{Type: "SingleWeight", SingleWeightConfig: &types.ContinuousDeploymentSingleWeightConfig{Weight: aws.Float32(0.1), SessionStickinessConfig: &types.SessionStickinessConfig{IdleTTL: aws.Int32(300), MaximumTTL: aws.Int32(600)}}}}
			} else {
				cfg = k.make(f, 1)
			}
			c.alter(cfg)
			_, err := f.call("Create"+c.noun, map[string]any{k.config: cfg})
			wantCode(t, err, c.code)
		})
	}
	if f.journal.changes != before {
		t.Errorf("%d changes, want %d", f.journal.changes, before)
	}
}

func TestStreamingDistributionsAreDisabledFirst(t *testing.T) {
	f := newFixture(t)
	k := resourceKinds()[10]
	cfg := k.make(f, 1).(*types.StreamingDistributionConfig)
	cfg.Enabled = aws.Bool(true)
	out := must(f.call("CreateStreamingDistribution", map[string]any{"StreamingDistributionConfig": cfg}))(t)
	id := text(out, "Id")
	if status, domain := text(out, "Status"), text(out, "DomainName"); status != "InProgress" || !strings.HasPrefix(domain, "s") || !strings.HasSuffix(domain, "."+testZone) {
		t.Errorf("%s, %s", status, domain)
	}
	f.journal.settle()
	remove := func(etag string) error {
		_, err := f.call("DeleteStreamingDistribution", map[string]any{"Id": id, "IfMatch": etag})
		return err
	}
	wantCode(t, remove(text(out, "ETag")), cloudfront.CodeStreamingDistributionNotDisabled)
	cfg.Enabled = aws.Bool(false)
	etag := text(must(f.call("UpdateStreamingDistribution", map[string]any{"Id": id, "IfMatch": text(out, "ETag"), "StreamingDistributionConfig": cfg}))(t), "ETag")
	wantCode(t, remove(etag), cloudfront.CodeStreamingDistributionNotDisabled) // not everywhere yet
	f.journal.settle()
	if err := remove(etag); err != nil {
		t.Error(err)
	}
	// An alias of a distribution is nobody else's.
	f.create("web", withAliases("s1.example.test"))
	_, err := f.call("CreateStreamingDistribution", map[string]any{"StreamingDistributionConfig": cfg})
	wantCode(t, err, cloudfront.CodeCNAMEAlreadyExists)
}
