package distconfig

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// forbiddenHeaders are those that CloudFront does not add to requests to an origin,
// in lower case; one that ends with "*" stands for all that begin so (developer
// guide, "Custom headers that CloudFront can't add to origin requests").
func forbiddenHeaders() []string {
	return []string{
		"cache-control", "connection", "content-length", "cookie", "host", "if-match", "if-modified-since",
		"if-none-match", "if-range", "if-unmodified-since", "max-forwards", "pragma", "proxy-authenticate",
		"proxy-authorization", "proxy-connection", "range", "request-range", "te", "trailer",
		"transfer-encoding", "upgrade", "via", "x-amz-*", "x-edge-*", "x-real-ip",
	}
}

func checkCustomHeaders(o *cloudfront.Origin) error {
	if o.CustomHeaders == nil {
		return nil
	}
	if n := len(o.CustomHeaders.Items); n > maxHeaders {
		return cloudfront.CodeTooManyOriginCustomHeaders.Errorf("Your request contains too many origin custom headers: the origin %q has %d, at most %d are allowed.", o.Id, n, maxHeaders)
	}
	total := 0
	seen := map[string]bool{}
	for _, h := range o.CustomHeaders.Items {
		name := strings.ToLower(h.HeaderName)
		total += len(h.HeaderName) + len(h.HeaderValue)
		switch {
		case !isToken(name) || len(name) > maxHeaderName:
			return invalid("The parameter HeaderName of the origin %q must be a header's name of 1 to %d characters, not %.260q.", o.Id, maxHeaderName, h.HeaderName)
		case !isHeaderValue(h.HeaderValue) || len(h.HeaderValue) > maxHeaderValue:
			return invalid("The parameter HeaderValue of the header %s of the origin %q must have visible characters and spaces, at most %d.", h.HeaderName, o.Id, maxHeaderValue)
		case isForbidden(name):
			return invalid("The parameter HeaderName of the origin %q is %s, which CloudFront cannot add to requests.", o.Id, h.HeaderName)
		case seen[name]:
			return invalid("The parameter HeaderName of the origin %q has %s more than once.", o.Id, h.HeaderName)
		}
		seen[name] = true
	}
	if total > maxHeadersTotal {
		return invalid("The parameter CustomHeaders of the origin %q is too long: names and values have %d characters, at most %d are allowed.", o.Id, total, maxHeadersTotal)
	}
	return nil
}

func isForbidden(name string) bool {
	return slices.ContainsFunc(forbiddenHeaders(), func(f string) bool {
		prefix, wild := strings.CutSuffix(f, "*")
		return f == name || wild && strings.HasPrefix(name, prefix)
	})
}

// isToken tells whether s can be a header's name (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// isHeaderValue tells whether a header can have the value s. What is not in it
// could end the header early.
func isHeaderValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
