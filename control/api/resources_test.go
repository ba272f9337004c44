package api_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// A key of each kind that CloudFront takes, and nobody has the other half of.
const (
	ecKey  = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n"
	rsaKey = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA6XnnnSQFL0PtPfrN8lDK\nRFxKhadTRK+IeUiS8klWFBEyUNYPV+ickMgmi5W5CaU1v8JveeVTKiXc0vsMGvvJ\nSaJL/f19lEV0yfsteCP3VeTRG4xI1s3VjiscqygorYgv2PRPyEagfGXEWzk5E36d\ndXNtN+DHo/fiuRJrfnf0KJRMyfPpxIG/+P4a6kMKV4cXS7J+3QQDz6Gh39sa5mkN\nJIloNK1kFo00+yMPS5Cefu6Yu4BOUvLdf0gPpqMPQ34f1RCf8YLg2t8J7DCS5nXq\nBeyg9sHtQhRrMoCsRiA+hha+OQEnKWy8shLVuJ4o7GXD4CQgPAguZOzL1fQPSm9P\nJQIDAQAB\n-----END PUBLIC KEY-----\n"
	nobody = "ENOSUCHTHING00"
)

// call does an operation by name. set gives members of its input.
func (f *fixture) call(name string, set map[string]any) (reflect.Value, error) {
	f.t.Helper()
	method := reflect.ValueOf(f.Client).MethodByName(name)
	if !method.IsValid() {
		f.t.Fatalf("the SDK has no operation %s", name)
	}
	input := reflect.New(method.Type().In(1).Elem())
	for member, v := range set {
		to := input.Elem().FieldByName(member)
		if s, is := v.(string); is && to.Kind() == reflect.Pointer {
			v = &s
		}
		to.Set(reflect.ValueOf(v).Convert(to.Type()))
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(f.t.Context()), input})
	err, _ := out[1].Interface().(error)
	return out[0], err
}

// text returns the first string member of that name in an output or in what it holds.
func text(out reflect.Value, name string) string {
	out = reflect.Indirect(out)
	if out.Kind() != reflect.Struct {
		return ""
	}
	if v := reflect.Indirect(out.FieldByName(name)); v.IsValid() && v.Kind() == reflect.String {
		return v.String()
	}
	for i := range out.NumField() {
		if v := out.Field(i); v.Kind() == reflect.Pointer && !v.IsNil() && out.Type().Field(i).IsExported() {
			if s := text(v, name); s != "" {
				return s
			}
		}
	}
	return ""
}

// member returns the member of that name in an output or in what it holds.
func member(out reflect.Value, name string) any {
	out = reflect.Indirect(out)
	if v := out.FieldByName(name); v.IsValid() {
		return v.Interface()
	}
	for i := range out.NumField() {
		if v := out.Field(i); v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Kind() == reflect.Struct && out.Type().Field(i).IsExported() {
			if m := member(v, name); m != nil {
				return m
			}
		}
	}
	return nil
}

// resourceKind is a kind of resource with an ordinary life.
type resourceKind struct {
	noun, plural, get, config string // names of operations and of the configuration's member
	// make returns the n-th configuration; reworded changes one without another
	// identity, reidentified its identity, which is refused with that code.
	make         func(f *fixture, n int) any
	reworded     func(cfg any)
	missing      cloudfront.Code
	exists       cloudfront.Code // what making one twice is answered with; "" where that is no mistake
	reidentified func(cfg any)
	illegal      cloudfront.Code
	quota        int
	tooMany      cloudfront.Code
	location     string
}

