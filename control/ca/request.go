package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// NewRequest returns a certificate request, in PEM, for a key. It names nothing:
// what a certificate says is control's decision.
func NewRequest(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// ErrRequest is returned for certificate requests that are not what NewRequest
// makes.
var ErrRequest = errors.New("the certificate request cannot be used")

// parseRequest checks that whoever sent the request has the key.
func parseRequest(doc []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(doc)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, fmt.Errorf("%w: it is not in PEM", ErrRequest)
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if key, ok := r.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: it is not for an ECDSA P-256 key", ErrRequest)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return r, nil
}

// EncodeKey returns a key in PEM.
func EncodeKey(key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic(err) // a P-256 key always marshals
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// ParseKey reads what EncodeKey wrote.
func ParseKey(doc []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(doc)
	if block == nil || block.Type != "EC PRIVATE KEY" {
		return nil, errors.New("no private key in PEM")
	}
	return x509.ParseECPrivateKey(block.Bytes)
}
