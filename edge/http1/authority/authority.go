// Package authority reads the host that a request names, strictly: what nothing here
// can be called is no host.
package authority

import "bytes"

// Parse returns a Host or an authority as the rules see it: in lower case,
// which b is put into, without a port and without a final dot. It takes names of
// letters, digits, "-", "_" and ".", and IP addresses: of what else RFC 3986
// section 3.2.2 allows, nothing can be a distribution's.
func Parse(b []byte) ([]byte, bool) {
	host, port := b, []byte(nil)
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return nil, false
		}
		if host, port = b[:end+1], b[end+1:]; !literal(host[1:end]) {
			return nil, false
		}
	} else {
		if i := bytes.IndexByte(b, ':'); i >= 0 {
			host, port = b[:i], b[i:]
		}
		if !lower(host) {
			return nil, false
		}
		if n := len(host) - 1; n > 0 && host[n] == '.' {
			host = host[:n]
		}
	}
	if len(host) > 255 || len(port) > len(":65535") || len(port) > 0 && port[0] != ':' {
		return nil, false
	}
	for _, c := range port[min(1, len(port)):] {
		if c < '0' || c > '9' {
			return nil, false
		}
	}
	return host, len(host) > 0
}

// literal reports whether b may be an IPv6 address, and puts it in lower case.
func literal(b []byte) bool {
	for i, c := range b {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', c == ':', c == '.':
		case 'A' <= c && c <= 'F':
			b[i] |= 0x20
		default:
			return false
		}
	}
	return len(b) > 1
}

// lower puts a name in lower case, and reports whether it is one.
func lower(b []byte) bool {
	for i, c := range b {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		case 'A' <= c && c <= 'Z':
			b[i] |= 0x20
		default:
			return false
		}
	}
	return true
}
