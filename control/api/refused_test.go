package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/control/cloudfront"
)

type alter = func(*types.DistributionConfig)

func originsOf(n int) alter {
	return func(cfg *types.DistributionConfig) {
		first := cfg.Origins.Items[0]
		for i := 1; i < n; i++ {
			o := first
			o.Id = aws.String(fmt.Sprint("origin-", i))
			cfg.Origins.Items = append(cfg.Origins.Items, o)
		}
		cfg.Origins.Quantity = aws.Int32(int32(n))
	}
}

func behaviors(n int) alter {
	return func(cfg *types.DistributionConfig) {
		cfg.CacheBehaviors = &types.CacheBehaviors{Quantity: aws.Int32(int32(n))}
		for i := range n {
			cfg.CacheBehaviors.Items = append(cfg.CacheBehaviors.Items, types.CacheBehavior{
				PathPattern: aws.String(fmt.Sprintf("/%d/*", i)), TargetOriginId: aws.String("bucket"),
				ViewerProtocolPolicy: types.ViewerProtocolPolicyAllowAll, CachePolicyId: aws.String(cachingOptimized),
			})
		}
	}
}

func aliases(n int) alter {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("a%d.example.org", i)
	}
	return withAliases(names...)
}

// forwarding uses the legacy settings, which AWS calls deprecated and still takes.
func forwarding(headers, cookies, query int) alter {
	names := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprint("name-", i)
		}
		return out
	}
	return func(cfg *types.DistributionConfig) {
		cfg.DefaultCacheBehavior.CachePolicyId = nil
		cfg.DefaultCacheBehavior.MinTTL = aws.Int64(0)                     //nolint:staticcheck // old configurations have it
		cfg.DefaultCacheBehavior.ForwardedValues = &types.ForwardedValues{ //nolint:staticcheck // old configurations have it
			QueryString: aws.Bool(true),
			Headers:     &types.Headers{Quantity: aws.Int32(int32(headers)), Items: names(headers)},
			Cookies: &types.CookiePreference{Forward: types.ItemSelectionWhitelist,
				WhitelistedNames: &types.CookieNames{Quantity: aws.Int32(int32(cookies)), Items: names(cookies)}},
			QueryStringCacheKeys: &types.QueryStringCacheKeys{Quantity: aws.Int32(int32(query)), Items: names(query)},
		}
	}
}

// originGroups makes n of one member each: the members are checked after the
// number.
func originGroups(n int) alter {
	return func(cfg *types.DistributionConfig) {
		cfg.OriginGroups = &types.OriginGroups{Quantity: aws.Int32(int32(n))}
		for i := range n {
			cfg.OriginGroups.Items = append(cfg.OriginGroups.Items, types.OriginGroup{
				Id:               aws.String(fmt.Sprint("group-", i)),
				FailoverCriteria: &types.OriginGroupFailoverCriteria{StatusCodes: &types.StatusCodes{Quantity: aws.Int32(1), Items: []int32{500}}},
				Members: &types.OriginGroupMembers{Quantity: aws.Int32(2), Items: []types.OriginGroupMember{
					{OriginId: aws.String("bucket")}, {OriginId: aws.String("origin-1")}}},
			})
		}
	}
}

