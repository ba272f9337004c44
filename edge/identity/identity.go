// Package identity is what an edge calls its requests and itself: the X-Amz-Cf-Id of
// each request, made by the [Requests] of its connection, which nobody can guess from
// others; the node's pseudonym in Via; and its name in Cache-Status (RFC 9211). The
// names of a node do not change as long as its id does not.
package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	mathrand "math/rand/v2"
	"strings"
	"unsafe"
)

// Length is how long an X-Amz-Cf-Id is: 54 characters of the URL-safe base64
// alphabet and "==".
const Length = 56

// Requests makes the ids of requests that follow one another.
type Requests struct {
	random *mathrand.ChaCha8
	text   [Length]byte
}

// NewRequests makes one with a seed of its own.
func NewRequests() Requests {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails (package documentation)
	return Requests{random: mathrand.NewChaCha8(seed)}
}

// Next makes an id. It lies where the next one will.
func (r *Requests) Next() string {
	var b [Length / 4 * 3]byte
	_, _ = r.random.Read(b[:40]) // never fails (package documentation)
	base64.URLEncoding.Encode(r.text[:], b[:40])
	return unsafe.String(&r.text[0], Length)
}

// Pseudonym is how a node calls itself in Via, without the protocol's version: 32
// hexadecimal digits that do not change.
func Pseudonym(node string) string {
	sum := sha256.Sum256([]byte(node))
	return " " + hex.EncodeToString(sum[:16]) + ".cloudfront.net (CloudFront)"
}

// CacheName is a node's id as a token of RFC 9211.
func CacheName(node string) string {
	return "warmfront/" + strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.ContainsRune("-._~:", c):
			return c
		}
		return '_'
	}, node)
}
