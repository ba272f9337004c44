package signer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"
)

func TestIsKeyPair(t *testing.T) {
	for name, want := range map[string]bool{
		"APKAEIBAERJR2EXAMPLE": true, "APKAEIBAERJR2EXAMPL": false, "APKAEIBAERJR2EXAMPLES": false,
		"APKAEIBAERJR2example": false, "K2JCJMDEHXQW5F": false, "AKIAEIBAERJR2EXAMPLE": false, "": false,
	} {
		if got := IsKeyPair(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestIsOwn(t *testing.T) {
	const arn = "arn:aws:cloudfront::123456789012:distribution/E1"
	for _, c := range []struct {
		item, arn string
		want      bool
	}{
		{"self", arn, true}, {"self", "", true}, {"123456789012", arn, true},
		{"210987654321", arn, false}, {"123456789012", "", false}, {"", "arn:aws:cloudfront:::distribution/E1", false},
	} {
		if got := IsOwn(c.item, c.arn); got != c.want {
			t.Errorf("%q of %q: %v, want %v", c.item, c.arn, got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	encode := func(public any) string {
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, pem string
		want      bool
	}{
		{"RSA of 2048 bits", encode(&large.PublicKey), true}, {"ECDSA on P-256", encode(&p256.PublicKey), true},
		{"RSA of 1024 bits", encode(&small.PublicKey), false}, {"ECDSA on P-384", encode(&p384.PublicKey), false},
		{"no PEM", "key", false}, {"no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", false},
	} {
		if _, ok := Parse(c.pem); ok != c.want {
			t.Errorf("%s: %v, want %v", c.name, ok, c.want)
		}
	}
}