func resourceKinds() []resourceKind {
	named := func(n int) *string { return aws.String(fmt.Sprint("name-", n)) }
	return []resourceKind{
		{noun: "CachePolicy", plural: "CachePolicies", make: func(_ *fixture, n int) any {
			return &types.CachePolicyConfig{Name: named(n), Comment: aws.String("c"), MinTTL: aws.Int64(1), DefaultTTL: aws.Int64(2), MaxTTL: aws.Int64(3),
				ParametersInCacheKeyAndForwardedToOrigin: &types.ParametersInCacheKeyAndForwardedToOrigin{EnableAcceptEncodingGzip: aws.Bool(true), EnableAcceptEncodingBrotli: aws.Bool(false),
					HeadersConfig: &types.CachePolicyHeadersConfig{HeaderBehavior: "whitelist", Headers: &types.Headers{Quantity: aws.Int32(1), Items: []string{"X-A"}}},
					CookiesConfig: &types.CachePolicyCookiesConfig{CookieBehavior: "all"}, QueryStringsConfig: &types.CachePolicyQueryStringsConfig{QueryStringBehavior: "none"}}}
		}, reworded: func(c any) { c.(*types.CachePolicyConfig).MinTTL = aws.Int64(2) },
			missing: cloudfront.CodeNoSuchCachePolicy, exists: cloudfront.CodeCachePolicyAlreadyExists, quota: 20, tooMany: cloudfront.CodeTooManyCachePolicies, location: "cache-policy/"},
		{noun: "OriginRequestPolicy", plural: "OriginRequestPolicies", make: func(_ *fixture, n int) any {
			return &types.OriginRequestPolicyConfig{Name: named(n), Comment: aws.String(""), HeadersConfig: &types.OriginRequestPolicyHeadersConfig{HeaderBehavior: "allViewer"},
				CookiesConfig:      &types.OriginRequestPolicyCookiesConfig{CookieBehavior: "allExcept", Cookies: &types.CookieNames{Quantity: aws.Int32(1), Items: []string{"c"}}},
				QueryStringsConfig: &types.OriginRequestPolicyQueryStringsConfig{QueryStringBehavior: "all"}}
		}, reworded: func(c any) { c.(*types.OriginRequestPolicyConfig).Comment = aws.String("other") },
			missing: cloudfront.CodeNoSuchOriginRequestPolicy, exists: cloudfront.CodeOriginRequestPolicyAlreadyExists, quota: 20, tooMany: cloudfront.CodeTooManyOriginRequestPolicies, location: "origin-request-policy/"},
		{noun: "ResponseHeadersPolicy", plural: "ResponseHeadersPolicies", make: func(_ *fixture, n int) any {
			return &types.ResponseHeadersPolicyConfig{Name: named(n), Comment: aws.String(""),
				SecurityHeadersConfig:     &types.ResponseHeadersPolicySecurityHeadersConfig{ContentTypeOptions: &types.ResponseHeadersPolicyContentTypeOptions{Override: aws.Bool(true)}},
				ServerTimingHeadersConfig: &types.ResponseHeadersPolicyServerTimingHeadersConfig{Enabled: aws.Bool(true), SamplingRate: aws.Float64(12.5)}}
		}, reworded: func(c any) { c.(*types.ResponseHeadersPolicyConfig).Comment = aws.String("other") },
			missing: cloudfront.CodeNoSuchResponseHeadersPolicy, exists: cloudfront.CodeResponseHeadersPolicyAlreadyExists, quota: 20, tooMany: cloudfront.CodeTooManyResponseHeadersPolicies, location: "response-headers-policy/"},
		{noun: "OriginAccessControl", make: func(_ *fixture, n int) any { return accessConfig(*named(n)) },
			reworded: func(c any) { c.(*types.OriginAccessControlConfig).SigningBehavior = "never" },
			missing:  cloudfront.CodeNoSuchOriginAccessControl, exists: cloudfront.CodeOriginAccessControlAlreadyExists, quota: 100, tooMany: cloudfront.CodeTooManyOriginAccessControls, location: "origin-access-control/"},
		{noun: "CloudFrontOriginAccessIdentity", plural: "CloudFrontOriginAccessIdentities", make: func(_ *fixture, n int) any {
			return &types.CloudFrontOriginAccessIdentityConfig{CallerReference: named(n), Comment: aws.String("")}
		}, reworded: func(c any) { c.(*types.CloudFrontOriginAccessIdentityConfig).Comment = aws.String("other") },
			reidentified: func(c any) { c.(*types.CloudFrontOriginAccessIdentityConfig).CallerReference = aws.String("other") }, illegal: cloudfront.CodeIllegalUpdate,
			missing: cloudfront.CodeNoSuchCloudFrontOriginAccessIdentity, quota: 100, tooMany: cloudfront.CodeTooManyCloudFrontOriginAccessIdentities, location: "origin-access-identity/cloudfront/"},
		{noun: "PublicKey", make: func(_ *fixture, n int) any {
			return &types.PublicKeyConfig{CallerReference: named(n), Name: named(n), EncodedKey: aws.String(ecKey), Comment: aws.String("c")}
		}, reworded: func(c any) { c.(*types.PublicKeyConfig).Comment = aws.String("other") },
			reidentified: func(c any) { c.(*types.PublicKeyConfig).Name = aws.String("other") }, illegal: cloudfront.CodeCannotChangeImmutablePublicKeyFields,
			missing: cloudfront.CodeNoSuchPublicKey, exists: cloudfront.CodePublicKeyAlreadyExists, quota: 10, tooMany: cloudfront.CodeTooManyPublicKeys, location: "public-key/"},
		{noun: "KeyGroup", make: func(f *fixture, n int) any {
			return &types.KeyGroupConfig{Name: named(n), Comment: aws.String("c"), Items: []string{f.publicKey()}}
		}, reworded: func(c any) { c.(*types.KeyGroupConfig).Comment = aws.String("other") },
			missing: cloudfront.CodeNoSuchResource, exists: cloudfront.CodeKeyGroupAlreadyExists, quota: 10, tooMany: cloudfront.CodeTooManyKeyGroups, location: "key-group/"},
		{noun: "ContinuousDeploymentPolicy", plural: "ContinuousDeploymentPolicies", make: func(f *fixture, n int) any {
			domain := "none.warmfront.test" // of the one too many: an account has no more staging distributions either
			if n < 20 {
				staging := must(f.CreateDistribution(f.t.Context(), &sdk.CreateDistributionInput{DistributionConfig: siteConfig(fmt.Sprint("staging-", n, time.Now().UnixNano()), func(c *types.DistributionConfig) { c.Staging = aws.Bool(true) })}))(f.t)
				domain = *staging.Distribution.DomainName
			}
			return &types.ContinuousDeploymentPolicyConfig{Enabled: aws.Bool(true), StagingDistributionDnsNames: &types.StagingDistributionDnsNames{Quantity: aws.Int32(1), Items: []string{domain}},
				TrafficConfig: &types.TrafficConfig{Type: "SingleWeight", SingleWeightConfig: &types.ContinuousDeploymentSingleWeightConfig{Weight: aws.Float32(0.1), SessionStickinessConfig: &types.SessionStickinessConfig{IdleTTL: aws.Int32(300), MaximumTTL: aws.Int32(600)}}}}
		}, reworded: func(c any) { c.(*types.ContinuousDeploymentPolicyConfig).Enabled = aws.Bool(false) },
			missing: cloudfront.CodeNoSuchContinuousDeploymentPolicy, exists: cloudfront.CodeStagingDistributionInUse, quota: 20, tooMany: cloudfront.CodeTooManyContinuousDeploymentPolicies, location: "continuous-deployment-policy/"},
		{noun: "FieldLevelEncryptionProfile", make: func(f *fixture, n int) any {
			return &types.FieldLevelEncryptionProfileConfig{Name: named(n), CallerReference: named(n), Comment: aws.String("c"), EncryptionEntities: &types.EncryptionEntities{Quantity: aws.Int32(1), Items: []types.EncryptionEntity{{
				PublicKeyId: aws.String(f.encryptionKey()), ProviderId: aws.String("p"), FieldPatterns: &types.FieldPatterns{Quantity: aws.Int32(1), Items: []string{"card*"}}}}}}
		}, reworded: func(c any) { c.(*types.FieldLevelEncryptionProfileConfig).Comment = aws.String("other") },
			reidentified: func(c any) { c.(*types.FieldLevelEncryptionProfileConfig).CallerReference = aws.String("other") }, illegal: cloudfront.CodeIllegalUpdate,
			missing: cloudfront.CodeNoSuchFieldLevelEncryptionProfile, exists: cloudfront.CodeFieldLevelEncryptionProfileAlreadyExists, quota: 10, tooMany: cloudfront.CodeTooManyFieldLevelEncryptionProfiles, location: "field-level-encryption-profile/"},
		{noun: "FieldLevelEncryptionConfig", get: "GetFieldLevelEncryption", config: "FieldLevelEncryptionConfig", make: func(_ *fixture, n int) any {
			return &types.FieldLevelEncryptionConfig{CallerReference: named(n), Comment: aws.String("c"), ContentTypeProfileConfig: &types.ContentTypeProfileConfig{ForwardWhenContentTypeIsUnknown: aws.Bool(true),
				ContentTypeProfiles: &types.ContentTypeProfiles{Quantity: aws.Int32(1), Items: []types.ContentTypeProfile{{ContentType: aws.String("application/x-www-form-urlencoded"), Format: "URLEncoded"}}}}}
		}, reworded: func(c any) { c.(*types.FieldLevelEncryptionConfig).Comment = aws.String("other") },
			reidentified: func(c any) { c.(*types.FieldLevelEncryptionConfig).CallerReference = aws.String("other") }, illegal: cloudfront.CodeIllegalUpdate,
			missing: cloudfront.CodeNoSuchFieldLevelEncryptionConfig, exists: cloudfront.CodeFieldLevelEncryptionConfigAlreadyExists, quota: 10, tooMany: cloudfront.CodeTooManyFieldLevelEncryptionConfigs, location: "field-level-encryption/"},
		{noun: "StreamingDistribution", make: func(_ *fixture, n int) any {
			return &types.StreamingDistributionConfig{CallerReference: named(n), Comment: aws.String(""), Enabled: aws.Bool(false), PriceClass: types.PriceClassPriceClass100,
				S3Origin:       &types.S3Origin{DomainName: aws.String("demo.s3.amazonaws.com"), OriginAccessIdentity: aws.String("")},
				Aliases:        &types.Aliases{Quantity: aws.Int32(1), Items: []string{fmt.Sprintf("s%d.example.test", n)}},
				Logging:        &types.StreamingLoggingConfig{Enabled: aws.Bool(false), Bucket: aws.String(""), Prefix: aws.String("")},
				TrustedSigners: &types.TrustedSigners{Enabled: aws.Bool(false), Quantity: aws.Int32(0)}}
		}, reworded: func(c any) { c.(*types.StreamingDistributionConfig).Comment = aws.String("other") },
			reidentified: func(c any) { c.(*types.StreamingDistributionConfig).CallerReference = aws.String("other") }, illegal: cloudfront.CodeIllegalUpdate,
			missing: cloudfront.CodeNoSuchStreamingDistribution, exists: cloudfront.CodeStreamingDistributionAlreadyExists, quota: 100, tooMany: cloudfront.CodeTooManyStreamingDistributions, location: "streaming-distribution/"},
	}
}

