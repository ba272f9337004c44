package private

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign"
)

// TestSignedAsAWSDoes: with an RSA key, signatures are those of AWS's library for Go to the
// byte (the other libraries: make clients).
func TestSignedAsAWSDoes(t *testing.T) {
	key := rsaKey(t)
	for _, u := range []string{"https://d.test/a.mp4", "https://d.test/a.mp4?quality=high&x=%20", "http://d.test:8080/a/b/*"} {
		want, err := sign.NewURLSigner("K1", key).Sign(u, now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		s, err := SignCanned(Key{ID: "K1", Signer: key}, u, now.Add(time.Hour))
		if got := s.URL(u); err != nil || got != want {
			t.Errorf("%s\n got %s, %v\nwant %s", u, got, err, want)
		}
		policy := &sign.Policy{Statements: []sign.Statement{{Resource: u, Condition: sign.Condition{
			DateLessThan: sign.NewAWSEpochTime(now.Add(time.Hour)), IPAddress: &sign.IPAddress{SourceIP: "192.0.2.0/24"}}}}}
		cookies, err := sign.NewCookieSigner("K1", key).SignWithPolicy(policy)
		if err != nil {
			t.Fatal(err)
		}
		theirs := map[string]string{}
		for _, c := range cookies {
			theirs[c.Name] = c.Value
		}
		text, err := decode(theirs["CloudFront-Policy"])
		if err != nil {
			t.Fatal(err)
		}
		if s, err = SignCustom(Key{ID: "K1", Signer: key}, text); err != nil {
			t.Fatal(err)
		}
		if len(s.CookiePairs()) != len(theirs) {
			t.Errorf("cookies %v, want %v", s.CookiePairs(), theirs)
		}
		for _, pair := range s.CookiePairs() {
			if theirs[pair[0]] != pair[1] {
				t.Errorf("%s is %s, want %s", pair[0], pair[1], theirs[pair[0]])
			}
		}
	}
}

// TestWhatIsSignedPasses: with each kind of key and hash, as a URL and as cookies.
func TestWhatIsSignedPasses(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{rsaKey(t), p256} {
		for _, hash := range []string{"", "SHA1", "SHA256"} {
			k := Key{ID: "K1", Signer: key, Hash: hash}
			policy, err := Terms{Resource: "https://d.test/a?*", Until: now.Add(time.Hour), From: now.Add(-time.Hour), Viewers: "192.0.2.7"}.Policy()
			if err != nil {
				t.Fatal(err)
			}
			one, err1 := SignCanned(k, "https://d.test/a?b=c&d=e", now.Add(time.Hour))
			two, err2 := SignCustom(k, policy)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			for _, s := range []Signature{one, two} {
				u, err := url.Parse(s.URL("https://d.test/a?b=c&d=e"))
				if err != nil {
					t.Fatal(err)
				}
				cookies := "a=b"
				for _, p := range s.CookiePairs() {
					cookies += "; " + p[0] + "=" + p[1]
				}
				r := Request{URLs: []string{"https://d.test/a?b=c&d=e"}, Viewer: netip.MustParseAddr("192.0.2.7")}
				found, rest, _ := Find(u.RawQuery, "")
				again, _, left := Find("b=c&d=e", cookies)
				if rest != "b=c&d=e" || left != "a=b" || Check(found, groups("K1", key.Public()), r, now) != nil || Check(again, groups("K1", key.Public()), r, now) != nil {
					t.Errorf("%T %s %s: %+v", key, hash, u, Check(found, groups("K1", key.Public()), r, now))
				}
			}
		}
	}
}

func TestPoliciesAreThoseOfTheCLI(t *testing.T) {
	for _, c := range []struct {
		terms Terms
		want  string
	}{
		{Terms{Resource: "https://d.test/?a=b&c=d"}, `{"Statement":[{"Resource":"https://d.test/?a=b&c=d","Condition":{"DateLessThan":{"AWS:EpochTime":1772370000}}}]}`},
		{Terms{Resource: "*", Viewers: "192.0.2.7", From: now}, `{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":1772370000},"IpAddress":{"AWS:SourceIp":"192.0.2.7/32"},"DateGreaterThan":{"AWS:EpochTime":1772366400}}}]}`},
		{Terms{Resource: "*", Viewers: "192.0.2.0/24"}, `{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":1772370000},"IpAddress":{"AWS:SourceIp":"192.0.2.0/24"}}}]}`},
	} {
		c.terms.Until = now.Add(time.Hour)
		if got, err := c.terms.Policy(); err != nil || string(got) != c.want {
			t.Errorf("%s, %v\nwant %s", got, err, c.want)
		}
	}
	if _, err := (Terms{Resource: "*", Viewers: "everybody"}).Policy(); err == nil {
		t.Error("everybody is an address")
	}
}

func TestWhatIsNotSigned(t *testing.T) {
	k := Key{ID: "K1", Signer: rsaKey(t)}
	for policy, why := range map[string]string{
		"{": "not a JSON document", `{"Statement":[]}`: "0 statements", `{"Statement":[{"Resource":"*"}]}`: "lacks DateLessThan",
		`{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":1772370000000}}}]}`: "in seconds",
	} {
		if _, err := SignCustom(k, []byte(policy)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", policy, err)
		}
	}
	k.Hash = "MD5"
	if _, err := SignCanned(k, "https://d.test/", now); err == nil {
		t.Error("MD5")
	}
}
