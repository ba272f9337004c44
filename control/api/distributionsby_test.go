package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

const cachingDisabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"

// managed policies, which there are whatever is kept.
const (
	allViewer  = "216adef6-5c7f-47e4-b989-5492eafa07d3"
	simpleCORS = "60669652-455b-4ae9-85a4-c4c02393f86c"
)

func idsOf(l *types.DistributionIdList) []string { return l.Items }

func summariesOf(l *types.DistributionList) (ids []string) {
	for _, d := range l.Items {
		ids = append(ids, *d.Id)
	}
	return ids
}

// TestListDistributionsBy makes one distribution that uses everything, in a
// behavior that is not the default one, and others that do not.
func TestListDistributionsBy(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	acl := "arn:aws:wafv2:us-east-1:123456789012:global/webacl/name/6a7b"
	logs := "arn:aws:cloudfront::123456789012:realtime-log-config/logs"
	f.resource(cdn.ResourceRealtimeLogConfig, "logs", "<RealtimeLogConfig/>")
	other := *f.create("other").Distribution.Id
	all := *f.create("all", func(c *types.DistributionConfig) {
		c.WebACLId, c.AnycastIpListId, c.ConnectionMode = &acl, aws.String("aip_1"), types.ConnectionModeTenantOnly
		behaviors(1)(c)
		b := &c.CacheBehaviors.Items[0]
		b.CachePolicyId, b.OriginRequestPolicyId, b.ResponseHeadersPolicyId = aws.String(cachingDisabled), aws.String(allViewer), aws.String(simpleCORS)
		b.RealtimeLogConfigArn = &logs
	}).Distribution.Id
	none := *f.create("none").Distribution.Id
	both := []string{other, none}
	slices.Sort(both)
	for _, c := range []struct {
		name string
		got  func() ([]string, error)
		want []string
	}{
		{"cache policy", func() ([]string, error) {
			out, err := f.ListDistributionsByCachePolicyId(ctx, &sdk.ListDistributionsByCachePolicyIdInput{CachePolicyId: aws.String(cachingDisabled)})
			return idsOf(out.DistributionIdList), err
		}, []string{all}},
		{"origin request policy", func() ([]string, error) {
			out, err := f.ListDistributionsByOriginRequestPolicyId(ctx, &sdk.ListDistributionsByOriginRequestPolicyIdInput{OriginRequestPolicyId: aws.String(allViewer)})
			return idsOf(out.DistributionIdList), err
		}, []string{all}},
		{"response headers policy", func() ([]string, error) {
			out, err := f.ListDistributionsByResponseHeadersPolicyId(ctx, &sdk.ListDistributionsByResponseHeadersPolicyIdInput{ResponseHeadersPolicyId: aws.String(simpleCORS)})
			return idsOf(out.DistributionIdList), err
		}, []string{all}},
		{"web ACL", func() ([]string, error) {
			out, err := f.ListDistributionsByWebACLId(ctx, &sdk.ListDistributionsByWebACLIdInput{WebACLId: &acl})
			return summariesOf(out.DistributionList), err
		}, []string{all}},
		{"no web ACL", func() ([]string, error) {
			out, err := f.ListDistributionsByWebACLId(ctx, &sdk.ListDistributionsByWebACLIdInput{WebACLId: aws.String("null")})
			return summariesOf(out.DistributionList), err
		}, both},
		{"real-time log configuration", func() ([]string, error) {
			out, err := f.ListDistributionsByRealtimeLogConfig(ctx, &sdk.ListDistributionsByRealtimeLogConfigInput{RealtimeLogConfigArn: &logs})
			return summariesOf(out.DistributionList), err
		}, []string{all}},
		{"its name", func() ([]string, error) {
			out, err := f.ListDistributionsByRealtimeLogConfig(ctx, &sdk.ListDistributionsByRealtimeLogConfigInput{RealtimeLogConfigName: aws.String("logs")})
			return summariesOf(out.DistributionList), err
		}, []string{all}},
		{"Anycast static IP list", func() ([]string, error) {
			out, err := f.ListDistributionsByAnycastIpListId(ctx, &sdk.ListDistributionsByAnycastIpListIdInput{AnycastIpListId: aws.String("aip_1")})
			return summariesOf(out.DistributionList), err
		}, []string{all}},
		{"tenants only", func() ([]string, error) {
			out, err := f.ListDistributionsByConnectionMode(ctx, &sdk.ListDistributionsByConnectionModeInput{ConnectionMode: types.ConnectionModeTenantOnly})
			return summariesOf(out.DistributionList), err
		}, []string{all}},
		{"direct", func() ([]string, error) {
			out, err := f.ListDistributionsByConnectionMode(ctx, &sdk.ListDistributionsByConnectionModeInput{ConnectionMode: types.ConnectionModeDirect})
			return summariesOf(out.DistributionList), err
		}, both},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := must(c.got())(t); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}

	// Page by page.
	page := must(f.ListDistributionsByCachePolicyId(ctx, &sdk.ListDistributionsByCachePolicyIdInput{CachePolicyId: aws.String(cachingOptimized), MaxItems: aws.Int32(1)}))(t).DistributionIdList
	if !*page.IsTruncated || *page.Quantity != 1 || *page.NextMarker != page.Items[0] {
		t.Errorf("%+v", page)
	}
	_, err := f.ListDistributionsByCachePolicyId(ctx, &sdk.ListDistributionsByCachePolicyIdInput{CachePolicyId: aws.String("none")})
	wantCode(t, err, cloudfront.CodeNoSuchCachePolicy)
	_, err = f.ListDistributionsByWebACLId(ctx, &sdk.ListDistributionsByWebACLIdInput{WebACLId: aws.String("none")})
	wantCode(t, err, cloudfront.CodeInvalidWebACLId)
	_, err = f.ListDistributionsByRealtimeLogConfig(ctx, &sdk.ListDistributionsByRealtimeLogConfigInput{})
	wantCode(t, err, cloudfront.CodeInvalidArgument)
}

