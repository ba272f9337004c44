package rfc9111

import (
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// FirstRange reads the first range of a Range field's value without knowing the
// size of the object: from first to last, last being -1 where it goes on to the
// end. Of a suffix, which counts from the end, first is -1 and last how many bytes
// it wants. False if it is no range of bytes. Positions are at most farthest, so
// that they can be counted on from.
func FirstRange(value string) (first, last int64, ok bool) {
	unit, set, ok := strings.Cut(value, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return 0, 0, false
	}
	set, _, _ = strings.Cut(set, ",")
	a, b, ok := strings.Cut(strings.TrimSpace(set), "-")
	from, okFirst := position(a)
	to, okLast := position(b)
	from, to = min(from, farthest), min(to, farthest)
	switch {
	case !ok || !okFirst || !okLast || a == "" && b == "":
		return 0, 0, false
	case a == "":
		return -1, to, true
	case b == "":
		return from, -1, true
	case to < from:
		return 0, 0, false
	}
	return from, to, true
}

// farthest is beyond every object, and far from what its type holds.
const farthest = 1 << 60

// strongAfter is how much older than its Date a modification must be to be told
// from the next one (RFC 9110 section 8.8.2.2).
const strongAfter = time.Minute

// StrongValidator returns what tells one version of an object from every other,
// byte by byte, for use in If-Range: its strong entity tag, or its Last-Modified
// where that is old enough. Empty if it has neither.
func StrongValidator(h message.Header) string {
	if tag := h.Get("ETag"); tag != "" {
		if strings.HasPrefix(tag, "W/") {
			return ""
		}
		return tag
	}
	value := h.Get("Last-Modified")
	sent, dated := ParseDate(h.Get("Date"), time.Time{})
	modified, ok := ParseDate(value, sent)
	if !ok || !dated || sent.Sub(modified) < strongAfter {
		return ""
	}
	return value
}

// SameVersion reports whether an answer is of the same version as a stored one, as
// far as it says: by entity tag and by Last-Modified, where both have them. One that
// says nothing is believed only where it is partial: it answers If-Range, which
// need not be repeated (RFC 9110 section 15.3.7).
func SameVersion(stored, answer message.Header, partial bool) bool {
	said := false
	for _, name := range [...]string{"ETag", "Last-Modified"} {
		was, is := stored.Get(name), answer.Get(name)
		if was != "" && is != "" && was != is {
			return false
		}
		said = said || was != "" && is != ""
	}
	return said || partial
}
