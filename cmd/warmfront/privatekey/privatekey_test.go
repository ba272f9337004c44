package privatekey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeysInTheirForms: what openssl writes is read, in each of the forms that it has; what
// comes before the key in the file, as the parameters of a curve, is passed over.
func TestKeysInTheirForms(t *testing.T) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs8 := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		return block("PRIVATE KEY", der, err)
	}
	der, err := x509.MarshalECPrivateKey(e)
	sec1 := block("EC PRIVATE KEY", der, err)
	public, err := x509.MarshalPKIXPublicKey(&r.PublicKey)
	for _, c := range []struct {
		name, text string
		want       interface{ Equal(crypto.PrivateKey) bool }
	}{
		{"PKCS #1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r), nil), r},
		{"PKCS #8, RSA", pkcs8(r), r}, {"PKCS #8, ECDSA", pkcs8(e), e}, {"SEC 1", sec1, e},
		{"SEC 1 after its parameters", block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}, nil) + sec1, e},
		{"a public key", block("PUBLIC KEY", public, err), nil}, {"no PEM", "key", nil}, {"nothing", "", nil},
	} {
		file := filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := readSigningKey(file)
		switch {
		case c.want == nil && (err == nil || !strings.Contains(err.Error(), "openssl genrsa -out "+file)):
			t.Errorf("%s: %v", c.name, err)
		case c.want != nil && (err != nil || !c.want.Equal(key)):
			t.Errorf("%s: another key, %v", c.name, err)
		}
	}
}
