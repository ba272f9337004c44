package edge

import (
	"crypto/tls"
	"strings"
)

// tlsConfig is what viewers are met with: TLS 1.2 and later, a certificate by
// SNI, the protocols that the distribution has. A name that is not served gets no
// certificate but the alert unrecognized_name.
func (e *Edge) tlsConfig() *tls.Config {
	get := func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName == "" {
			return nil, nil
		}
		cert, err := e.cfg.Certificates.GetCertificate(hello)
		if err != nil {
			e.cfg.Logger.Debug("no certificate", "name", hello.ServerName, "err", err)
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
		s := e.cfg.State()
		if s == nil {
			return two, nil
		}
		p := s.PlanFor(Host(hello.ServerName))
		switch {
		case p == nil:
			return two, nil
		case speaksHTTP2(p.HTTPVersion) && speaksHTTP3(p.HTTPVersion):
			return nil, nil // nil: go on with this one
		case speaksHTTP2(p.HTTPVersion):
			return two, nil
		case speaksHTTP3(p.HTTPVersion):
			return three, nil
		}
		return one, nil
	}
	return all
}

// speaksHTTP2 and speaksHTTP3 read a distribution's HttpVersion: http1.1, http2,
// http3 (which is HTTP/3 and HTTP/1.1), http2and3.
func speaksHTTP2(version string) bool { return strings.HasPrefix(version, "http2") }

func speaksHTTP3(version string) bool { return strings.HasSuffix(version, "3") }
