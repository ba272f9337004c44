package private

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Key is what signatures are made with.
type Key struct {
	ID     string        // that of its public key: Key-Pair-Id
	Signer crypto.Signer // RSA, or ECDSA on P-256
	Hash   string        // "SHA1", which is also the default, or "SHA256"
}

// Terms are what a policy that is made says.
type Terms struct {
	Resource string
	Until    time.Time
	From     time.Time // zero: from now on
	Viewers  string    // an address or a range; "" for everybody
}

// SignCanned signs a canned policy, which says until when one URL is given out.
func SignCanned(k Key, url string, until time.Time) (Signature, error) {
	expires := strconv.FormatInt(until.Unix(), 10)
	s, err := k.sign(canned(url, expires))
	s.Policy, s.Expires = "", expires
	return s, err
}

// SignCustom signs a custom policy, as it is written. It refuses one that no edge would
// accept.
func SignCustom(k Key, policy []byte) (Signature, error) {
	p, err := parse(policy)
	if err != nil {
		return Signature{}, fmt.Errorf("the policy is not a JSON document with one statement: %w", err)
	}
	if p.Condition.DateLessThan == nil || !isTime(p.Condition.DateLessThan.Time) {
		return Signature{}, errors.New("the policy lacks DateLessThan, in seconds since 1970")
	}
	return k.sign(policy)
}

// Policy writes a custom policy as the AWS CLI does.
func (t Terms) Policy() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // "&" in a URL stays what it is
	if err := enc.Encode(t.Resource); err != nil {
		return nil, err
	}
	resource := strings.TrimSuffix(b.String(), "\n")
	b.Reset()
	fmt.Fprintf(&b, `{"Statement":[{"Resource":%s,"Condition":{"DateLessThan":{"AWS:EpochTime":%d}`, resource, t.Until.Unix())
	if t.Viewers != "" {
		r, err := viewers(t.Viewers)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, `,"IpAddress":{"AWS:SourceIp":%q}`, r)
	}
	if !t.From.IsZero() {
		fmt.Fprintf(&b, `,"DateGreaterThan":{"AWS:EpochTime":%d}`, t.From.Unix())
	}
	b.WriteString("}}]}")
	return b.Bytes(), nil
}

// viewers is an address or a range as policies have it: a range, always.
func viewers(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Prefix(a.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is neither an address nor a range, such as 203.0.113.0/24", s)
	}
	return p, nil
}

func (k Key) sign(policy []byte) (Signature, error) {
	kind, sum, ok := digest(k.Hash, policy)
	if !ok {
		return Signature{}, fmt.Errorf("the hash algorithm %q is neither SHA1 nor SHA256", k.Hash)
	}
	made, err := k.Signer.Sign(rand.Reader, sum, kind)
	if err != nil {
		return Signature{}, err
	}
	s := Signature{KeyID: k.ID, Signature: encode(made), Policy: encode(policy)}
	if k.Hash != "SHA1" {
		s.Hash = k.Hash
	}
	return s, nil
}

// encode is CloudFront's base64, in which "-" stands for "+", "~" for "/" and "_" for "=".
func encode(b []byte) string {
	return strings.NewReplacer("+", "-", "/", "~", "=", "_").Replace(base64.StdEncoding.EncodeToString(b))
}

// parts are the signature's parts that are there, in the order in which the AWS CLI and the
// developer guide write them.
func (s Signature) parts() (all [][2]string) {
	for _, p := range [][2]string{{"Expires", s.Expires}, {"Policy", s.Policy}, {"Signature", s.Signature}, {"Key-Pair-Id", s.KeyID}, {"Hash-Algorithm", s.Hash}} {
		if p[1] != "" {
			all = append(all, p)
		}
	}
	return all
}

// URL returns a URL with the signature.
func (s Signature) URL(url string) string {
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	for _, p := range s.parts() {
		url += separator + p[0] + "=" + p[1]
		separator = "&"
	}
	return url
}

// CookiePairs returns the names and values of the cookies that say the same.
func (s Signature) CookiePairs() (all [][2]string) {
	for _, p := range s.parts() {
		all = append(all, [2]string{cookiePrefix + p[0], p[1]})
	}
	return all
}
