package api

import (
	"errors"
	"fmt"
	"io"
)

const (
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	lower = "abcdefghijklmnopqrstuvwxyz0123456789"

	// idLength is how many characters follow an id's letter.
	idLength = 13
)

// newID returns letter and thirteen random characters of a 36-letter alphabet:
// "E…" names a distribution, an origin access control or an ETag, "I…" an
// invalidation, "d…" is a distribution's first label.
func (h *handler) newID(letter, alphabet string) (string, error) {
	id := append(make([]byte, 0, len(letter)+idLength), letter...)
	var b [1]byte
	// Bytes of the last, incomplete round of the alphabet would favour its
	// beginning. More than a few of those in a row is no source of randomness.
	for tries := 0; len(id) < cap(id) && tries < 256; tries++ {
		if _, err := io.ReadFull(h.Random, b[:]); err != nil {
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

// unusedID returns an id that is not taken. The chance of a second try is nil;
// the limit is for a source of randomness that repeats itself.
func (h *handler) unusedID(letter, alphabet string, taken func(id string) bool) (string, error) {
	for range 8 {
		id, err := h.newID(letter, alphabet)
		if err != nil || !taken(id) {
			return id, err
		}
	}
	return "", errors.New("make an id: the source of randomness repeats itself")
}

// newETag returns the version of a thing as clients see it.
func (h *handler) newETag() (string, error) { return h.newID("E", upper) }

// isETag tells whether s has an ETag's form: CloudFront's have 13 or 14
// characters.
func isETag(s string) bool {
	if len(s) < idLength || len(s) > 1+idLength || s[0] != 'E' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// requestID returns a random UUID, the form of AWS's request ids.
func (h *handler) requestID() string {
	var b [16]byte
	if _, err := io.ReadFull(h.Random, b[:]); err != nil {
		return "00000000-0000-4000-8000-000000000000" // an answer must have one; nothing depends on it
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
