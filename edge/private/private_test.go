package private

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign"

	"github.com/warmfront/warmfront/cdn/signer"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func groups(id string, k crypto.PublicKey) []*signer.Signer {
	return []*signer.Signer{{ID: "other"}, {ID: "KG", Keys: []*signer.Key{{ID: "K0", Key: &rsa.PublicKey{}}, {ID: id, Key: k}}}}
}

// request is the viewer's request for a signed URL, with its signature taken out.
func request(t *testing.T, signed, cookies string) (Signature, Request) {
	t.Helper()
	u, err := url.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	s, query, _ := Find(u.RawQuery, cookies)
	u.RawQuery = query
	return s, Request{URLs: []string{u.String()}, Viewer: netip.MustParseAddr("192.0.2.7")}
}

// TestAWSSignersURLs: what AWS's own library signs is let pass, and nothing that differs from
// it (compatibility.md 140).
func TestAWSSignersURLs(t *testing.T) {
	key := rsaKey(t)
	trusted := groups("K1", &key.PublicKey)
	signer := sign.NewURLSigner("K1", key)
	canned, err := signer.Sign("https://d.test/a/b.mp4?quality=high&x=%20", now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	custom := func(resource, ip string, from time.Time) string {
		p := sign.Policy{Statements: []sign.Statement{{Resource: resource, Condition: sign.Condition{DateLessThan: sign.NewAWSEpochTime(now.Add(time.Hour))}}}}
		if ip != "" {
			p.Statements[0].Condition.IPAddress = &sign.IPAddress{SourceIP: ip}
		}
		if !from.IsZero() {
			p.Statements[0].Condition.DateGreaterThan = sign.NewAWSEpochTime(from)
		}
		signed, err := signer.SignWithPolicy("https://d.test/a/b.mp4?quality=high", &p)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	for _, c := range []struct {
		name, url string
		at        time.Time
		want      string // part of the refusal, "" for none
	}{
		{"canned", canned, now, ""},
		{"its last second", canned, now.Add(time.Hour - time.Second), ""},
		{"expired", canned, now.Add(time.Hour + 90*time.Second), "expired, at 2026-03-01T13:00:00Z: 1m30s ago"},
		{"another path", strings.Replace(canned, "b.mp4", "c.mp4", 1), now, "not that of the canned policy"},
		{"another scheme", strings.Replace(canned, "https:", "http:", 1), now, "not that of the canned policy"},
		{"another query", strings.Replace(canned, "high", "low", 1), now, "not that of the canned policy"},
		{"a later end", strings.Replace(canned, fmt.Sprint("Expires=", now.Add(time.Hour).Unix()), fmt.Sprint("Expires=", now.Add(2*time.Hour).Unix()), 1), now, "not that of the canned policy"},
		{"another key", strings.Replace(canned, "Key-Pair-Id=K1", "Key-Pair-Id=K0", 1), now, "not that of the canned policy"},
		{"an unknown key", strings.Replace(canned, "Key-Pair-Id=K1", "Key-Pair-Id=K7", 1), now, `"K7" is that of no key`},
		{"a hash it was not made with", canned + "&Hash-Algorithm=SHA256", now, "not that of the canned policy"},
		{"a hash that there is not", canned + "&Hash-Algorithm=MD5", now, `"MD5" is neither`},
		{"unsigned", "https://d.test/a/b.mp4", now, "must be signed"},
		{"no signature", "https://d.test/a?Expires=1&Key-Pair-Id=K1", now, "Signature is missing"},
		{"no key", "https://d.test/a?Expires=1&Signature=AA__", now, "Key-Pair-Id of the signature is missing"},
		{"no end", "https://d.test/a?Signature=AA__&Key-Pair-Id=K1", now, "either Expires or Policy"},
		{"no base64", "https://d.test/a?Expires=1&Signature=!&Key-Pair-Id=K1", now, "form of base64"},
		{"custom, wildcard", custom("https://d.test/a/*", "", time.Time{}), now, ""},
		{"custom, any scheme", custom("http*://d.test/?/b.mp4*", "", time.Time{}), now, ""},
		{"custom, another resource", custom("https://d.test/b/*", "", time.Time{}), now, `is for "https://d.test/b/*", which this URL is not: "https://d.test/a/b.mp4?quality=high"`},
		{"custom, its range", custom("*", "192.0.2.0/24", time.Time{}), now, ""},
		{"custom, everybody", custom("*", "0.0.0.0/0", time.Time{}), now, ""},
		{"custom, another range", custom("*", "198.51.100.0/24", time.Time{}), now, `viewers at "198.51.100.0/24", and this one is at 192.0.2.7`},
		{"custom, not yet", custom("*", "", now.Add(time.Minute)), now, "not valid before 2026-03-01T12:01:00Z: in 1m0s"},
		{"custom, from now", custom("*", "", now.Add(time.Minute)), now.Add(2 * time.Minute), ""},
		{"custom, expired", custom("*", "", time.Time{}), now.Add(2 * time.Hour), "expired"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, r := request(t, c.url, "")
			refusal := Check(s, trusted, r, c.at)
			if (refusal == nil) != (c.want == "") || refusal != nil && !strings.Contains(refusal.Why, c.want) {
				t.Errorf("%+v, want %q", refusal, c.want)
			}
		})
	}
}

// TestAWSSignersCookies, which go without a signature in the query string only.
func TestAWSSignersCookies(t *testing.T) {
	key := rsaKey(t)
	made, err := sign.NewCookieSigner("K1", key).SignWithPolicy(&sign.Policy{Statements: []sign.Statement{{
		Resource: "https://d.test/live/*", Condition: sign.Condition{DateLessThan: sign.NewAWSEpochTime(now.Add(time.Hour))},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	line := "session=1"
	for _, c := range made {
		line += "; " + c.Name + "=" + c.Value
	}
	s, r := request(t, "https://d.test/live/1.ts", line)
	if refusal := Check(s, groups("K1", &key.PublicKey), r, now); refusal != nil {
		t.Error(refusal.Why)
	}
	if _, _, rest := Find("", line); rest != "session=1" {
		t.Errorf("left of the cookies: %q", rest)
	}
	if s, _ := request(t, "https://d.test/live/1.ts?Expires=1&Signature=x&Key-Pair-Id=K9", line); s.KeyID != "K9" || s.Policy != "" {
		t.Errorf("the query string does not go before the cookies: %+v", s)
	}
}

func TestECDSAAndSHA256(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"Statement":[{"Resource":"https://d.test/a","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, now.Unix()+60)
	sum := sha256.Sum256([]byte(text))
	made, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	encoded := strings.NewReplacer("+", "-", "/", "~", "=", "_").Replace(base64.StdEncoding.EncodeToString(made))
	s, r := request(t, fmt.Sprintf("https://d.test/a?Expires=%d&Signature=%s&Key-Pair-Id=K1&Hash-Algorithm=SHA256", now.Unix()+60, encoded), "")
	if refusal := Check(s, groups("K1", &key.PublicKey), r, now); refusal != nil {
		t.Error(refusal.Why)
	}
	s.Hash = ""
	if Check(s, groups("K1", &key.PublicKey), r, now) == nil {
		t.Error("SHA-1 is taken for SHA-256")
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("Expires=1&Signature=AA__&Key-Pair-Id=K1", "CloudFront-Policy=e30_; a=b")
	f.Fuzz(func(t *testing.T, query, cookies string) {
		s, rest, left := Find(query, cookies)
		if again, more, _ := Find(rest, ""); again != (Signature{}) || more != rest {
			t.Errorf("%q leaves %q of a signature", query, rest)
		}
		if again, _, more := Find("", left); again != (Signature{}) || more != left {
			t.Errorf("%q leaves %q of a signature", cookies, left)
		}
		if Check(s, groups("K1", nil), Request{URLs: []string{"https://d.test/"}}, now) == nil {
			t.Errorf("%q %q is let pass", query, cookies)
		}
	})
}