func (k *resourceKind) complete() {
	if k.plural == "" {
		k.plural = k.noun + "s"
	}
	if k.get == "" {
		k.get = "Get" + k.noun
	}
	if k.config == "" {
		k.config = k.noun + "Config"
	}
}

// publicKey makes a public key, or finds the one that was made.
func (f *fixture) publicKey() string {
	f.t.Helper()
	if r := f.journal.State().ResourceNamed(cdn.ResourcePublicKey, "signer"); r != nil {
		return r.ID
	}
	name := aws.String("signer")
	out := must(f.CreatePublicKey(f.t.Context(), &sdk.CreatePublicKeyInput{PublicKeyConfig: &types.PublicKeyConfig{CallerReference: name, Name: name, EncodedKey: aws.String(ecKey)}}))(f.t)
	return *out.PublicKey.Id
}

// encryptionKey is a key that fields can be encrypted with.
func (f *fixture) encryptionKey() string {
	f.t.Helper()
	if r := f.journal.State().ResourceNamed(cdn.ResourcePublicKey, "encrypts"); r != nil {
		return r.ID
	}
	name := aws.String("encrypts")
	out := must(f.CreatePublicKey(f.t.Context(), &sdk.CreatePublicKeyInput{PublicKeyConfig: &types.PublicKeyConfig{CallerReference: name, Name: name, EncodedKey: aws.String(rsaKey)}}))(f.t)
	return *out.PublicKey.Id
}

