// Package private verifies signed URLs and signed cookies (developer guide, "Serve private
// content with signed URLs and signed cookies"). It is pure: `now` is a parameter.
//
// One request goes through it like this. [Find] takes what belongs to a signature out of the
// query string or, where there is none, out of the cookies. [Check] finds the public key by
// its id among those of whom the behavior trusts, makes the canned policy anew or reads the custom
// one, verifies the signature over exactly these bytes, and only then looks at what the
// policy says: for which resource, until when, from when, for which addresses.
package private

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // CloudFront's signatures are over SHA-1 unless they say otherwise
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/paths"
	"github.com/warmfront/warmfront/cdn/signer"
)

// maxPolicy bounds a policy, in bytes of its encoded form; a URL cannot be longer.
const maxPolicy = 8192

// Signature is what a request has of a signature: in the query string, or in cookies.
type Signature struct {
	KeyID, Signature string
	Expires          string // of a canned policy
	Policy           string // a custom policy, encoded
	Hash             string // "SHA1", which is also the default, or "SHA256"
}

// names are the query parameters of a signature; cookies have "CloudFront-" before them.
func (s *Signature) names() map[string]*string {
	return map[string]*string{"Key-Pair-Id": &s.KeyID, "Signature": &s.Signature, "Expires": &s.Expires, "Policy": &s.Policy, "Hash-Algorithm": &s.Hash}
}

// Find takes the signature out of a query string, and else, or besides, out of cookies. It
// returns both without what is the signature's: neither cache key nor origin sees that. The
// query string goes before the cookies.
func Find(query, cookies string) (s Signature, restQuery, restCookies string) {
	restQuery = take(query, "&", "&", "", &s)
	inQuery := s != (Signature{})
	var fromCookies Signature
	restCookies = take(cookies, ";", "; ", "CloudFront-", &fromCookies)
	if !inQuery {
		s = fromCookies
	}
	return s, restQuery, restCookies
}

func take(list, separator, join, prefix string, s *Signature) string {
	if list == "" {
		return ""
	}
	names := s.names()
	var rest []string
	for item := range strings.SplitSeq(list, separator) {
		if separator == ";" {
			item = strings.TrimSpace(item)
		}
		name, value, _ := strings.Cut(item, "=")
		field := names[strings.TrimPrefix(name, prefix)]
		if field == nil || !strings.HasPrefix(name, prefix) {
			if item != "" || separator == "&" {
				rest = append(rest, item)
			}
			continue
		}
		*field = value
	}
	return strings.Join(rest, join)
}

// Request is what a policy speaks of.
type Request struct {
	// URLs are the forms that the viewer's URL may have had when it was signed, without what
	// belongs to the signature: with and without a port.
	URLs   []string
	Viewer netip.Addr
}

// Refusal is why a request is not answered: a sentence for a person.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Check returns nil if s lets r pass, else a Refusal.
func Check(s Signature, trusted []*signer.Signer, r Request, now time.Time) error {
	switch {
	case s == (Signature{}):
		return Refusal("This content is private: the URL, or the request's cookies, must be signed.")
	case s.KeyID == "":
		return Refusal("The Key-Pair-Id of the signature is missing.")
	case s.Signature == "":
		return Refusal("The Signature is missing.")
	case (s.Expires == "") == (s.Policy == ""):
		return Refusal("A signature needs either Expires or Policy.")
	case len(s.Policy) > maxPolicy:
		return Refusal("The policy is too long.")
	}
	key := find(trusted, s.KeyID)
	if key == nil {
		return Refusal("The Key-Pair-Id " + strconv.Quote(abridged(s.KeyID)) + " is that of no key that is trusted here.")
	}
	signature, err := decode(s.Signature)
	if err != nil {
		return Refusal("The Signature is not in CloudFront's form of base64.")
	}
	if s.Policy == "" {
		return checkCanned(s, key, signature, r, now)
	}
	return checkCustom(s, key, signature, r, now)
}

func abridged(s string) string { return s[:min(len(s), 32)] }

func find(trusted []*signer.Signer, id string) crypto.PublicKey {
	for _, g := range trusted {
		for _, k := range g.Keys {
			if k.ID == id {
				return k.Key
			}
		}
	}
	return nil
}

