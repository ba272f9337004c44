package private

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/signer"
)

// signed is a signature made as the developer guide says, step by step.
func signed(t *testing.T, key *rsa.PrivateKey, id, policy, hash string) Signature {
	t.Helper()
	kind, sum := crypto.SHA1, []byte(nil)
	if hash == "SHA256" {
		s := sha256.Sum256([]byte(policy))
		kind, sum = crypto.SHA256, s[:]
	} else {
		s := sha1.Sum([]byte(policy))
		sum = s[:]
	}
	made, err := rsa.SignPKCS1v15(rand.Reader, key, kind, sum)
	if err != nil {
		t.Fatal(err)
	}
	return Signature{KeyID: id, Signature: encode(made), Policy: encode([]byte(policy)), Hash: hash}
}

// TestWhyNot: each condition that fails is told apart, to viewers by CloudFront's code and to
// whoever asks with the particulars (belief 592).
func TestWhyNot(t *testing.T) {
	key, other := rsaKey(t), rsaKey(t)
	trusted := []*signer.Signer{{ID: "KG", Keys: []*signer.Key{{ID: "K1", Key: &key.PublicKey}, {ID: "K2", Key: &other.PublicKey}}}}
	r := Request{URLs: []string{"https://d.test/video/1.ts?a=b", "https://d.test:8443/video/1.ts?a=b"}, Viewer: netip.MustParseAddr("192.0.2.7")}
	policy := func(resource, more string) string {
		return fmt.Sprintf(`{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%d}%s}}]}`, resource, now.Unix()+60, more)
	}
	good := policy("https://d.test/video/*", "")
	canned := func(url string, by *rsa.PrivateKey, hash string, expires int64) Signature {
		s := signed(t, by, "K1", fmt.Sprintf(`{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, url, expires), hash)
		s.Policy, s.Expires = "", fmt.Sprint(expires)
		return s
	}
	with := func(s Signature, change func(*Signature)) Signature {
		change(&s)
		return s
	}
	custom := func(text string) Signature { return signed(t, key, "K1", text, "") }
	for _, c := range []struct {
		name  string
		s     Signature
		after time.Duration
		code  Code
		why   string
		found string
	}{
		{"good", custom(good), 0, "", "", `one by the key "K1" in the query string, with the custom policy "{\"Statement\"`},
		{"no signature", Signature{}, 0, MissingKey, "must be signed", "none"},
		{"no key", with(custom(good), func(s *Signature) { s.KeyID = "" }), 0, MissingKey, "Key-Pair-Id of the signature is missing", ""},
		{"unknown key", with(custom(good), func(s *Signature) { s.KeyID = "K7" }), 0, InvalidKey, `"K7" is that of no key`, `the key "K7"`},
		{"expired", custom(good), 2 * time.Minute, AccessDenied, "expired, at 2026-03-01T12:01:00Z: 1m0s ago", ""},
		{"not yet valid", custom(policy("*", fmt.Sprintf(`,"DateGreaterThan":{"AWS:EpochTime":%d}`, now.Unix()+30))), 0, AccessDenied, "not valid before 2026-03-01T12:00:30Z: in 30s", ""},
		{"another address", custom(policy("*", `,"IpAddress":{"AWS:SourceIp":"198.51.100.0/24"}`)), 0, AccessDenied, `"198.51.100.0/24", and this one is at 192.0.2.7`, ""},
		{"another resource", custom(policy("https://d.test/audio/*", "")), 0, AccessDenied, `is for "https://d.test/audio/*", which this URL is not: "https://d.test/video/1.ts?a=b"`, ""},
		{"a port that the policy names", custom(policy("https://d.test:8443/*", "")), 0, "", "", ""},
		{"another key's", signed(t, other, "K1", good, ""), 0, AccessDenied, "not that of the Policy by this key", `; it was made with the key "K2"`},
		{"nobody's", signed(t, rsaKey(t), "K1", good, ""), 0, AccessDenied, "not that of the Policy by this key", ""},
		{"another policy", with(custom(good), func(s *Signature) { s.Policy = encode([]byte(policy("*", ""))) }), 0, AccessDenied, "not that of the Policy", `with the custom policy "{`},
		{"the wrong hash", with(signed(t, key, "K1", good, "SHA256"), func(s *Signature) { s.Hash = "" }), 0, AccessDenied, "not that of the Policy", "; it was made with the Hash-Algorithm SHA256"},
		{"the other wrong hash", with(custom(good), func(s *Signature) { s.Hash = "SHA256" }), 0, AccessDenied, "not that of the Policy", "; it was made with the Hash-Algorithm SHA1"},
		{"no hash that there is", with(custom(good), func(s *Signature) { s.Hash = "MD5" }), 0, AccessDenied, `"MD5" is neither SHA1 nor SHA256`, "; it was made with the Hash-Algorithm SHA1"},
		{"a signature that is no base64", with(custom(good), func(s *Signature) { s.Signature = "!" }), 0, MalformedSignature, "base64", ""},
		{"a policy that is no base64", with(custom(good), func(s *Signature) { s.Policy = "!" }), 0, MalformedPolicy, "base64", "with a policy that cannot be decoded"},
		{"a policy that is no JSON", custom("{"), 0, MalformedPolicy, "not a JSON document with one statement: unexpected end", `custom policy "{"`},
		{"two statements", custom(`{"Statement":[{},{}]}`), 0, MalformedPolicy, "it has 2 statements", ""},
		{"a policy without an end", custom(`{"Statement":[{"Resource":"*"}]}`), 0, MalformedPolicy, "lacks DateLessThan", ""},
		{"milliseconds", custom(`{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":1772366400000}}}]}`), 0, MalformedPolicy, "not a time in seconds since 1970, up to 2038", ""},
		{"a policy that is too long", with(custom(good), func(s *Signature) { s.Policy = strings.Repeat("A", maxPolicy+1) }), 0, MalformedPolicy, "too long", ""},
		{"canned", canned(r.URLs[0], key, "", now.Unix()+60), 0, "", "", "with a canned policy"},
		{"canned, with the port", canned(r.URLs[1], key, "SHA256", now.Unix()+60), 0, "", "", ""},
		{"canned, milliseconds", canned(r.URLs[0], key, "", now.UnixMilli()), 0, MalformedPolicy, "not a time in seconds", ""},
		{"canned, words", with(canned(r.URLs[0], key, "", 1), func(s *Signature) { s.Expires = "soon" }), 0, MalformedPolicy, `"soon", is not a time`, ""},
		{"canned, for HTTP", canned("http://d.test/video/1.ts?a=b", key, "", now.Unix()+60), 0, AccessDenied, `canned policy for "https://d.test/video/1.ts?a=b" until 2026-03-01T12:01:00Z`, `; it was made for "http://d.test/video/1.ts?a=b"`},
		{"canned, without the query string", canned("https://d.test/video/1.ts", other, "SHA256", now.Unix()+60), 0, AccessDenied, "canned policy", `; it was made with the key "K2"; it was made for "https://d.test/video/1.ts"`},
		{"neither policy nor end", with(custom(good), func(s *Signature) { s.Policy = "" }), 0, AccessDenied, "either Expires or Policy", ""},
		{"no signature but the rest", with(custom(good), func(s *Signature) { s.Signature = "" }), 0, AccessDenied, "Signature is missing", ""},
		{"in cookies", with(custom(good), func(s *Signature) { s.Cookies = true }), 0, "", "", "in cookies"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refusal := Check(c.s, trusted, r, now.Add(c.after))
			switch {
			case c.code == "":
				if refusal != nil {
					t.Errorf("%+v", refusal)
				}
			case refusal == nil || refusal.Code != c.code || !strings.Contains(refusal.Why, c.why):
				t.Errorf("%+v, want %s, %q", refusal, c.code, c.why)
			case !strings.Contains(refusal.Document(), "<Error><Code>"+string(c.code)+"</Code><Message>") || strings.Contains(refusal.Document(), "198.51"):
				t.Errorf("the viewer is told %s", refusal.Document())
			}
			found := Describe(c.s, trusted, r)
			if !strings.Contains(found, c.found) || strings.Contains(found, "it was made") != strings.Contains(c.found, "it was made") {
				t.Errorf("found %s, want %q", found, c.found)
			}
		})
	}
}