func TestLifeOfResources(t *testing.T) {
	for _, k := range resourceKinds() {
		k.complete()
		t.Run(k.noun, func(t *testing.T) { lifeOf(t, newFixture(t), k) })
	}
}

func lifeOf(t *testing.T, f *fixture, k resourceKind) {
	cfg := k.make(f, 1)
	out := must(f.call("Create"+k.noun, map[string]any{k.config: cfg}))(t)
	id, etag := text(out, "Id"), text(out, "ETag")
	if id == "" || !strings.HasPrefix(etag, "E") || text(out, "Location") != "https://cloudfront.amazonaws.com/2020-05-31/"+k.location+id {
		t.Fatalf("id %q, ETag %q, location %q", id, etag, text(out, "Location"))
	}
	out, err := f.call("Create"+k.noun, map[string]any{k.config: cfg})
	if k.exists != "" {
		wantCode(t, err, k.exists)
	} else if again := text(must(out, err)(t), "Id"); again != id {
		t.Errorf("the same reference with the same configuration gives %s, not %s", again, id)
	}
	f.restore(t)
	for _, op := range []string{k.get, "Get" + k.config} {
		out := must(f.call(op, map[string]any{"Id": id}))(t)
		if got := member(out, k.config); text(out, "ETag") != etag || !reflect.DeepEqual(got, cfg) {
			t.Errorf("%s: ETag %s, want %s; %+v, want %+v", op, text(out, "ETag"), etag, got, cfg)
		}
		_, err = f.call(op, map[string]any{"Id": nobody})
		wantCode(t, err, k.missing)
	}
	k.reworded(cfg)
	update := func(id, etag string) (reflect.Value, error) {
		return f.call("Update"+k.noun, map[string]any{k.config: cfg, "Id": id, "IfMatch": etag})
	}
	_, err = update(nobody, etag)
	wantCode(t, err, k.missing)
	_, err = update(id, "x")
	wantCode(t, err, cloudfront.CodeInvalidIfMatchVersion)
	out = must(update(id, etag))(t)
	if text(out, "ETag") == etag || !reflect.DeepEqual(member(out, k.config), cfg) {
		t.Errorf("updated: %s, %+v", text(out, "ETag"), member(out, k.config))
	}
	_, err = update(id, etag)
	wantCode(t, err, cloudfront.CodePreconditionFailed)
	stale, etag := etag, text(out, "ETag")
	if k.reidentified != nil {
		k.reidentified(cfg)
		_, err = update(id, etag)
		wantCode(t, err, k.illegal)
	}
	second := text(must(f.call("Create"+k.noun, map[string]any{k.config: k.make(f, 2)}))(t), "Id")
	f.listed(t, k, id, second)

	remove := func(etag string) error {
		_, err := f.call("Delete"+k.noun, map[string]any{"Id": id, "IfMatch": etag})
		return err
	}
	f.journal.settle()
	wantCode(t, remove(stale), cloudfront.CodePreconditionFailed)
	if err := remove(etag); err != nil {
		t.Error(err)
	}
	wantCode(t, remove(etag), k.missing)
}

