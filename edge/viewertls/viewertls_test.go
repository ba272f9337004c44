package viewertls

import (
	"crypto/tls"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

type none struct{}

func (none) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }

func TestADistributionIsMetAsItIsConfigured(t *testing.T) {
	for _, c := range []struct {
		version, certificate string
		least                uint16
		protocols            []string
		restricted           bool
	}{
		{"http2", "<CloudFrontDefaultCertificate>true</CloudFrontDefaultCertificate><MinimumProtocolVersion>TLSv1.3_2025</MinimumProtocolVersion>", tls.VersionTLS12, []string{"h2", "http/1.1"}, false},
		{"http2and3", "<ACMCertificateArn>a</ACMCertificateArn><MinimumProtocolVersion>TLSv1.2_2021</MinimumProtocolVersion>", tls.VersionTLS12, []string{"h3", "h2", "http/1.1"}, true},
		{"http3", "<ACMCertificateArn>a</ACMCertificateArn><MinimumProtocolVersion>TLSv1.2_2018</MinimumProtocolVersion>", tls.VersionTLS12, []string{"h3", "http/1.1"}, false},
		{"http1.1", "<ACMCertificateArn>a</ACMCertificateArn><MinimumProtocolVersion>TLSv1.3_2025</MinimumProtocolVersion>", tls.VersionTLS13, []string{"http/1.1"}, false},
	} {
		state := stateWith(t, "<HttpVersion>"+c.version+"</HttpVersion><ViewerCertificate>"+c.certificate+"</ViewerCertificate>")
		config := New(func() *cdn.State { return state }, none{}, slog.New(slog.DiscardHandler))
		got, err := config.GetConfigForClient(&tls.ClientHelloInfo{ServerName: "DE1.warmfront.test."})
		if err != nil || got.MinVersion != c.least || !slices.Equal(got.NextProtos, c.protocols) || (got.CipherSuites != nil) != c.restricted {
			t.Errorf("%s, %s: %+v, %v", c.version, c.certificate, got, err)
		}
		other, _ := config.GetConfigForClient(&tls.ClientHelloInfo{ServerName: "other.test"})
		if !slices.Equal(other.NextProtos, []string{"h2", "http/1.1"}) {
			t.Errorf("an unknown name is offered %v", other.NextProtos)
		}
	}
}

func stateWith(t *testing.T, fields string) *cdn.State {
	t.Helper()
	change, err := cdn.NewChange(cdn.KindDistributionPut, cdn.Distribution{ID: "E1", Domain: "de1.warmfront.test", Config: `<DistributionConfig><Enabled>true</Enabled><Origins><Items><Origin><Id>o</Id><DomainName>origin.test</DomainName><CustomOriginConfig><HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy></CustomOriginConfig></Origin></Items></Origins><DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy><CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior>` + fields + `</DistributionConfig>`}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	s := cdn.NewState(1)
	change.Version = s.Version.Next()
	if s, err = s.Apply(change); err != nil {
		t.Fatal(err)
	}
	return s
}
