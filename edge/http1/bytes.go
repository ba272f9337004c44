package http1

import (
	"encoding/binary"
	"unsafe"
)

// view is b as a string, without a copy: it changes when b does.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// token tells the bytes of a token (RFC 9110 section 5.6.2).
var token = tokenTable()

func tokenTable() (t [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		t[c] = true
	}
	return t
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// below returns a word whose high bits are set in the first byte of w that is
// less than n, and maybe in later ones; 0 if there is none. n is at most 0x80.
func below(w uint64, n byte) uint64 { return (w - ones*uint64(n)) &^ w & highs }

// visible reports whether all bytes are printable ASCII and no space.
func visible(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		if w&highs|below(w, 0x21)|below(w^(ones*0x7f), 1) != 0 {
			return false
		}
	}
	for _, c := range b {
		if c <= 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

// printable reports whether b may be a field's value: no control character but
// the tab (RFC 9110 section 5.5). Bytes above ASCII are allowed there.
func printable(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		if below(w, 0x20)|below(w^(ones*0x7f), 1) != 0 && !printableSlow(b[:8]) {
			return false
		}
	}
	return printableSlow(b)
}

func printableSlow(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// same reports whether b is the word lower, which is in lower case.
func same[T string | []byte](b T, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range len(lower) {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// trim cuts optional whitespace off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// hexDigit returns a hexadecimal digit's value, or 16.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
