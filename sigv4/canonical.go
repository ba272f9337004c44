package sigv4

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest is the text that both sides hash: method, path, query,
// signed headers, their names and the payload hash. signed holds lower-case
// header names in the order the signer gave them, which AWS requires sorted.
func canonicalRequest(r *http.Request, service, query string, signed []string, payload string) string {
	return canonicalRequestFor(r, canonicalPath(r.URL, service), query, signed, payload)
}

func canonicalRequestFor(r *http.Request, path, query string, signed []string, payload string) string {
	var b strings.Builder
	b.WriteString(r.Method)
	b.WriteByte('\n')
	b.WriteString(path)
	b.WriteByte('\n')
	b.WriteString(query)
	b.WriteByte('\n')
	for _, name := range signed {
		b.WriteString(name)
		b.WriteByte(':')
		b.WriteString(canonicalHeader(r, name))
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.WriteString(strings.Join(signed, ";"))
	b.WriteByte('\n')
	b.WriteString(payload)
	return b.String()
}

// canonicalPath encodes the path. S3 decodes and encodes each segment once, so
// that however a client escaped a key the signature is the same (an escaped
// slash stays one). Every other service normalises the path and encodes it as
// it is on the wire, which encodes an escaped path a second time.
func canonicalPath(u *url.URL, service string) string {
	wire := wirePath(u)
	if service != serviceS3 {
		clean := path.Clean("/" + wire)
		if strings.HasSuffix(wire, "/") && clean != "/" {
			clean += "/"
		}
		return uriEncode(clean, true)
	}
	if wire == "" {
		return "/"
	}
	segments := strings.Split(wire, "/")
	for i, s := range segments {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
		segments[i] = uriEncode(s, false)
	}
	return strings.Join(segments, "/")
}

func wirePath(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.EscapedPath()
}

// paths are those that a request to a service may have been signed with: the
// canonical one; the one whose dot segments are not removed, as AWS's SDK for Go
// does; and the path as it is on the wire, not encoded a second time, as curl does
// before 8.3. What was signed is what was sent in each case.
func paths(u *url.URL, service string) []string {
	all := []string{canonicalPath(u, service)}
	if service == serviceS3 {
		return all
	}
	for _, p := range []string{uriEncode(wirePath(u), true), wirePath(u)} {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// canonicalQuery sorts the parameters by encoded name, then encoded value, and
// leaves out the presigned signature itself. ok is false if an escape in the
// query is broken.
func canonicalQuery(raw string) (query string, ok bool) {
	var pairs []string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return "", false
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return "", false
		}
		if name == "X-Amz-Signature" {
			continue
		}
		// NUL sorts before every byte that an encoded name can hold, so that
		// "a" comes before "a-b" whatever their values are.
		pairs = append(pairs, uriEncode(name, false)+"\x00"+uriEncode(value, false))
	}
	slices.Sort(pairs)
	return strings.ReplaceAll(strings.Join(pairs, "&"), "\x00", "="), true
}

// canonicalHeader is the value of one signed header: the values joined by
// commas, outer white space removed and inner runs of spaces made one. Host,
// Content-Length and Transfer-Encoding are not in Header where net/http is.
func canonicalHeader(r *http.Request, name string) string {
	if name == "host" {
		if r.Host != "" {
			return r.Host
		}
		return r.URL.Host
	}
	values := r.Header[http.CanonicalHeaderKey(name)]
	if len(values) == 0 {
		switch name {
		case "content-length":
			return strconv.FormatInt(max(r.ContentLength, 0), 10)
		case "transfer-encoding":
			values = r.TransferEncoding
		}
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = strings.Join(strings.FieldsFunc(v, func(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }), " ")
	}
	return strings.Join(out, ",")
}

// uriEncode is AWS's UriEncode: every byte but RFC 3986's unreserved ones as
// %XX in upper case, and the slash too unless it separates path segments.
func uriEncode(s string, keepSlash bool) string {
	const upperHex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '/' && keepSlash:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
	return b.String()
}
