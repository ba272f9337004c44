package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
	"github.com/warmfront/warmfront/control/api"
	"github.com/warmfront/warmfront/control/cloudfront"
)

func shown(c types.ViewerCertificate) func(*types.DistributionConfig) {
	if !aws.ToBool(c.CloudFrontDefaultCertificate) {
		c.SSLSupportMethod = types.SSLSupportMethodSniOnly
	}
	return func(cfg *types.DistributionConfig) { cfg.ViewerCertificate = &c }
}

// TestRequiredCertificates holds what is refused of aliases and certificates, as it is and with
// --require-certificates (belief 400, difference 207).
func TestRequiredCertificates(t *testing.T) {
	const here, gone, foreign = "arn:aws:acm:us-east-1:123456789012:certificate/here", "arn:aws:acm:us-east-1:123456789012:certificate/gone", "arn:aws:acm:us-east-1:999999999999:certificate/x"
	const missing, attach, covers = "specified SSL certificate doesn't exist", "you must attach a trusted certificate", "doesn't cover the alternate domain name"
	acm := func(arn string) func(*types.DistributionConfig) {
		return shown(types.ViewerCertificate{ACMCertificateArn: &arn})
	}
	own := shown(types.ViewerCertificate{CloudFrontDefaultCertificate: aws.Bool(true)})
	for _, strict := range []bool{false, true} {
		f := newFixture(t)
		config := configFor(f.journal)
		config.RequireCertificates = strict
		f.handler = api.Handler(config)
		server := httptest.NewServer(f.handler)
		t.Cleanup(server.Close)
		f.Client = newClient(server.URL)
		put, err := cdn.NewChange(cdn.KindResourcePut, cdn.Resource{
			Kind: cdn.ResourceCertificate, ID: here, ETag: "1", Document: account.Encode(account.Certificate{Domain: "www.example.com", Names: []string{"www.example.com", "*.shop.example"}}),
		}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		must(f.journal.Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) { return []cdn.Change{put}, nil }))(t)
		for _, c := range []struct {
			name          string
			alter         []func(*types.DistributionConfig)
			loose, strict string // what is said; "" where it is accepted
		}{
			{"no alias", nil, "", ""},
			{"no alias, CloudFront's certificate", []func(*types.DistributionConfig){own}, "", ""},
			{"an alias", []func(*types.DistributionConfig){withAliases("a.example.com")}, "", attach},
			{"an alias, CloudFront's certificate", []func(*types.DistributionConfig){withAliases("b.example.com"), own}, "", attach},
			{"an alias that is covered", []func(*types.DistributionConfig){withAliases("www.example.com"), acm(here)}, "", ""},
			{"an alias that a wildcard covers", []func(*types.DistributionConfig){withAliases("a.shop.example"), acm(here)}, "", ""},
			{"one of two is not covered", []func(*types.DistributionConfig){withAliases("b.shop.example", "c.example.com"), acm(here)}, covers, covers},
			{"a certificate that is not there", []func(*types.DistributionConfig){acm(gone)}, missing, missing},
			{"a certificate that is not there, and an alias", []func(*types.DistributionConfig){withAliases("d.example.com"), acm(gone)}, missing, missing},
			{"another account's certificate", []func(*types.DistributionConfig){withAliases("e.example.com"), acm(foreign)}, "", missing},
			{"a certificate of IAM's", []func(*types.DistributionConfig){withAliases("f.example.com"), shown(types.ViewerCertificate{IAMCertificateId: aws.String("ASCA")})}, "", missing},
		} {
			want := c.loose
			if strict {
				want = c.strict
			}
			_, err := f.CreateDistribution(t.Context(), &sdk.CreateDistributionInput{DistributionConfig: siteConfig(c.name, c.alter...)})
			if want == "" {
				if err != nil {
					t.Errorf("%s, strict %t: %v", c.name, strict, err)
				}
				continue
			}
			wantCode(t, err, cloudfront.CodeInvalidViewerCertificate)
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s, strict %t: %v, want %q", c.name, strict, err, want)
			}
		}
		// An update is held to the same, and so is an alias that is moved.
		d := f.create("later")
		_, err = f.UpdateDistribution(t.Context(), &sdk.UpdateDistributionInput{Id: d.Distribution.Id, IfMatch: d.ETag, DistributionConfig: siteConfig("later", acm(gone))})
		wantCode(t, err, cloudfront.CodeInvalidViewerCertificate)
		_, err = f.AssociateAlias(t.Context(), &sdk.AssociateAliasInput{TargetDistributionId: d.Distribution.Id, Alias: aws.String("www.example.com")})
		if strict {
			wantCode(t, err, cloudfront.CodeInvalidArgument)
		} else if err != nil {
			t.Error(err)
		}
		covered := f.create("covered", acm(here))
		_, err = f.AssociateAlias(t.Context(), &sdk.AssociateAliasInput{TargetDistributionId: covered.Distribution.Id, Alias: aws.String("z.shop.example")})
		if err != nil {
			t.Errorf("an alias that the target's certificate covers: %v", err)
		}
		_, err = f.AssociateAlias(t.Context(), &sdk.AssociateAliasInput{TargetDistributionId: covered.Distribution.Id, Alias: aws.String("z.example.org")})
		wantCode(t, err, cloudfront.CodeInvalidArgument)
	}
}
