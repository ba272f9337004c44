package ca

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

const (
	nodeURIScheme = "warmfront"
	nodeURIHost   = "node"
)

// ControlID begins the identities of control; no node may have one.
const ControlID = "control"

// CheckID accepts what a node may be called. Every call of a node goes through it.
func CheckID(id string) error {
	good := len(id) > 0 && len(id) <= 63 && id[0] != '-'
	for i := range len(id) {
		c := id[i]
		good = good && (c == '-' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z')
	}
	if !good {
		return fmt.Errorf("a node cannot be called %q: letters, digits and hyphens, at most 63", id)
	}
	return nil
}

// IsControl reports whether an identity is control's.
func IsControl(id string) bool { return strings.HasPrefix(strings.ToLower(id), ControlID) }

// NodeID returns the identity that a node's certificate proves.
func NodeID(c *x509.Certificate) (string, error) {
	if len(c.URIs) != 1 || c.URIs[0].Scheme != nodeURIScheme || c.URIs[0].Host != nodeURIHost {
		return "", errors.New("the certificate is not a node's")
	}
	id := strings.TrimPrefix(c.URIs[0].Path, "/")
	return id, CheckID(id)
}

// Identity is what a node proves itself by, and whom it believes.
type Identity struct {
	Certificate tls.Certificate
	// Nodes holds the node authority.
	Nodes *x509.CertPool
}

// NewIdentity makes an Identity of a key, its certificate and the authority's,
// all in PEM.
func NewIdentity(certificate, key, authority []byte) (Identity, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return Identity{}, fmt.Errorf("the node's certificate: %w", err)
	}
	pool, err := Pool(authority)
	return Identity{pair, pool}, err
}

// Pool makes a pool of authorities in PEM.
func Pool(authorities []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authorities) {
		return nil, errors.New("the authority's certificate is not in PEM")
	}
	return pool, nil
}

// Dial returns the TLS configuration by which a node calls another and believes
// it only if want accepts the identity the other proves.
func (i Identity) Dial(want func(id string) bool) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{i.Certificate},
		// Nodes are known by identity, not by host name: the standard check, which
		// is for host names, is replaced by verify, not left out.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			id, err := i.verify(s, x509.ExtKeyUsageServerAuth)
			if err == nil && !want(id) {
				err = fmt.Errorf("the peer is %s, which is not who was called", id)
			}
			return err
		},
	}
}

// Accept returns the TLS configuration by which calls of nodes are taken, without
// the certificate to show. Callers may come without one, too; PeerID tells.
func Accept(nodes *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ClientAuth: tls.VerifyClientCertIfGiven,
		ClientCAs:  nodes,
		// No session is resumed: each connection proves who it is.
		SessionTicketsDisabled: true,
	}
}

// PeerID returns the identity that the caller of an accepted connection proved.
func PeerID(s *tls.ConnectionState) (string, error) {
	if s == nil || len(s.VerifiedChains) == 0 {
		return "", errors.New("the caller has shown no node certificate")
	}
	return NodeID(s.PeerCertificates[0])
}

func (i Identity) verify(s tls.ConnectionState, usage x509.ExtKeyUsage) (string, error) {
	if len(s.PeerCertificates) == 0 {
		return "", errors.New("the peer has shown no certificate")
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: i.Nodes, CurrentTime: time.Now(), KeyUsages: []x509.ExtKeyUsage{usage},
	})
	if err != nil {
		return "", err
	}
	return NodeID(s.PeerCertificates[0])
}

// ServedName returns the name that the certificate for a viewer's SNI is made
// for, "" where no distribution answers to it. Under an alias such as
// "*.example.com" all names share one certificate, so that a stranger who makes
// names up causes no more than one to be made. "LABEL.localhost" stands for
// "LABEL.ZONE": browsers resolve it without any set-up.
func ServedName(s *cdn.State, zone, sni string) string {
	sni = strings.ToLower(strings.TrimSuffix(sni, "."))
	host := inZone(sni, zone)
	p := s.PlanFor(host)
	if p == nil || checkName(sni) != nil || Own(zone, host) {
		return ""
	}
	if host != sni || p.Domain == host {
		return sni
	}
	if pop, _ := s.AtPOP(sni); pop != "" || slices.Contains(p.Aliases, sni) {
		return sni
	}
	// A wildcard certificate is for one label: no alias that stands for more has one.
	if _, rest, _ := strings.Cut(sni, "."); slices.Contains(p.Aliases, "*."+rest) {
		return "*." + rest
	}
	return ""
}

// Serves reports whether a certificate for name, one that ServedName gave, may be
// made: some distribution has it as its domain name or as an alias.
func Serves(s *cdn.State, zone, name string) bool {
	if wildcard, ok := strings.CutPrefix(name, "*."); ok {
		// Any name that the alias stands for leads to it, if it exists.
		p := s.PlanFor("*." + wildcard)
		return p != nil && slices.Contains(p.Aliases, name) && !Own(zone, name)
	}
	return name != "" && ServedName(s, zone, name) == name
}

func inZone(sni, zone string) string {
	if label, ok := strings.CutSuffix(sni, ".localhost"); ok {
		return label + "." + zone
	}
	return sni
}
