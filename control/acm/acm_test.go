package acm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/journaltest"
	"github.com/warmfront/warmfront/control/vault"
)

// pki is a certificate authority of somebody else.
type pki struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newPKI(t *testing.T) *pki {
	p := &pki{t: t, key: newECKey(t)}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	p.cert = p.sign(template, template, p.key)
	return p
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (p *pki) sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), p.key)
	if err != nil {
		p.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (p *pki) leaf(from, to time.Time, names ...string) (cert, key []byte) {
	k := newECKey(p.t)
	c := p.sign(&x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: from, NotAfter: to, DNSNames: names}, p.cert, k)
	return encode(c), ca.EncodeKey(k)
}

type rig struct {
	t *testing.T
	j *journaltest.Journal
	h http.Handler
}

func newRig(t *testing.T) *rig {
	j := journaltest.New()
	v, err := vault.New(j, []byte("a secret of the cluster"))
	if err != nil {
		t.Fatal(err)
	}
	authority, err := ca.Open(ca.Config{Keep: ca.Folder(t.TempDir()), Zone: "warmfront.test"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, j, Handler(Config{
		Gate:    admission.Gate{Hosts: admission.LocalNames("warmfront.test"), Authenticate: func(*http.Request, []byte) error { return nil }, MaxBody: 1 << 20},
		Journal: j, Vault: v, Zone: "warmfront.test", Account: "123456789012", Now: time.Now, RequestID: func() string { return "id" }, Logger: slog.New(slog.DiscardHandler),
		Issue: func(key crypto.PublicKey, names []string, life time.Duration) (leaf, chain []byte, err error) {
			leaf, err = authority.Issue(key, names, life, time.Now())
			return leaf, authority.ViewerPEM(), err
		},
	})}
}

// call makes a call, returns its answer and the code of its error.
func (r *rig) call(name string, in any) (out map[string]any, code string) {
	r.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		r.t.Fatal(err)
	}
	q := httptest.NewRequest("POST", "http://127.0.0.1/", bytes.NewReader(body))
	q.Header.Set("X-Amz-Target", "CertificateManager."+name)
	w := httptest.NewRecorder()
	r.h.ServeHTTP(w, q)
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			r.t.Fatalf("%s: %v", w.Body, err)
		}
	}
	if w.Code != 200 {
		code, _ = out["__type"].(string)
		if code == "" || out["message"] == "" || w.Header().Get("x-amzn-ErrorType") != code {
			r.t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	return out, code
}

func (r *rig) arn(out map[string]any) string {
	r.t.Helper()
	arn, _ := out["CertificateArn"].(string)
	if !strings.HasPrefix(arn, "arn:aws:acm:us-east-1:123456789012:certificate/") {
		r.t.Fatalf("no ARN in %v", out)
	}
	return arn
}

func TestImport(t *testing.T) {
	r, p := newRig(t), newPKI(t)
	now := time.Now()
	cert, key := p.leaf(now.Add(-time.Hour), now.Add(time.Hour), "www.example.com", "*.example.com")
	_, otherKey := p.leaf(now, now.Add(time.Hour), "x.example.com")
	old, oldKey := p.leaf(now.Add(-2*time.Hour), now.Add(-time.Hour), "www.example.com")
	early, earlyKey := p.leaf(now.Add(time.Hour), now.Add(2*time.Hour), "www.example.com")
	nameless, namelessKey := p.leaf(now.Add(-time.Hour), now.Add(time.Hour))
	root := encode(p.cert)
	for name, in := range map[string]importInput{
		"another's key":        {Certificate: cert, PrivateKey: otherKey},
		"no key":               {Certificate: cert},
		"expired":              {Certificate: old, PrivateKey: oldKey},
		"not yet":              {Certificate: early, PrivateKey: earlyKey},
		"no names":             {Certificate: nameless, PrivateKey: namelessKey},
		"another's chain":      {Certificate: cert, PrivateKey: key, CertificateChain: encode(newPKI(t).cert)},
		"no chain":             {Certificate: cert, PrivateKey: key, CertificateChain: []byte("hello")},
		"a cut certificate":    {Certificate: cert[:len(cert)/2], PrivateKey: key},
		"chain as certificate": {Certificate: append(bytes.Clone(cert), root...), PrivateKey: key},
		"an encrypted key":     {Certificate: cert, PrivateKey: pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})},
	} {
		if _, code := r.call("ImportCertificate", in); code != "ValidationException" {
			t.Errorf("%s: %q", name, code)
		}
	}
	out, code := r.call("ImportCertificate", importInput{Certificate: cert, PrivateKey: key, CertificateChain: root, Tags: []tag{{"a", "b"}}})
	if code != "" {
		t.Fatal(out)
	}
	arn := r.arn(out)
	if document := r.j.State().Resource(cdn.ResourceCertificate, arn).Document; strings.Contains(document, "PRIVATE") {
		t.Error("the private key is in the journal")
	}
	out, _ = r.call("DescribeCertificate", reference{arn})
	d := out["Certificate"].(map[string]any)
	if d["Status"] != "ISSUED" || d["Type"] != "IMPORTED" || d["DomainName"] != "www.example.com" || d["KeyAlgorithm"] != "EC_prime256v1" || d["Issuer"] != "Test CA" {
		t.Errorf("%v", d)
	}
	if out, _ := r.call("GetCertificate", reference{arn}); out["Certificate"] != string(cert) || out["CertificateChain"] != string(root) {
		t.Errorf("%v", out)
	}
	// Imported again it stays the same one.
	next, nextKey := p.leaf(now.Add(-time.Hour), now.Add(2*time.Hour), "www.example.com")
	if out, code := r.call("ImportCertificate", importInput{CertificateArn: arn, Certificate: next, PrivateKey: nextKey}); code != "" || r.arn(out) != arn {
		t.Errorf("%v", out)
	}
	if out, _ := r.call("GetCertificate", reference{arn}); out["Certificate"] != string(next) {
		t.Errorf("%v", out)
	}
	if out, _ := r.call("ListTagsForCertificate", reference{arn}); len(out["Tags"].([]any)) != 1 {
		t.Errorf("%v", out)
	}
	for name, test := range map[string]struct {
		in   any
		code string
	}{
		"DescribeCertificate": {reference{arn + "0"}, "ResourceNotFoundException"},
		"GetCertificate":      {reference{"x"}, "InvalidArnException"},
		"ExportCertificate":   {reference{arn}, "UnsupportedOperationException"},
		"Nothing":             {reference{arn}, "UnknownOperationException"},
		"ImportCertificate":   {"x", "SerializationException"},
	} {
		if _, code := r.call(name, test.in); code != test.code {
			t.Errorf("%s: %q, want %q", name, code, test.code)
		}
	}
}

