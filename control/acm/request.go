package acm

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
	"github.com/warmfront/warmfront/control/ca"
)

type requestInput struct {
	DomainName              string
	SubjectAlternativeNames []string
	ValidationMethod        string
	KeyAlgorithm            string
	IdempotencyToken        string
	CertificateAuthorityArn string
	Options                 options
	Tags                    []tag
}

const (
	// issuedFor is the life of what is issued here, as ACM's own public certificates
	// have had it: 13 months.
	issuedFor = 395 * 24 * time.Hour
	// sameToken is for how long an idempotency token gives the same certificate (ACM
	// API, RequestCertificate).
	sameToken = time.Hour
	maxNames  = 100
)

// request issues a certificate at once.
func (h *handler) request(ctx context.Context, in *requestInput) (any, error) {
	names, err := namesOf(in)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	s := h.Journal.State()
	if r := s.ResourceReferenced(cdn.ResourceCertificate, in.IdempotencyToken); in.IdempotencyToken != "" && r != nil && h.Now().Sub(r.Created) < sameToken {
		if c, err := account.ParseCertificate(r.Document); err == nil && c.Domain == names[0] {
			return reference{r.ID}, nil
		}
	}
	for _, name := range names {
		if !h.ours(s, name) {
			return nil, cdn.Errorf("InvalidDomainValidationOptionsException", "%s cannot be validated here: the network's authority issues certificates for names in %s, in hosted zones made here, and for aliases of distributions. Create the hosted zone first, or import a certificate.", name, h.Zone)
		}
	}
	key, text, err := newKey(in.KeyAlgorithm)
	if err != nil {
		return nil, err
	}
	leaf, chain, err := h.Issue(key, names, issuedFor)
	if err != nil {
		return nil, cdn.Errorf("InvalidParameterException", "The certificate cannot be issued: %v", err)
	}
	parsed, err := certificates(leaf)
	if err != nil {
		return nil, err
	}
	c, err := describeLeaf(parsed[0])
	if err != nil {
		return nil, err
	}
	c.Domain, c.Leaf, c.Chain, c.Validation, c.Export = names[0], string(leaf), string(chain), in.ValidationMethod, in.Options.Export
	arn := h.newARN()
	if err := h.Vault.Put(string(cdn.ResourceCertificate), arn, text); err != nil {
		return nil, err
	}
	err = h.put(ctx, func(*cdn.State) (*cdn.Resource, error) {
		now := h.Now().UTC().Truncate(time.Second)
		return &cdn.Resource{
			Kind: cdn.ResourceCertificate, ID: arn, CallerReference: in.IdempotencyToken, ETag: c.Serial, Created: now, LastModified: now,
			Tags: tags, Document: account.Encode(c),
		}, nil
	})
	return reference{arn}, err
}

// namesOf are the names asked for, each once, the domain name first.
func namesOf(in *requestInput) ([]string, error) {
	if in.CertificateAuthorityArn != "" {
		return nil, cdn.Errorf("InvalidArnException", "There is no private certificate authority here: leave CertificateAuthorityArn out.")
	}
	switch in.ValidationMethod {
	case "":
		in.ValidationMethod = "EMAIL"
	case "DNS", "EMAIL":
	default:
		return nil, cdn.Errorf("ValidationException", "ValidationMethod %.32q: use DNS or EMAIL.", in.ValidationMethod)
	}
	var names []string
	for _, name := range append([]string{in.DomainName}, in.SubjectAlternativeNames...) {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if name == "" || len(name) > 253 || !strings.Contains(name, ".") {
			return nil, cdn.Errorf("ValidationException", "%.253q is not a domain name.", name)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > maxNames {
		return nil, cdn.Errorf("LimitExceededException", "A certificate can be for at most %d names.", maxNames)
	}
	return names, nil
}

// ours reports whether a name is the account's: then nothing is left to validate.
func (h *handler) ours(s *cdn.State, name string) bool {
	if ca.Own(h.Zone, name) {
		return false
	}
	host := strings.TrimPrefix(name, "*.")
	within := func(zone string) bool { return host == zone || strings.HasSuffix(host, "."+zone) }
	if within(strings.ToLower(strings.Trim(h.Zone, "."))) {
		return true
	}
	for _, z := range s.ResourcesOf(cdn.ResourceHostedZone) {
		if within(strings.TrimSuffix(z.Name, ".")) {
			return true
		}
	}
	for _, p := range s.Plans {
		if slices.Contains(p.Aliases, name) {
			return true
		}
	}
	return false
}

// newKey makes a private key, and its PEM.
func newKey(algorithm string) (crypto.PublicKey, string, error) {
	var key crypto.Signer
	var err error
	switch algorithm {
	case "", "RSA_2048":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "EC_prime256v1":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EC_secp384r1":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		return nil, "", cdn.Errorf("ValidationException", "KeyAlgorithm %.32q: use RSA_2048, EC_prime256v1 or EC_secp384r1.", algorithm)
	}
	if err != nil {
		return nil, "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return key.Public(), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), err
}

// validationRecord is the record by which ACM would validate a name. Nobody looks it
// up here, but an apply makes it.
func validationRecord(arn, name string) *record {
	host := strings.TrimPrefix(name, "*.") // a wildcard has its domain's
	sum := sha256.Sum256([]byte(arn + "/" + host))
	x := hex.EncodeToString(sum[:])
	return &record{Name: "_" + x[:32] + "." + host + ".", Type: "CNAME", Value: "_" + x[32:] + ".acm-validations.aws."}
}