// listed checks that a list, read in pages of one, holds those ids once each.
func (f *fixture) listed(t *testing.T, k resourceKind, ids ...string) {
	t.Helper()
	found := map[string]int{}
	set := map[string]any{"MaxItems": aws.Int32(1)}
	for range 20 {
		out := must(f.call("List"+k.plural, set))(t)
		if items := reflect.ValueOf(member(out, "Items")); items.Len() == 1 {
			found[text(items.Index(0), "Id")]++
		}
		next := text(out, "NextMarker")
		if next == "" {
			break
		}
		set["Marker"] = next
	}
	for _, id := range ids {
		if found[id] != 1 {
			t.Errorf("List%s has %s %d times: %v", k.plural, id, found[id], found)
		}
	}
}

func TestQuotasOfResources(t *testing.T) {
	for _, k := range resourceKinds() {
		k.complete()
		t.Run(k.noun, func(t *testing.T) {
			f := newFixture(t)
			var err error
			made := 0
			if k.noun == "KeyGroup" || k.noun == "FieldLevelEncryptionProfile" {
				f.publicKey()
			}
			var config any
			for n := 0; err == nil && made <= k.quota; n++ {
				// There are no more staging distributions than policies: one policy too many is
				// for the staging distribution of another.
				if k.noun != "ContinuousDeploymentPolicy" || made < k.quota {
					config = k.make(f, n)
				}
				if _, err = f.call("Create"+k.noun, map[string]any{k.config: config}); err == nil {
					made++
				}
			}
			if made != k.quota {
				t.Errorf("%d were made, the quota is %d: %v", made, k.quota, err)
			}
			wantCode(t, err, k.tooMany)
		})
	}
}

