package call

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
)

// The alphabets of ids.
const (
	Upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	Lower = "abcdefghijklmnopqrstuvwxyz0123456789"
)

// IDLength is how many characters follow an id's letter.
const IDLength = 13

// NewID returns letter and thirteen random characters of a 36-letter alphabet:
// "E…" names a distribution, an origin access control or an ETag, "I…" an
// invalidation, "K…" a public key, "d…" is a distribution's first label.
func NewID(random io.Reader, letter, alphabet string) (string, error) {
	id := append(make([]byte, 0, len(letter)+IDLength), letter...)
	var b [1]byte
	// Bytes of the last, incomplete round of the alphabet would favour its
	// beginning. More than a few of those in a row is no source of randomness.
	for tries := 0; len(id) < cap(id) && tries < 256; tries++ {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("make an id: %w", err)
		}
		if n := int(b[0]); n < 256/len(alphabet)*len(alphabet) {
			id = append(id, alphabet[n%len(alphabet)])
		}
	}
	if len(id) < cap(id) {
		return "", errors.New("make an id: the source of randomness is broken")
	}
	return string(id), nil
}

// NewUUID returns a random UUID (RFC 9562 section 5.4), the form of the ids of
// policies.
func NewUUID(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// Unused returns an id that is not taken, of those that make makes. The chance of a
// second try is nil; the limit is for a source of randomness that repeats itself.
func Unused(taken func(id string) bool, newID func() (string, error)) (string, error) {
	for range 8 {
		id, err := newID()
		if err != nil || !taken(id) {
			return id, err
		}
	}
	return "", errors.New("make an id: the source of randomness repeats itself")
}

// NewETag returns a version of a thing as clients see it.
func NewETag(random io.Reader) (string, error) { return NewID(random, "E", Upper) }

// FixedETag is the ETag of what never changes.
func FixedETag(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "E" + base32.StdEncoding.EncodeToString(sum[:])[:IDLength]
}

// IsETag tells whether s has an ETag's form: CloudFront's have 13 or 14
// characters.
func IsETag(s string) bool {
	if len(s) < IDLength || len(s) > 1+IDLength || s[0] != 'E' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