func TestConfigurationsRefused(t *testing.T) {
	f := newFixture(t)
	f.create("taken", withAliases("taken.example.com", "*.taken.example.com"))
	site := f.create("site")
	cases := []struct {
		name  string
		alter alter
		code  cloudfront.Code
	}{
		{"no caller reference", func(c *types.DistributionConfig) { c.CallerReference = aws.String("") }, cloudfront.CodeInvalidArgument},
		{"a long comment", func(c *types.DistributionConfig) { c.Comment = aws.String(strings.Repeat("ä", 129)) }, cloudfront.CodeInvalidArgument},
		{"a policy that is none", func(c *types.DistributionConfig) { c.DefaultCacheBehavior.ViewerProtocolPolicy = "maybe" }, cloudfront.CodeMalformedXML},
		{"a value that is none", func(c *types.DistributionConfig) { c.PriceClass = "PriceClass_300" }, cloudfront.CodeMalformedXML},
		{"a wrong quantity", func(c *types.DistributionConfig) { c.Origins.Quantity = aws.Int32(2) }, cloudfront.CodeInconsistentQuantities},
		{"no origin of that id", func(c *types.DistributionConfig) { c.DefaultCacheBehavior.TargetOriginId = aws.String("none") }, cloudfront.CodeNoSuchOrigin},
		{"no cache policy of that id", func(c *types.DistributionConfig) { c.DefaultCacheBehavior.CachePolicyId = aws.String("none") }, cloudfront.CodeNoSuchCachePolicy},
		{"no access control of that id", withAccessControl("ENONE"), cloudfront.CodeInvalidOriginAccessControl},
		{"a root object with a slash", func(c *types.DistributionConfig) { c.DefaultRootObject = aws.String("/index.html") }, cloudfront.CodeInvalidDefaultRootObject},
		{"an origin that is no name", func(c *types.DistributionConfig) { c.Origins.Items[0].DomainName = aws.String("http://x/") }, cloudfront.CodeInvalidOrigin},
		{"TTLs out of order", func(c *types.DistributionConfig) {
			forwarding(0, 0, 0)(c)
			c.DefaultCacheBehavior.MinTTL, c.DefaultCacheBehavior.MaxTTL = aws.Int64(10), aws.Int64(5) //nolint:staticcheck // old configurations have it
		}, cloudfront.CodeInvalidTTLOrder},
		{"an error code that is none", func(c *types.DistributionConfig) {
			c.CustomErrorResponses = &types.CustomErrorResponses{Quantity: aws.Int32(1), Items: []types.CustomErrorResponse{{ErrorCode: aws.Int32(418)}}}
		}, cloudfront.CodeInvalidErrorCode},
		{"two kinds of access", func(c *types.DistributionConfig) {
			c.Origins.Items[0].OriginAccessControlId = aws.String("EX")
			c.Origins.Items[0].S3OriginConfig.OriginAccessIdentity = aws.String("origin-access-identity/cloudfront/EX")
		}, cloudfront.CodeIllegalOriginAccessConfiguration},
		{"an alias of another", withAliases("free.example.com", "taken.example.com"), cloudfront.CodeCNAMEAlreadyExists},
		{"an alias of another, in capitals", withAliases("Taken.Example.COM"), cloudfront.CodeCNAMEAlreadyExists},
		{"a wildcard of another", withAliases("*.taken.example.com"), cloudfront.CodeCNAMEAlreadyExists},
		{"an alias twice", withAliases("a.example.com", "A.example.com"), cloudfront.CodeInvalidArgument},
		{"101 origins", originsOf(101), cloudfront.CodeTooManyOrigins},
		{"76 behaviors", behaviors(76), cloudfront.CodeTooManyCacheBehaviors},
		{"101 aliases", aliases(101), cloudfront.CodeTooManyDistributionCNAMEs},
		{"11 origin groups", originGroups(11), cloudfront.CodeTooManyOriginGroupsPerDistribution},
		{"11 headers", forwarding(11, 1, 1), cloudfront.CodeTooManyHeadersInForwardedValues},
		{"11 cookies", forwarding(1, 11, 1), cloudfront.CodeTooManyCookieNamesInWhiteList},
		{"11 query parameters", forwarding(1, 1, 11), cloudfront.CodeTooManyQueryStringParameters},
	}
	before := f.journal.State()
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			reference := fmt.Sprint("new-", i)
			_, err := f.CreateDistribution(t.Context(), &sdk.CreateDistributionInput{DistributionConfig: siteConfig(reference, c.alter)})
			wantCode(t, err, c.code)
			_, err = f.CreateDistributionWithTags(t.Context(), &sdk.CreateDistributionWithTagsInput{DistributionConfigWithTags: &types.DistributionConfigWithTags{
				DistributionConfig: siteConfig(reference, c.alter), Tags: tagList("k", "v"),
			}})
			wantCode(t, err, c.code)
			_, err = f.UpdateDistribution(t.Context(), &sdk.UpdateDistributionInput{Id: site.Distribution.Id, IfMatch: site.ETag, DistributionConfig: siteConfig("site", c.alter)})
			wantCode(t, err, c.code)
			if f.journal.State() != before {
				t.Error("the journal has changed")
			}
		})
	}
	// At the limit each of them is accepted.
	f.create("full", originsOf(100), behaviors(75), aliases(100), originGroups(10), forwarding(10, 10, 10))
}