// TestActiveSigners: who signs for any behavior is listed once, a key group with its
// keys, this account with its key pairs (belief 591).
func TestActiveSigners(t *testing.T) {
	f := newFixture(t)
	key := `<PublicKeyConfig><EncodedKey>` + publicKey(t) + `</EncodedKey></PublicKeyConfig>`
	f.resource(cdn.ResourcePublicKey, "K1", key)
	f.resource(cdn.ResourcePublicKey, "K2", key)
	must(f.CreatePublicKey(t.Context(), &sdk.CreatePublicKeyInput{PublicKeyConfig: &types.PublicKeyConfig{
		CallerReference: aws.String("pair"), Name: aws.String("APKAEIBAERJR2EXAMPLE"), EncodedKey: aws.String(publicKey(t))}}))(t)
	f.resource(cdn.ResourceKeyGroup, "group", `<KeyGroupConfig><Name>g</Name><Items><PublicKey>K1</PublicKey><PublicKey>K2</PublicKey></Items></KeyGroupConfig>`)
	d := f.create("site", behaviors(2), func(c *types.DistributionConfig) {
		signers := &types.TrustedSigners{Enabled: aws.Bool(true), Quantity: aws.Int32(2), Items: []string{"self", "210987654321"}}
		c.DefaultCacheBehavior.TrustedSigners, c.CacheBehaviors.Items[1].TrustedSigners = signers, signers
		groups := &types.TrustedKeyGroups{Enabled: aws.Bool(true), Quantity: aws.Int32(1), Items: []string{"group"}}
		c.DefaultCacheBehavior.TrustedKeyGroups, c.CacheBehaviors.Items[0].TrustedKeyGroups = groups, groups
	}).Distribution
	var accounts []string
	for _, s := range d.ActiveTrustedSigners.Items {
		accounts = append(accounts, *s.AwsAccountNumber+"="+strings.Join(s.KeyPairIds.Items, ","))
	}
	if !*d.ActiveTrustedSigners.Enabled || strings.Join(accounts, " ") != "self=APKAEIBAERJR2EXAMPLE 210987654321=" {
		t.Errorf("signers %+v", d.ActiveTrustedSigners)
	}
	g := d.ActiveTrustedKeyGroups
	if !*g.Enabled || len(g.Items) != 1 || *g.Items[0].KeyGroupId != "group" || strings.Join(g.Items[0].KeyPairIds.Items, " ") != "K1 K2" {
		t.Errorf("key groups %+v", g)
	}
	bad := siteConfig("bad")
	bad.DefaultCacheBehavior.TrustedKeyGroups = &types.TrustedKeyGroups{Enabled: aws.Bool(true), Quantity: aws.Int32(1), Items: []string{"none"}}
	_, err := f.CreateDistribution(t.Context(), &sdk.CreateDistributionInput{DistributionConfig: bad})
	wantCode(t, err, cloudfront.CodeTrustedKeyGroupDoesNotExist)
	if !strings.Contains(err.Error(), `KeyGroup "none" of the default cache behavior`) {
		t.Errorf("it does not say where: %v", err)
	}
}

func publicKey(t *testing.T) string {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	der := must(x509.MarshalPKIXPublicKey(&key.PublicKey))(t)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