// Nothing that is used is deleted, whoever uses it.
func TestResourcesInUse(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	byName := map[string]resourceKind{}
	for _, k := range resourceKinds() {
		k.complete()
		byName[k.noun] = k
	}
	made := map[string]string{}
	etags := map[string]string{}
	for _, noun := range []string{"CachePolicy", "OriginRequestPolicy", "ResponseHeadersPolicy", "CloudFrontOriginAccessIdentity", "KeyGroup", "FieldLevelEncryptionConfig", "ContinuousDeploymentPolicy"} {
		k := byName[noun]
		out := must(f.call("Create"+noun, map[string]any{k.config: k.make(f, 1)}))(t)
		made[noun], etags[noun] = text(out, "Id"), text(out, "ETag")
	}
	function := f.function(t, "redirect", "function handler(e) { return e.request }")
	log := must(f.CreateRealtimeLogConfig(ctx, realtimeLog("log")))(t)
	f.create("uses all", func(c *types.DistributionConfig) {
		b := c.DefaultCacheBehavior
		b.CachePolicyId, b.OriginRequestPolicyId, b.ResponseHeadersPolicyId = aws.String(made["CachePolicy"]), aws.String(made["OriginRequestPolicy"]), aws.String(made["ResponseHeadersPolicy"])
		b.TrustedKeyGroups = &types.TrustedKeyGroups{Enabled: aws.Bool(true), Quantity: aws.Int32(1), Items: []string{made["KeyGroup"]}}
		b.FunctionAssociations = &types.FunctionAssociations{Quantity: aws.Int32(1), Items: []types.FunctionAssociation{{EventType: "viewer-request", FunctionARN: function.FunctionSummary.FunctionMetadata.FunctionARN}}}
		b.RealtimeLogConfigArn, b.FieldLevelEncryptionId = log.RealtimeLogConfig.ARN, aws.String(made["FieldLevelEncryptionConfig"])
		b.AllowedMethods = &types.AllowedMethods{Quantity: aws.Int32(7), Items: []types.Method{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}, CachedMethods: &types.CachedMethods{Quantity: aws.Int32(2), Items: []types.Method{"GET", "HEAD"}}}
		b.ViewerProtocolPolicy = types.ViewerProtocolPolicyHttpsOnly
		c.Origins.Items[0].S3OriginConfig.OriginAccessIdentity = aws.String("origin-access-identity/cloudfront/" + made["CloudFrontOriginAccessIdentity"])
		c.ContinuousDeploymentPolicyId = aws.String(made["ContinuousDeploymentPolicy"])
	})
	for noun, code := range map[string]cloudfront.Code{
		"CachePolicy": cloudfront.CodeCachePolicyInUse, "OriginRequestPolicy": cloudfront.CodeOriginRequestPolicyInUse, "ResponseHeadersPolicy": cloudfront.CodeResponseHeadersPolicyInUse,
		"CloudFrontOriginAccessIdentity": cloudfront.CodeCloudFrontOriginAccessIdentityInUse, "KeyGroup": cloudfront.CodeResourceInUse,
		"FieldLevelEncryptionConfig": cloudfront.CodeFieldLevelEncryptionConfigInUse, "ContinuousDeploymentPolicy": cloudfront.CodeContinuousDeploymentPolicyInUse,
	} {
		_, err := f.call("Delete"+noun, map[string]any{"Id": made[noun], "IfMatch": etags[noun]})
		wantCode(t, err, code)
	}
	key := must(f.GetPublicKey(ctx, &sdk.GetPublicKeyInput{Id: aws.String(f.publicKey())}))(t)
	_, err := f.DeletePublicKey(ctx, &sdk.DeletePublicKeyInput{Id: key.PublicKey.Id, IfMatch: key.ETag})
	wantCode(t, err, cloudfront.CodePublicKeyInUse)
	_, err = f.DeleteFunction(ctx, &sdk.DeleteFunctionInput{Name: aws.String("redirect"), IfMatch: function.ETag})
	wantCode(t, err, cloudfront.CodeFunctionInUse)
	_, err = f.DeleteRealtimeLogConfig(ctx, &sdk.DeleteRealtimeLogConfigInput{Name: aws.String("log")})
	wantCode(t, err, cloudfront.CodeRealtimeLogConfigInUse)
}

// A distribution that uses a policy is deployed when nodes have the policy as it is.
func TestAPolicysChangeIsDeployed(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	k := resourceKinds()[0]
	cfg := k.make(f, 1).(*types.CachePolicyConfig)
	policy := must(f.CreateCachePolicy(ctx, &sdk.CreateCachePolicyInput{CachePolicyConfig: cfg}))(t)
	d := f.create("one", func(c *types.DistributionConfig) { c.DefaultCacheBehavior.CachePolicyId = policy.CachePolicy.Id })
	f.journal.settle()
	status := func() string {
		return *must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: d.Distribution.Id}))(t).Distribution.Status
	}
	if s := status(); s != "Deployed" {
		t.Fatal(s)
	}
	k.reworded(cfg)
	must(f.UpdateCachePolicy(ctx, &sdk.UpdateCachePolicyInput{Id: policy.CachePolicy.Id, IfMatch: policy.ETag, CachePolicyConfig: cfg}))(t)
	if s := status(); s != "InProgress" {
		t.Error(s)
	}
	if got := f.journal.State().Plans[*d.Distribution.Id].Behaviors[0].Cache.MinTTL; got != 2*time.Second {
		t.Errorf("the plan has MinTTL %v", got)
	}
}

func TestManagedPoliciesStay(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		noun, id string
		config   int
	}{{"CachePolicy", cachingOptimized, 0}, {"OriginRequestPolicy", "216adef6-5c7f-47e4-b989-5492eafa07d3", 1}, {"ResponseHeadersPolicy", "67f7725c-6f97-4210-82d7-5512b31e9d03", 2}} {
		k := resourceKinds()[c.config]
		etag := text(must(f.call("Get"+c.noun, map[string]any{"Id": c.id}))(t), "ETag")
		_, err := f.call("Update"+c.noun, map[string]any{"Id": c.id, "IfMatch": etag, c.noun + "Config": k.make(f, 1)})
		wantCode(t, err, cloudfront.CodeIllegalUpdate)
		_, err = f.call("Delete"+c.noun, map[string]any{"Id": c.id, "IfMatch": etag})
		wantCode(t, err, cloudfront.CodeIllegalDelete)
		for kind, n := range map[string]int{"managed": map[string]int{"CachePolicy": 11, "OriginRequestPolicy": 8, "ResponseHeadersPolicy": 5}[c.noun], "custom": 0} {
			if items := reflect.ValueOf(member(must(f.call("List"+k.plural, map[string]any{"Type": kind}))(t), "Items")); items.Len() != n {
				t.Errorf("%d %s policies of the kind %s, want %d", items.Len(), kind, c.noun, n)
			}
		}
		_, err = f.call("List"+k.plural, map[string]any{"Type": "mine"})
		wantCode(t, err, cloudfront.CodeInvalidArgument)
	}
}
