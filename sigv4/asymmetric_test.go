package sigv4

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The key pair that AWS's own implementations test theirs with.
func TestAsymmetricKey(t *testing.T) {
	key, err := asymmetricKey("AKISORANDOMAASORANDOM", "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom")
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey.Bytes()
	if want := "0415d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0"; err != nil || hex.EncodeToString(public) != want {
		t.Errorf("%x, %v", public, err)
	}
}

// signAsymmetric signs as clients do.
func signAsymmetric(t *testing.T, r *http.Request, secret, service string, now time.Time) {
	t.Helper()
	key, err := asymmetricKey("ID", secret)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(dateHeader, now.UTC().Format(timeFormat))
	signed := headersToSign(r.Header)
	query, _ := canonicalQuery(r.URL.RawQuery)
	scope := strings.Join([]string{now.UTC().Format(dateFormat), service, terminator}, "/")
	digest := sha256.Sum256([]byte(stringToSign(asymmetricAlgorithm, now, scope, canonicalRequest(r, service, query, signed, EmptySHA256))))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", asymmetricAlgorithm+" Credential=ID/"+scope+", SignedHeaders="+strings.Join(signed, ";")+", Signature="+hex.EncodeToString(signature))
}

func TestVerifyAsymmetric(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for name, c := range map[string]struct {
		alter    func(*http.Request)
		verifier func(*Verifier)
		secret   string
		regions  string
		want     Reason // 0 where it is authentic
	}{
		"any region":           {regions: "*"},
		"its region":           {regions: "eu-west-1,us-east-1", verifier: func(v *Verifier) { v.Region = "us-east-1" }},
		"regions of a kind":    {regions: "us-*", verifier: func(v *Verifier) { v.Region = "us-east-1" }},
		"another region":       {regions: "eu-west-1", verifier: func(v *Verifier) { v.Region = "us-east-1" }, want: WrongScope},
		"no region":            {regions: " ", want: WrongScope},
		"not taken":            {regions: "*", verifier: func(v *Verifier) { v.Asymmetric = false }, want: UnsupportedScheme},
		"another secret":       {regions: "*", secret: "other", want: Mismatch},
		"another path":         {regions: "*", alter: func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/other", "" }, want: Mismatch},
		"more regions":         {regions: "us-east-1", alter: func(r *http.Request) { r.Header.Set(regionSetHeader, "*") }, want: Mismatch},
		"another service":      {regions: "*", verifier: func(v *Verifier) { v.Service = "s3" }, want: WrongScope},
		"dot segments":         {regions: "*", alter: func(r *http.Request) { r.URL.Path, r.URL.RawPath = r.URL.Path+"/.", r.URL.RawPath+"/." }}, // normalised, it is what was signed
		"no signature":         {regions: "*", alter: replace("Signature=", "Signature=zz"), want: Malformed},
		"a signature too long": {regions: "*", alter: replace("Signature=", "Signature="+strings.Repeat("00", 72)), want: Malformed},
		"a damaged signature":  {regions: "*", alter: replace("Signature=3", "Signature=2"), want: Mismatch},
		"a scope of Version 4": {regions: "*", alter: replace("/kvs/", "/us-east-1/kvs/"), want: Malformed},
		"of Version 4":         {regions: "*", alter: replace(asymmetricAlgorithm, algorithm), want: Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://127.0.0.1/key-value-stores/arn%3Aaws%2Fx/keys/a%20b?x=1", nil)
			r.Header.Set(regionSetHeader, c.regions)
			secret := "secret"
			if c.secret != "" {
				secret = c.secret
			}
			signAsymmetric(t, r, secret, "kvs", now)
			if c.alter != nil {
				c.alter(r)
			}
			v := Verifier{Service: "kvs", Asymmetric: true, Lookup: func(id string) (Key, bool) { return Key{Secret: "secret"}, id == "ID" }}
			if c.verifier != nil {
				c.verifier(&v)
			}
			signed, err := v.Verify(r, EmptySHA256, now)
			var e *Error
			switch {
			case c.want == 0 && (err != nil || !signed.Covers(regionSetHeader)):
				t.Error(err)
			case c.want != 0 && (!errors.As(err, &e) || e.Reason != c.want):
				t.Errorf("%v, want reason %d", err, c.want)
			}
		})
	}
}

func replace(old, with string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
	}
}
