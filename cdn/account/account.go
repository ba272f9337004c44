// Package account holds what an account has around its distributions, as the
// journal keeps it: the certificates of ACM, the hosted zones of Route 53, access
// keys. Each is the document (JSON) of a resource. What is secret of one, a
// private key, is not in it: see control/vault.
//
// Pure: no I/O, no clock.
package account

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Certificate is what is public of a certificate of ACM. Its resource's id is the
// ARN.
type Certificate struct {
	// Domain is the name asked for, or the first that an imported one is for.
	Domain string `json:"domain"`
	// Names are those that it is for, in lower case; the first label may be "*".
	Names []string `json:"names"`
	// Imported tells one that was brought along from one that this network's
	// authority issued.
	Imported bool `json:"imported,omitempty"`
	// Leaf and Chain are PEM; Chain has no root where the certificate's own is unknown.
	Leaf       string    `json:"leaf"`
	Chain      string    `json:"chain,omitempty"`
	Serial     string    `json:"serial"` // hexadecimal, two digits and a colon
	NotBefore  time.Time `json:"not_before"`
	NotAfter   time.Time `json:"not_after"`
	Validation string    `json:"validation,omitempty"` // DNS or EMAIL, where it was issued
	Key        string    `json:"key"`                  // RSA_2048, EC_prime256v1 …
	Signature  string    `json:"signature"`            // SHA256WITHRSA …
	Subject    string    `json:"subject"`
	Issuer     string    `json:"issuer"`
	Export     string    `json:"export,omitempty"` // Options.Export, as asked for
}

// Covers reports whether the certificate is for a host name or a wildcard, in lower
// case: a wildcard stands for one label.
func (c *Certificate) Covers(name string) bool {
	if slices.Contains(c.Names, name) {
		return true
	}
	first, rest, found := strings.Cut(name, ".")
	return found && first != "*" && slices.Contains(c.Names, "*."+rest)
}

// ParseCertificate reads the document of a certificate.
func ParseCertificate(document string) (*Certificate, error) {
	c := &Certificate{}
	return c, json.Unmarshal([]byte(document), c)
}

// AccessKey is what is public of an access key. Its resource's id is the access
// key's, the resource's name a person's name for it.
type AccessKey struct {
	// Services are those that it may be used for, by the names in signatures; none is
	// all.
	Services []string `json:"services,omitempty"`
}

// Allows reports whether the key may be used for a service.
func (k *AccessKey) Allows(service string) bool {
	return len(k.Services) == 0 || slices.Contains(k.Services, service)
}

// ParseAccessKey reads the document of an access key.
func ParseAccessKey(document string) (*AccessKey, error) {
	k := &AccessKey{}
	return k, json.Unmarshal([]byte(document), k)
}

// Zone is a hosted zone of Route 53. Its resource's id is the zone's, the resource's
// name the domain in lower case with its final dot.
type Zone struct {
	Comment string   `json:"comment,omitempty"`
	Records []Record `json:"records"`
}

// Record is a resource record set.
type Record struct {
	Name   string   `json:"name"` // lower case, final dot; the first label may be "*"
	Type   string   `json:"type"` // A, AAAA, CNAME, TXT …
	TTL    uint32   `json:"ttl,omitempty"`
	Values []string `json:"values,omitempty"` // in the form of a zone file
	// Alias is the domain name, lower case without the final dot, of the distribution
	// as which the name is answered; "" for none.
	Alias string `json:"alias,omitempty"`
	// Evaluate is EvaluateTargetHealth, which is kept and given back.
	Evaluate bool `json:"evaluate,omitempty"`
}

// ParseZone reads the document of a hosted zone.
func ParseZone(document string) (*Zone, error) {
	z := &Zone{}
	return z, json.Unmarshal([]byte(document), z)
}

// Encode writes a document.
func Encode(v any) string {
	doc, err := json.Marshal(v)
	if err != nil {
		panic(err) // the types above always marshal
	}
	return string(doc)
}
