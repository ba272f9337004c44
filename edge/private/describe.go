package private

import (
	"strings"

	"github.com/warmfront/warmfront/cdn/signer"
)

// Describe says what a request has of a signature, for whoever asks why it is answered as it
// is: by which key, in what form and until when. Of a signature that the key does not verify
// it says with what it would: another key, hash or URL. That takes more arithmetic than
// refusing it, and is not for every stranger to have done.
func Describe(s Signature, trusted []*signer.Signer, r Request) string {
	if s == (Signature{}) {
		return "none"
	}
	var b strings.Builder
	b.WriteString("one by the key " + quoted(s.KeyID) + " in ")
	if s.Cookies {
		b.WriteString("cookies")
	} else {
		b.WriteString("the query string")
	}
	text, err := decode(s.Policy)
	switch {
	case s.Policy == "":
		b.WriteString(", with a canned policy")
	case err != nil:
		b.WriteString(", with a policy that cannot be decoded")
	default:
		b.WriteString(", with the custom policy " + quoted(string(text)))
	}
	b.WriteString(fitting(s, trusted, r, text))
	return b.String()
}

// fitting says what a signature that does not fit would fit.
func fitting(s Signature, trusted []*signer.Signer, r Request, custom []byte) string {
	signature, err := decode(s.Signature)
	if err != nil || find(trusted, s.KeyID) == nil {
		return ""
	}
	policies, names := [][]byte{custom}, []string{""}
	if s.Policy == "" {
		policies, names = nil, nil
		for _, url := range alike(r.URLs) {
			policies, names = append(policies, canned(url, s.Expires)), append(names, url)
		}
	}
	for i, policy := range policies {
		for _, by := range trusted {
			for _, key := range by.Keys {
				for _, hash := range []string{"SHA1", "SHA256"} {
					if verify(key.Key, hash, policy, signature) {
						return differs(s, r, key.ID, hash, names[i])
					}
				}
			}
		}
	}
	return ""
}

// alike are URLs that may have been signed in place of this one: of the other scheme, and
// without the query string.
func alike(urls []string) []string {
	all := append([]string(nil), urls...)
	for _, u := range urls {
		scheme, rest, _ := strings.Cut(u, "://")
		other := map[string]string{"https": "http", "http": "https"}[scheme] + "://" + rest
		bare, _, _ := strings.Cut(u, "?")
		all = append(all, other, bare)
	}
	return all
}

// differs says in what a signature that fits differs from what the request says of it.
func differs(s Signature, r Request, key, hash, url string) string {
	var b strings.Builder
	if key != s.KeyID {
		b.WriteString("; it was made with the key " + quoted(key))
	}
	asked := s.Hash
	if asked == "" {
		asked = "SHA1"
	}
	if hash != asked {
		b.WriteString("; it was made with the Hash-Algorithm " + hash)
	}
	for _, u := range r.URLs {
		if u == url || url == "" {
			return b.String()
		}
	}
	return b.String() + "; it was made for " + quoted(url)
}
