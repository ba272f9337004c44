// Package paths compares the paths of requests: in the one form that all equivalents
// share, and with the patterns of cache behaviors.
package paths

import "strings"

// Normal returns a URI (a path, perhaps with "?" and a query string) in the
// one form that all its equivalents share (RFC 3986 section 6.2.2): unreserved
// characters unescaped, bytes that no URI may hold escaped, escapes in upper
// case, dot segments of the path removed. So /a/../admin is not hidden from the
// pattern /admin, nor /caf%c3%a9 from an invalidation of /caf%C3%A9.
func Normal(uri string) string {
	uri = NormalEscapes(uri)
	if !strings.Contains(uri, "/.") {
		return uri
	}
	path, query := uri, ""
	if i := strings.IndexByte(uri, '?'); i >= 0 {
		path, query = uri[:i], uri[i:]
	}
	return withoutDotSegments(path) + query
}

// NormalInvalidation is Normal for what an invalidation names. Of a
// wildcard the last segment is only a beginning: "/a/.*" speaks of hidden files.
func NormalInvalidation(path string) string {
	prefix, wildcard := strings.CutSuffix(path, "*")
	if !wildcard {
		return Normal(path)
	}
	last := strings.LastIndexByte(prefix, '/') + 1
	return Normal(prefix[:last]) + NormalEscapes(prefix[last:]) + "*"
}

func withoutDotSegments(path string) string {
	segments := strings.Split(path, "/")[1:]
	out := make([]string, 0, len(segments))
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case ".", "..":
			if s == ".." && len(out) > 0 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, s)
		}
	}
	return "/" + strings.Join(out, "/")
}

const upperHex = "0123456789ABCDEF"

// NormalEscapes brings escapes into their normal form and escapes what must be: a
// "%" that begins no escape, too, lest it begins one with what is unescaped after
// it.
func NormalEscapes(s string) string {
	i := 0
	for i < len(s) && s[i] != '%' && !mustEscape(s[i]) {
		i++
	}
	if i == len(s) { // nearly always
		return s
	}
	b := make([]byte, 0, len(s)+8)
	b = append(b, s[:i]...)
	for ; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				if c = byte(hi<<4 | lo); unreserved(c) {
					b = append(b, c)
				} else {
					b = append(b, '%', upperHex[hi], upperHex[lo])
				}
				i += 2
				continue
			}
		}
		if c == '%' || mustEscape(c) {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// mustEscape reports whether a byte is in no URI but escaped (RFC 3986 section 2).
func mustEscape(c byte) bool {
	switch c {
	case '"', '<', '>', '\\', '^', '`', '{', '|', '}':
		return true
	}
	return c <= ' ' || c >= 0x7f
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func unreserved(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}
