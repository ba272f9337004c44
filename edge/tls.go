package edge

import (
	"crypto/tls"
	"log"
	"log/slog"
	"strings"
)

// tlsConfig is what viewers are met with: TLS 1.2 and later, a certificate by
// SNI, HTTP/2 where the distribution has it. A name that is not served gets no
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
	both := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: get, NextProtos: []string{"h2", "http/1.1"}}
	http1 := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: get, NextProtos: []string{"http/1.1"}}
	both.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if s := e.cfg.State(); s != nil {
			if p := s.PlanFor(Host(hello.ServerName)); p != nil && !speaksHTTP2(p.HTTPVersion) {
				return http1, nil
			}
		}
		return nil, nil // nil: go on with this one
	}
	return both
}

// speaksHTTP2 reads a distribution's HttpVersion: http1.1, http2, http3 (which is
// HTTP/3 and HTTP/1.1), http2and3.
func speaksHTTP2(version string) bool { return strings.HasPrefix(version, "http2") }

// quietLog takes what net/http would write to the process's log: mostly clients
// that fail a handshake or leave.
func quietLog(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }
