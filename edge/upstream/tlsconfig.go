package upstream

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn/origins"
)

// versions is a set of versions of TLS.
type versions struct{ least, most, without uint16 }

// versionsOf returns what an origin may be spoken to by: TLS 1.2 and newer unless its
// settings say otherwise (belief 103). TLS itself can agree on a range alone: one that
// was left out between two others is refused once it was agreed on.
func versionsOf(o *origins.Origin) versions {
	if len(o.TLS) == 0 {
		return versions{least: tls.VersionTLS12, most: tls.VersionTLS13}
	}
	v := versions{least: o.TLS[0], most: o.TLS[len(o.TLS)-1]}
	if v.least == tls.VersionTLS10 && v.most > tls.VersionTLS11 && !slices.Contains(o.TLS, tls.VersionTLS11) {
		v.without = tls.VersionTLS11
	}
	return v
}

// tlsConfig is how connections to a place are made secure. The certificate has to be
// the origin's, of a chain that the roots vouch for: it names the origin's domain or,
// where viewers' Host is forwarded, that (belief 104).
func (p *pool) tlsConfig(roots *x509.CertPool) *tls.Config {
	at := p.place
	cfg := &tls.Config{
		MinVersion: at.tls.least, MaxVersion: at.tls.most, RootCAs: roots, ServerName: strings.Trim(at.host, "[]"),
		ClientSessionCache: tls.NewLRUClientSessionCache(maxSessions), NextProtos: []string{"http/1.1"},
	}
	named := at.forwarded != "" || at.sni != "" || at.names != ""
	if named {
		cfg.ServerName = cmp.Or(at.sni, at.forwarded, cfg.ServerName)
		cfg.InsecureSkipVerify = true // VerifyConnection does it, by either of several names
	}
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		if at.tls.without != 0 && s.Version == at.tls.without {
			return fmt.Errorf("%s is not among the origin's SSL protocols", tls.VersionName(s.Version))
		}
		switch {
		case !named:
			return nil
		case at.names != "":
			return verify(s.PeerCertificates, roots, strings.Fields(at.names)...)
		}
		return verify(s.PeerCertificates, roots, strings.Trim(at.host, "[]"), at.forwarded, at.sni)
	}
	return cfg
}

// verify checks a chain, and that its leaf has one of some names.
func verify(chain []*x509.Certificate, roots *x509.CertPool, names ...string) error {
	if len(chain) == 0 {
		return errors.New("the origin showed no certificate")
	}
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(o); err != nil {
		return err
	}
	var err error
	for _, name := range names {
		if name == "" {
			continue
		}
		if wildcard, found := strings.CutPrefix(name, "*."); found && ofDomain(chain[0].DNSNames, wildcard) {
			return nil
		}
		if e := chain[0].VerifyHostname(name); e == nil {
			return nil
		} else if err == nil {
			err = e
		}
	}
	return err
}

// ofDomain reports whether a certificate has a name directly below a domain, or all of them.
func ofDomain(names []string, domain string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, rest, _ := strings.Cut(name, ".")
		return strings.EqualFold(rest, domain)
	})
}

// told says which Host the origin is told: that counts where it differs from the
// origin's own and TLS is spoken.
func (p place) told(o *origins.Origin, host string) place {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if p.scheme == "https" && o.Kind == origins.Custom && host != "" && !strings.EqualFold(host, o.Domain) {
		p.forwarded = strings.ToLower(host)
	}
	if p.scheme == "https" && o.Kind == origins.Custom {
		p.sni, p.names = o.SNI, strings.Join(o.CertificateNames, " ")
	}
	return p
}