func TestCallsRefused(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	site := f.create("site")
	id := site.Distribution.Id
	old := site.ETag
	etag := must(f.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: id, IfMatch: old, DistributionConfig: siteConfig("site")}))(t).ETag
	none := aws.String("ENONE00000000")
	update := func(id, ifMatch *string, reference string) error {
		_, err := f.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: id, IfMatch: ifMatch, DistributionConfig: siteConfig(reference)})
		return err
	}
	remove := func(id, ifMatch *string) error {
		_, err := f.DeleteDistribution(ctx, &sdk.DeleteDistributionInput{Id: id, IfMatch: ifMatch})
		return err
	}
	invalidate := func(id, reference string, paths ...string) error {
		_, err := f.invalidate(id, reference, paths...)
		return err
	}
	access := func(alter func(*types.OriginAccessControlConfig)) error {
		cfg := accessConfig("x")
		alter(cfg)
		_, err := f.CreateOriginAccessControl(ctx, &sdk.CreateOriginAccessControlInput{OriginAccessControlConfig: cfg})
		return err
	}
	before := f.journal.State()
	for _, c := range []struct {
		name string
		err  error
		code cloudfront.Code
	}{
		{"update without If-Match", update(id, nil, "site"), cloudfront.CodeInvalidIfMatchVersion},
		{"update with a malformed If-Match", update(id, aws.String(`"`+*etag+`"`), "site"), cloudfront.CodeInvalidIfMatchVersion},
		{"update with a stale If-Match", update(id, old, "site"), cloudfront.CodePreconditionFailed},
		{"update of another reference", update(id, etag, "changed"), cloudfront.CodeIllegalUpdate},
		{"update of none", update(none, etag, "site"), cloudfront.CodeNoSuchDistribution},
		{"delete without If-Match", remove(id, nil), cloudfront.CodeInvalidIfMatchVersion},
		{"delete with a stale If-Match", remove(id, old), cloudfront.CodePreconditionFailed},
		{"delete what is enabled", remove(id, etag), cloudfront.CodeDistributionNotDisabled},
		{"delete none", remove(none, etag), cloudfront.CodeNoSuchDistribution},
		{"get none", second(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: none})), cloudfront.CodeNoSuchDistribution},
		{"get the configuration of none", second(f.GetDistributionConfig(ctx, &sdk.GetDistributionConfigInput{Id: none})), cloudfront.CodeNoSuchDistribution},
		{"create with a reference in use", second(f.CreateDistribution(ctx, &sdk.CreateDistributionInput{DistributionConfig: siteConfig("site")})), cloudfront.CodeDistributionAlreadyExists},
		{"invalidate in none", invalidate(*none, "1", "/*"), cloudfront.CodeNoSuchDistribution},
		{"invalidate nothing", invalidate(*id, "1"), cloudfront.CodeInvalidArgument},
		{"invalidate without reference", invalidate(*id, "", "/*"), cloudfront.CodeInvalidArgument},
		{"invalidate without slash", invalidate(*id, "1", "/a", "index.html"), cloudfront.CodeInvalidArgument},
		{"invalidate a long path", invalidate(*id, "1", "/"+strings.Repeat("a", 4000)), cloudfront.CodeInvalidArgument},
		{"invalidate what is not encoded", invalidate(*id, "1", "/ä"), cloudfront.CodeInvalidArgument},
		{"get an invalidation of none", second(f.GetInvalidation(ctx, &sdk.GetInvalidationInput{DistributionId: none, Id: aws.String("I1")})), cloudfront.CodeNoSuchDistribution},
		{"get no invalidation", second(f.GetInvalidation(ctx, &sdk.GetInvalidationInput{DistributionId: id, Id: aws.String("I1")})), cloudfront.CodeNoSuchInvalidation},
		{"list the invalidations of none", second(f.ListInvalidations(ctx, &sdk.ListInvalidationsInput{DistributionId: none})), cloudfront.CodeNoSuchDistribution},
		{"access control without name", access(func(c *types.OriginAccessControlConfig) { c.Name = aws.String("") }), cloudfront.CodeInvalidArgument},
		{"access control with a long name", access(func(c *types.OriginAccessControlConfig) { c.Name = aws.String(strings.Repeat("n", 65)) }), cloudfront.CodeInvalidArgument},
		{"access control with a long description", access(func(c *types.OriginAccessControlConfig) { c.Description = aws.String(strings.Repeat("n", 257)) }), cloudfront.CodeInvalidArgument},
		{"access control of another protocol", access(func(c *types.OriginAccessControlConfig) { c.SigningProtocol = "sigv4a" }), cloudfront.CodeInvalidArgument},
		{"access control of another behavior", access(func(c *types.OriginAccessControlConfig) { c.SigningBehavior = "sometimes" }), cloudfront.CodeMalformedXML},
		{"get no access control", second(f.GetOriginAccessControlConfig(ctx, &sdk.GetOriginAccessControlConfigInput{Id: none})), cloudfront.CodeNoSuchOriginAccessControl},
		{"update no access control", second(f.UpdateOriginAccessControl(ctx, &sdk.UpdateOriginAccessControlInput{Id: none, IfMatch: etag, OriginAccessControlConfig: accessConfig("x")})), cloudfront.CodeNoSuchOriginAccessControl},
		{"delete no access control", second(f.DeleteOriginAccessControl(ctx, &sdk.DeleteOriginAccessControlInput{Id: none, IfMatch: etag})), cloudfront.CodeNoSuchOriginAccessControl},
	} {
		t.Run(c.name, func(t *testing.T) { wantCode(t, c.err, c.code) })
	}
	if f.journal.State() != before {
		t.Error("the journal has changed")
	}
	if err := remove(id, etag); !strings.Contains(err.Error(), "The distribution you are trying to delete has not been disabled.") {
		t.Errorf("the message is %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestAccountQuotas(t *testing.T) {
	f := newFixture(t)
	// Straight into the journal: five hundred calls would say no more.
	config := string(cloudfront.Marshal(cloudfront.Version, must(f.config(f.create("first")))(t)))
	propose := func(kind cdn.Kind, body any) {
		t.Helper()
		must(f.journal.Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) {
			c, err := cdn.NewChange(kind, body, time.Now())
			return []cdn.Change{c}, err
		}))(t)
	}
	for i := range 498 {
		propose(cdn.KindDistributionPut, cdn.Distribution{ID: fmt.Sprint("E", i), CallerReference: fmt.Sprint(i), Domain: fmt.Sprintf("d%d.%s", i, testZone), Config: config})
	}
	for i := range 99 {
		propose(cdn.KindAccessControlPut, origins.AccessControl{ID: fmt.Sprint("E", i), Name: fmt.Sprint(i)})
	}
	f.create("the 500th")
	_, err := f.CreateDistribution(t.Context(), &sdk.CreateDistributionInput{DistributionConfig: siteConfig("the 501st")})
	wantCode(t, err, cloudfront.CodeTooManyDistributions)
	must(f.CreateOriginAccessControl(t.Context(), &sdk.CreateOriginAccessControlInput{OriginAccessControlConfig: accessConfig("the 100th")}))(t)
	_, err = f.CreateOriginAccessControl(t.Context(), &sdk.CreateOriginAccessControlInput{OriginAccessControlConfig: accessConfig("the 101st")})
	wantCode(t, err, cloudfront.CodeTooManyOriginAccessControls)
}

// config reads what the journal has of a distribution.
func (f *fixture) config(out *sdk.CreateDistributionOutput) (*cloudfront.DistributionConfig, error) {
	cfg := &cloudfront.DistributionConfig{}
	return cfg, cloudfront.Unmarshal([]byte(f.journal.State().Distributions[*out.Distribution.Id].Config), cfg)
}