// decode undoes CloudFront's base64, in which "-" stands for "+", "~" for "/" and "_" for "=".
func decode(s string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "~", "/", "_", "=").Replace(s))
}

const badSignature = Refusal("The signature does not fit the policy, the URL and the key.")

// checkCanned verifies a signature with a canned policy, which says nothing but the URL and
// its end, and is made anew, to the byte.
func checkCanned(s Signature, key crypto.PublicKey, signature []byte, r Request, now time.Time) error {
	expires, err := strconv.ParseInt(s.Expires, 10, 64)
	if err != nil || expires < 0 {
		return Refusal("Expires is not a time in seconds.")
	}
	fits := false
	for _, url := range r.URLs {
		policy := fmt.Sprintf(`{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%s}}}]}`, url, s.Expires)
		fits = fits || verify(key, s.Hash, []byte(policy), signature)
	}
	switch {
	case !fits:
		return badSignature
	case now.Unix() >= expires:
		return expired(expires)
	}
	return nil
}

func expired(at int64) Refusal {
	return Refusal("The signature has expired, at " + time.Unix(at, 0).UTC().Format(time.RFC3339) + ".")
}

// policy is a custom policy, of which one statement counts.
type policy struct {
	Statement []struct {
		Resource  *string
		Condition struct {
			DateLessThan, DateGreaterThan *struct {
				Time int64 `json:"AWS:EpochTime"`
			}
			IPAddress *struct {
				Source string `json:"AWS:SourceIp"`
			} `json:"IpAddress"`
		}
	}
}

func checkCustom(s Signature, key crypto.PublicKey, signature []byte, r Request, now time.Time) error {
	text, err := decode(s.Policy)
	if err != nil {
		return Refusal("The Policy is not in CloudFront's form of base64.")
	}
	if !verify(key, s.Hash, text, signature) {
		return badSignature
	}
	var p policy
	if err := json.Unmarshal(text, &p); err != nil || len(p.Statement) != 1 {
		return Refusal("The policy is not a JSON document with one statement.")
	}
	statement := p.Statement[0]
	condition := statement.Condition
	switch {
	case condition.DateLessThan == nil:
		return Refusal("The policy lacks DateLessThan.")
	case now.Unix() >= condition.DateLessThan.Time:
		return expired(condition.DateLessThan.Time)
	case condition.DateGreaterThan != nil && now.Unix() <= condition.DateGreaterThan.Time:
		return Refusal("The signature is not valid before " + time.Unix(condition.DateGreaterThan.Time, 0).UTC().Format(time.RFC3339) + ".")
	case statement.Resource != nil && !covers(*statement.Resource, r.URLs):
		return Refusal("The policy is for other resources than this URL.")
	case condition.IPAddress != nil && !within(condition.IPAddress.Source, r.Viewer):
		return Refusal("The policy is for other addresses than the viewer's.")
	}
	return nil
}

func covers(resource string, urls []string) bool {
	for _, u := range urls {
		if paths.Match(resource, u) {
			return true
		}
	}
	return false
}

// within reports whether a viewer is in a policy's range, an address or a prefix.
// 0.0.0.0/0 is everybody's.
func within(source string, viewer netip.Addr) bool {
	if source == "0.0.0.0/0" {
		return true
	}
	if !strings.Contains(source, "/") {
		a, err := netip.ParseAddr(source)
		return err == nil && a == viewer.Unmap()
	}
	p, err := netip.ParsePrefix(source)
	return err == nil && p.Masked().Contains(viewer.Unmap())
}

// verify reports whether signature is that of text by key.
func verify(key crypto.PublicKey, hash string, text, signature []byte) bool {
	var sum []byte
	kind := crypto.SHA1
	switch hash {
	case "", "SHA1":
		s := sha1.Sum(text) //nolint:gosec // see above
		sum = s[:]
	case "SHA256":
		s := sha256.Sum256(text)
		sum, kind = s[:], crypto.SHA256
	default:
		return false
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, kind, sum, signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, sum, signature)
	}
	return false
}
