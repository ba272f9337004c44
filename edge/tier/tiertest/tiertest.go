// Package tiertest has what tests need of a network whose edges ask one another: an
// authority that says which node is which.
package tiertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"testing"
	"time"
)

// Authority signs identities.
type Authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

// New makes an authority.
func New(t testing.TB) *Authority {
	a := &Authority{t: t, pool: x509.NewCertPool()}
	a.cert, a.key = a.sign("authority", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.pool.AddCert(a.cert)
	return a
}

func (a *Authority) sign(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.Subject.CommonName = big.NewInt(time.Now().UnixNano()), name
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// Identity implements tier.Identity for a node. It takes calls of whomever Edge
// accepts.
type Identity struct {
	Edge func(id string) bool
	cert tls.Certificate
	pool *x509.CertPool
}

// Identity makes one, which takes calls of all that the authority knows.
func (a *Authority) Identity(id string) *Identity {
	cert, key := a.sign(id, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	return &Identity{
		Edge: func(string) bool { return true }, pool: a.pool,
		cert: tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key},
	}
}

// Dial implements tier.Identity.
func (i *Identity) Dial(id string) (*tls.Config, error) {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{i.cert}, InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: i.pool})
			if err == nil && s.PeerCertificates[0].Subject.CommonName != id {
				err = errors.New("it is " + s.PeerCertificates[0].Subject.CommonName + ", not " + id)
			}
			return err
		},
	}, nil
}

// Accept implements tier.Identity.
func (i *Identity) Accept() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{i.cert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: i.pool,
		VerifyConnection: func(s tls.ConnectionState) error {
			if id := s.PeerCertificates[0].Subject.CommonName; !i.Edge(id) {
				return errors.New(id + " is no edge")
			}
			return nil
		},
	}
}
