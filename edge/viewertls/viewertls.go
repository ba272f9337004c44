// Package viewertls says how viewers are met over TLS: by which versions, with which
// certificate, and by which protocols of HTTP their distribution is spoken to.
package viewertls

import (
	"crypto/tls"
	"log/slog"
	"strings"

	"github.com/warmfront/warmfront/cdn"
)

// Certificates gives the certificate for a name that TLS asks for; an error or
// nil for names that are not served.
type Certificates interface {
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// New returns what viewers are met with: TLS 1.2 and later, a certificate by SNI, the
// protocols that the distribution has by state, which may return nil. A name that
// is not served gets no certificate but the alert unrecognized_name.
func New(state func() *cdn.State, certificates Certificates, log *slog.Logger) *tls.Config {
	get := func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName == "" {
			return nil, nil
		}
		cert, err := certificates.GetCertificate(hello)
		if err != nil {
			log.Debug("no certificate", "name", hello.ServerName, "err", err)
			return nil, nil // crypto/tls makes unrecognized_name of it
		}
		return cert, nil
	}
	// One configuration for each way to be met, so that tickets are resumed.
	configs := map[way]*tls.Config{}
	for _, p := range []policy{olderPolicy, policy12, policy13} {
		for _, two := range []bool{false, true} {
			for _, three := range []bool{false, true} {
				w := way{p, two, three}
				configs[w] = w.config(get)
			}
		}
	}
	unknown := way{olderPolicy, true, false}
	all := way{olderPolicy, true, true}.config(get)
	all.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if s := state(); s != nil {
			if p := s.PlanFor(strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))); p != nil {
				return configs[way{policyOf(p.SecurityPolicy), HTTP2(p.HTTPVersion), HTTP3(p.HTTPVersion)}], nil
			}
		}
		return configs[unknown], nil
	}
	return all
}

// way is how a distribution's viewers are met.
type way struct {
	policy       policy
	http2, http3 bool
}

func (w way) config(get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: get}
	if w.http3 {
		c.NextProtos = append(c.NextProtos, "h3")
	}
	if w.http2 {
		c.NextProtos = append(c.NextProtos, "h2")
	}
	c.NextProtos = append(c.NextProtos, "http/1.1")
	switch w.policy {
	case policy13:
		c.MinVersion = tls.VersionTLS13
	case policy12:
		c.CipherSuites = []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		}
	}
	return c
}

// policy is what of a security policy makes a difference here (developer guide,
// "Supported protocols and ciphers between viewers and CloudFront").
type policy int

const (
	olderPolicy policy = iota // whatever it allows, TLS 1.2 is the least
	policy12                  // TLS 1.2 with forward secrecy and authenticated encryption
	policy13
)

func policyOf(name string) policy {
	switch {
	case strings.HasPrefix(name, "TLSv1.3"):
		return policy13
	case strings.HasPrefix(name, "TLSv1.2") && name >= "TLSv1.2_2019":
		return policy12
	}
	return olderPolicy
}

// HTTP2 reads a distribution's HttpVersion, which is http1.1, http2, http3 (HTTP/3
// and HTTP/1.1) or http2and3.
func HTTP2(version string) bool { return strings.HasPrefix(version, "http2") }

// HTTP3 reads the same.
func HTTP3(version string) bool { return strings.HasSuffix(version, "3") }
