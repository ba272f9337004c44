package http2

import (
	"encoding/binary"
	"unsafe"
)

// Sets of ASCII characters, a bit each.
const (
	digits = (1<<10 - 1) << '0'
	lowers = (1<<26 - 1) << ('a' - 64)
	uppers = (1<<26 - 1) << ('A' - 64)

	// RFC 9110 section 5.6.2, without capitals, which RFC 9113 section 8.2 forbids in
	// field names.
	nameLow  = digits | 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.'
	nameHigh = lowers | 1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) | 1<<('|'-64) | 1<<('~'-64)

	// RFC 3986 section 3.2 without userinfo, which RFC 9113 section 8.3.1 forbids:
	// letters, digits, "-._~", sub-delims, "%", and what surrounds addresses and
	// ports.
	authorityLow  = digits | 1<<'!' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'(' | 1<<')' | 1<<'*' | 1<<'+' | 1<<',' | 1<<'-' | 1<<'.' | 1<<':' | 1<<';' | 1<<'='
	authorityHigh = lowers | uppers | 1<<('['-64) | 1<<(']'-64) | 1<<('_'-64) | 1<<('~'-64)
)

// within reports whether all of s is in a set.
func within(s string, low, high uint64) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c < 64 && low>>c&1 != 0:
		case 64 <= c && c < 128 && high>>(c-64)&1 != 0:
		default:
			return false
		}
	}
	return true
}

func validName(s string) bool { return s != "" && within(s, nameLow, nameHigh) }

func validMethod(s string) bool { return s != "" && within(s, nameLow, nameHigh|uppers) }

func validAuthority(s string) bool { return within(s, authorityLow, authorityHigh) }

// validValue reports whether s may be a field's value: no white space around it
// (RFC 9113 section 8.2.1) and no control character in it but a tab (RFC 9110
// section 5.5).
func validValue(s string) bool {
	if s == "" {
		return true
	}
	if first, last := s[0], s[len(s)-1]; first == ' ' || first == '\t' || last == ' ' || last == '\t' {
		return false
	}
	if plain(s) {
		return true
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// plain reports whether s certainly has no byte below a space and no DEL. It looks
// at eight bytes at once.
func plain(s string) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	p := unsafe.Slice(unsafe.StringData(s), len(s))
	for ; len(p) >= 8; p = p[8:] {
		w := binary.LittleEndian.Uint64(p)
		del := w ^ ones*0x7f
		if ((w-ones*' ')&^w|(del-ones)&^del)&highs != 0 {
			return false
		}
	}
	for _, c := range p {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// validTarget reports whether s may be a path with its query: no space, no control
// character, no "#" and nothing beyond ASCII; in the path every "%" begins an
// escape. A query is often written by hand, and a lone "%" in it means one.
func validTarget(s string) bool {
	if s == "" || s[0] != '/' {
		return false
	}
	query := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c >= 0x7f || c == '#':
			return false
		case c == '?':
			query = true
		case c == '%' && !query:
			if i+2 >= len(s) || !hex(s[i+1]) || !hex(s[i+2]) {
				return false
			}
		}
	}
	return true
}

func hex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