func TestRequest(t *testing.T) {
	r := newRig(t)
	if _, code := r.call("RequestCertificate", requestInput{DomainName: "www.example.com", ValidationMethod: "DNS"}); code != "InvalidDomainValidationOptionsException" {
		t.Errorf("somebody else's name: %q", code)
	}
	for _, name := range []string{"control.warmfront.test", "localhost", "*.warmfront.test"} {
		if out, code := r.call("RequestCertificate", requestInput{DomainName: name}); code == "" {
			t.Errorf("%s: %v", name, out)
		}
	}
	_, err := r.j.Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) {
		c, err := cdn.NewChange(cdn.KindResourcePut, cdn.Resource{Kind: cdn.ResourceHostedZone, ID: "Z1", Name: "example.com.", Document: account.Encode(account.Zone{})}, time.Now())
		return []cdn.Change{c}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	in := requestInput{DomainName: "Example.com", SubjectAlternativeNames: []string{"*.example.com", "example.com"}, ValidationMethod: "DNS", IdempotencyToken: "once", Tags: []tag{{"a", "b"}}}
	out, code := r.call("RequestCertificate", in)
	if code != "" {
		t.Fatal(out)
	}
	arn := r.arn(out)
	if out, _ := r.call("RequestCertificate", in); r.arn(out) != arn {
		t.Error("the same token gives another certificate")
	}
	out, _ = r.call("DescribeCertificate", reference{arn})
	d := out["Certificate"].(map[string]any)
	options := d["DomainValidationOptions"].([]any)
	first := options[0].(map[string]any)
	if d["Status"] != "ISSUED" || d["Type"] != "AMAZON_ISSUED" || d["KeyAlgorithm"] != "RSA_2048" || len(options) != 2 || first["ValidationStatus"] != "SUCCESS" ||
		!strings.HasSuffix(first["ResourceRecord"].(map[string]any)["Name"].(string), ".example.com.") {
		t.Errorf("%v", d)
	}
	out, _ = r.call("GetCertificate", reference{arn})
	leaf, err := certificates([]byte(out["Certificate"].(string)))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(out["CertificateChain"].(string)))
	for _, name := range []string{"example.com", "www.example.com"} {
		if _, err := leaf[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, code := r.call("ImportCertificate", importInput{CertificateArn: arn}); code != "ValidationException" {
		t.Errorf("an issued one is replaced by an import: %q", code)
	}
	list, _ := r.call("ListCertificates", map[string]any{"MaxItems": 10})
	if all := list["CertificateSummaryList"].([]any); len(all) != 1 || all[0].(map[string]any)["CertificateArn"] != arn {
		t.Errorf("%v", list)
	}
	if _, code := r.call("AddTagsToCertificate", tagsInput{arn, []tag{{"c", "d"}}}); code != "" {
		t.Error(code)
	}
	if _, code := r.call("RemoveTagsFromCertificate", tagsInput{arn, []tag{{"a", ""}, {"c", "x"}}}); code != "" {
		t.Error(code)
	}
	if out, _ := r.call("ListTagsForCertificate", reference{arn}); len(out["Tags"].([]any)) != 1 {
		t.Errorf("%v", out)
	}
	if _, code := r.call("DeleteCertificate", reference{arn}); code != "" {
		t.Error(code)
	}
	if _, code := r.call("DeleteCertificate", reference{arn}); code != "ResourceNotFoundException" {
		t.Error(code)
	}
}

func TestPages(t *testing.T) {
	r := newRig(t)
	for range 3 {
		if out, code := r.call("RequestCertificate", requestInput{DomainName: "a.warmfront.test", KeyAlgorithm: "EC_prime256v1"}); code != "" {
			t.Fatal(out)
		}
	}
	seen, token := 0, ""
	for range 4 {
		out, _ := r.call("ListCertificates", map[string]any{"MaxItems": 1, "NextToken": token})
		seen += len(out["CertificateSummaryList"].([]any))
		if token, _ = out["NextToken"].(string); token == "" {
			break
		}
	}
	if seen != 3 || token != "" {
		t.Errorf("%d certificates, then %q", seen, token)
	}
}
