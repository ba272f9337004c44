package acm

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
)

type importInput struct {
	CertificateArn   string
	Certificate      []byte // base64 in JSON, as are the others
	PrivateKey       []byte
	CertificateChain []byte
	Tags             []tag
}

// importCertificate keeps a certificate that was brought along, under a new ARN or
// in place of one that was imported before.
func (h *handler) importCertificate(ctx context.Context, in *importInput) (any, error) {
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	if in.CertificateArn != "" && len(tags) > 0 {
		return nil, cdn.Errorf("ValidationException", "Tags cannot be given when a certificate is imported again.")
	}
	c, err := readImport(in, h.Now())
	if err != nil {
		return nil, err
	}
	arn := in.CertificateArn
	if arn == "" {
		arn = h.newARN()
	} else if err := h.replaceable(h.Journal.State(), arn); err != nil {
		return nil, err
	}
	// Key and certificate are kept one after the other. A new certificate with the old
	// key between the two would be refused by the edge, which checks that they match
	// and asks again.
	if err := h.Vault.Put(string(cdn.ResourceCertificate), arn, string(in.PrivateKey)); err != nil {
		return nil, err
	}
	err = h.put(ctx, func(s *cdn.State) (*cdn.Resource, error) {
		now := h.Now().UTC().Truncate(time.Second)
		next := cdn.Resource{Kind: cdn.ResourceCertificate, ID: arn, Created: now, Tags: tags}
		if in.CertificateArn != "" {
			if err := h.replaceable(s, arn); err != nil {
				return nil, err
			}
			next = *s.Resource(cdn.ResourceCertificate, arn)
		}
		next.LastModified, next.ETag, next.Document = now, c.Serial, account.Encode(c)
		return &next, nil
	})
	return reference{arn}, err
}

// replaceable refuses an ARN under which nothing can be imported.
func (h *handler) replaceable(s *cdn.State, arn string) error {
	_, c, err := h.find(s, arn)
	if err == nil && !c.Imported {
		err = cdn.Errorf("ValidationException", "Certificate %s was issued here: only an imported one can be imported again.", arn)
	}
	return err
}

// readImport checks that certificate, key and chain go together and are in time.
func readImport(in *importInput, now time.Time) (*account.Certificate, error) {
	invalid := func(format string, args ...any) error { return cdn.Errorf("ValidationException", format, args...) }
	leaves, err := certificates(in.Certificate)
	switch {
	case err != nil || len(leaves) != 1:
		return nil, invalid("The certificate field must contain one certificate in PEM: the chain has a field of its own.")
	case len(in.PrivateKey) == 0:
		return nil, invalid("The private key is missing.")
	case bytes.Contains(in.PrivateKey, []byte("ENCRYPTED")):
		return nil, invalid("The private key is encrypted: it must be unencrypted and in PEM.")
	}
	if _, err := tls.X509KeyPair(in.Certificate, in.PrivateKey); err != nil {
		return nil, invalid("The private key does not match the certificate, or is not in PEM: %v", err)
	}
	leaf := leaves[0]
	switch {
	case now.Before(leaf.NotBefore):
		return nil, invalid("The certificate is not in effect before %s.", leaf.NotBefore.UTC().Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return nil, invalid("The certificate has expired at %s.", leaf.NotAfter.UTC().Format(time.RFC3339))
	case len(leaf.DNSNames) == 0:
		return nil, invalid("The certificate has no subject alternative name: viewers believe none without.")
	}
	chain, err := certificates(in.CertificateChain)
	if err != nil {
		return nil, invalid("The certificate chain cannot be read: %v", err)
	}
	child := leaf
	for _, parent := range chain {
		if err := child.CheckSignatureFrom(parent); err != nil {
			return nil, invalid("Could not validate the certificate with the certificate chain: %q is not signed by %q.", child.Subject, parent.Subject)
		}
		if now.Before(parent.NotBefore) || now.After(parent.NotAfter) {
			return nil, invalid("The certificate %q of the chain is not in effect.", parent.Subject)
		}
		child = parent
	}
	c, err := describeLeaf(leaf)
	if err != nil {
		return nil, err
	}
	c.Imported, c.Leaf, c.Chain = true, string(encode(leaf)), ""
	for _, parent := range chain {
		c.Chain += string(encode(parent))
	}
	return c, nil
}

func encode(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// maxCertificates bounds a chain.
const maxCertificates = 10

// certificates reads all certificates of a text; other text around them is allowed.
func certificates(text []byte) (all []*x509.Certificate, err error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			if strings.Contains(string(text), "-----BEGIN") || len(all) == 0 && len(bytes.TrimSpace(text)) > 0 {
				return nil, cdn.Errorf("ValidationException", "it is not in PEM")
			}
			return all, nil
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if all = append(all, c); len(all) > maxCertificates {
			return nil, cdn.Errorf("ValidationException", "it has more than %d certificates", maxCertificates)
		}
		text = rest
	}
}

// describeLeaf takes from a certificate what is told of it.
func describeLeaf(leaf *x509.Certificate) (*account.Certificate, error) {
	c := &account.Certificate{
		NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(), Subject: leaf.Subject.String(), Issuer: leaf.Issuer.CommonName,
		Signature: strings.ReplaceAll(strings.ToUpper(leaf.SignatureAlgorithm.String()), "-", "WITH"),
	}
	for _, name := range leaf.DNSNames {
		c.Names = append(c.Names, strings.ToLower(name))
	}
	if c.Domain = strings.ToLower(leaf.Subject.CommonName); c.Domain == "" || !c.Covers(c.Domain) {
		c.Domain = c.Names[0]
	}
	serial := hex.EncodeToString(leaf.SerialNumber.Bytes())
	for i := 0; i < len(serial); i += 2 {
		c.Serial += ":" + serial[i:i+2]
	}
	c.Serial = strings.TrimPrefix(c.Serial, ":")
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		c.Key = "RSA_" + strconv.Itoa(key.N.BitLen())
		if key.N.BitLen() < 1024 || key.N.BitLen() > 4096 {
			return nil, cdn.Errorf("ValidationException", "An RSA key has 1024 to 4096 bits, not %d.", key.N.BitLen())
		}
	case *ecdsa.PublicKey:
		c.Key = map[string]string{"P-256": "EC_prime256v1", "P-384": "EC_secp384r1", "P-521": "EC_secp521r1"}[key.Curve.Params().Name]
	}
	if c.Key == "" {
		return nil, cdn.Errorf("ValidationException", "The certificate's key is neither RSA nor ECDSA over P-256, P-384 or P-521.")
	}
	return c, nil
}
