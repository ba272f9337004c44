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
	with := func(protocols ...string) *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: get, NextProtos: protocols}
	}
	// One configuration for each HttpVersion, so that tickets are resumed.
	all, two, three, one := with("h3", "h2", "http/1.1"), with("h2", "http/1.1"), with("h3", "http/1.1"), with("http/1.1")
	all.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		s := state()
		if s == nil {
			return two, nil
		}
		p := s.PlanFor(strings.ToLower(strings.TrimSuffix(hello.ServerName, ".")))
		switch {
		case p == nil:
			return two, nil
		case HTTP2(p.HTTPVersion) && HTTP3(p.HTTPVersion):
			return nil, nil // nil: go on with this one
		case HTTP2(p.HTTPVersion):
			return two, nil
		case HTTP3(p.HTTPVersion):
			return three, nil
		}
		return one, nil
	}
	return all
}

// HTTP2 reads a distribution's HttpVersion, which is http1.1, http2, http3 (HTTP/3
// and HTTP/1.1) or http2and3.
func HTTP2(version string) bool { return strings.HasPrefix(version, "http2") }

// HTTP3 reads the same.
func HTTP3(version string) bool { return strings.HasSuffix(version, "3") }
