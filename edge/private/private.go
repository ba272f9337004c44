// Package private verifies signed URLs and signed cookies (developer guide, "Serve private
// content with signed URLs and signed cookies"), and makes them. It is pure: `now` is a
// parameter.
//
// One request goes through it like this. [Find] takes what belongs to a signature out of the
// query string or, where there is none, out of the cookies. [Check] finds the public key by
// its id among those of whom the behavior trusts, makes the canned policy anew or reads the custom
// one, verifies the signature over exactly these bytes, and only then looks at what the
// policy says: for which resource, until when, from when, for which addresses. What it
// refuses is told to the viewer by CloudFront's code and message; the sentence with the
// particulars is for logs and for whoever asks why ([Describe] besides).
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
	Cookies          bool   // it was in cookies
}

// cookiePrefix begins the names of a signature's cookies.
const cookiePrefix = "CloudFront-"

// names are the query parameters of a signature; cookies have cookiePrefix before them.
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
	restCookies = take(cookies, ";", "; ", cookiePrefix, &fromCookies)
	if !inQuery {
		s = fromCookies
		s.Cookies = s != (Signature{})
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

// Check returns nil if s, by one of trusted, lets r pass.
func Check(s Signature, trusted []*signer.Signer, r Request, now time.Time) *Refusal {
	switch {
	case s == (Signature{}):
		return refuse(MissingKey, "This content is private: the URL, or the request's cookies, must be signed.")
	case s.KeyID == "":
		return refuse(MissingKey, "The Key-Pair-Id of the signature is missing.")
	case s.Signature == "":
		return refuse(AccessDenied, "The Signature is missing.")
	case (s.Expires == "") == (s.Policy == ""):
		return refuse(AccessDenied, "A signature needs either Expires or Policy.")
	case len(s.Policy) > maxPolicy:
		return refuse(MalformedPolicy, "The policy is too long.")
	}
	key := find(trusted, s.KeyID)
	if key == nil {
		return refuse(InvalidKey, "The Key-Pair-Id %s is that of no key that is trusted here.", quoted(s.KeyID))
	}
	signature, err := decode(s.Signature)
	if err != nil {
		return refuse(MalformedSignature, "The Signature is not in CloudFront's form of base64.")
	}
	if _, _, ok := digest(s.Hash, nil); !ok {
		return refuse(AccessDenied, "The Hash-Algorithm %s is neither SHA1 nor SHA256.", quoted(s.Hash))
	}
	if s.Policy == "" {
		return checkCanned(s, key, signature, r, now)
	}
	return checkCustom(s, key, signature, r, now)
}

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

// canned is the canned policy for a URL, to the byte.
func canned(url, expires string) []byte {
	return fmt.Appendf(nil, `{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%s}}}]}`, url, expires)
}

// checkCanned verifies a signature with a canned policy, which says nothing but the URL and
// its end, and is made anew.
func checkCanned(s Signature, key crypto.PublicKey, signature []byte, r Request, now time.Time) *Refusal {
	expires, err := strconv.ParseInt(s.Expires, 10, 64)
	if err != nil || !isTime(expires) {
		return refuse(MalformedPolicy, "Expires, %s, is not a time in seconds since 1970.", quoted(s.Expires))
	}
	for _, url := range r.URLs {
		if verify(key, s.Hash, canned(url, s.Expires), signature) {
			return checkEnd(expires, now)
		}
	}
	return refuse(AccessDenied, "The signature is not that of the canned policy for %s until %s by this key.", quoted(r.URLs[0]), when(expires))
}

// lastTime is the last one that policies may have: milliseconds, which look like times of
// thousands of years ahead, are malformed (belief 592).
const lastTime = 1<<31 - 1

func isTime(at int64) bool { return at >= 0 && at <= lastTime }

// checkEnd refuses what has ended.
func checkEnd(at int64, now time.Time) *Refusal {
	if now.Unix() < at {
		return nil
	}
	return refuse(AccessDenied, "The signature has expired, at %s: %v ago.", when(at), apart(at, now))
}

// policy is a custom policy, of which one statement counts.
type policy struct {
	Statement []statement
}

type statement struct {
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

// parse reads a custom policy.
func parse(text []byte) (statement, error) {
	var p policy
	if err := json.Unmarshal(text, &p); err != nil {
		return statement{}, err
	}
	if len(p.Statement) != 1 {
		return statement{}, fmt.Errorf("it has %d statements", len(p.Statement))
	}
	return p.Statement[0], nil
}

func checkCustom(s Signature, key crypto.PublicKey, signature []byte, r Request, now time.Time) *Refusal {
	text, err := decode(s.Policy)
	if err != nil {
		return refuse(MalformedPolicy, "The Policy is not in CloudFront's form of base64.")
	}
	if !verify(key, s.Hash, text, signature) {
		return refuse(AccessDenied, "The signature is not that of the Policy by this key.")
	}
	p, err := parse(text)
	if err != nil {
		return refuse(MalformedPolicy, "The policy is not a JSON document with one statement: %v.", err)
	}
	c := p.Condition
	if c.DateLessThan == nil {
		return refuse(MalformedPolicy, "The policy lacks DateLessThan.")
	}
	if !isTime(c.DateLessThan.Time) || c.DateGreaterThan != nil && !isTime(c.DateGreaterThan.Time) {
		return refuse(MalformedPolicy, "The policy has a date that is not a time in seconds since 1970, up to %s.", when(lastTime))
	}
	if end := checkEnd(c.DateLessThan.Time, now); end != nil {
		return end
	}
	switch {
	case c.DateGreaterThan != nil && now.Unix() <= c.DateGreaterThan.Time:
		at := c.DateGreaterThan.Time
		return refuse(AccessDenied, "The signature is not valid before %s: in %v.", when(at), apart(at, now))
	case p.Resource != nil && !covers(*p.Resource, r.URLs):
		return refuse(AccessDenied, "The policy is for %s, which this URL is not: %s.", quoted(*p.Resource), quoted(r.URLs[0]))
	case c.IPAddress != nil && !within(c.IPAddress.Source, r.Viewer):
		return refuse(AccessDenied, "The policy is for viewers at %s, and this one is at %v.", quoted(c.IPAddress.Source), r.Viewer.Unmap())
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
	kind, sum, ok := digest(hash, text)
	if !ok {
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

// digest returns the hash of text by CloudFront's name for it.
func digest(name string, text []byte) (kind crypto.Hash, sum []byte, ok bool) {
	switch name {
	case "", "SHA1":
		s := sha1.Sum(text) //nolint:gosec // see above
		return crypto.SHA1, s[:], true
	case "SHA256":
		s := sha256.Sum256(text)
		return crypto.SHA256, s[:], true
	}
	return 0, nil, false
}
