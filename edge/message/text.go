package message

import "unsafe"

// Text is memory that strings are cut from which live as long as one request: a
// connection's is used again for the next one, so that answering from the cache
// allocates nothing.
type Text struct {
	buf  []byte
	used int // bytes cut since Reset
}

// A Text begins with leastText bytes, and keeps as many as the last request
// needed, up to maxText.
const (
	leastText = 1 << 10
	maxText   = 16 << 10
)

// Reset gives the memory of all strings back. None of them may be used after.
func (t *Text) Reset() {
	if want := min(max(2*t.used, leastText), maxText); cap(t.buf) < t.used || cap(t.buf) < leastText {
		t.buf = make([]byte, 0, want)
	}
	t.buf, t.used = t.buf[:0], 0
}

// Begin returns an empty slice to append a string's bytes to; End makes it a
// string. There is one at a time.
func (t *Text) Begin() []byte { return t.buf[len(t.buf):] }

// End returns the bytes that were appended since Begin as a string.
func (t *Text) End(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	t.used += len(b)
	if n := len(t.buf); n < cap(t.buf) && &t.buf[:n+1][n] == &b[0] {
		t.buf = t.buf[:n+len(b)]
	} else {
		// It outgrew what was left: what comes next is cut from the new memory, and
		// strings that were cut from the old one keep it alive.
		t.buf = b
	}
	return unsafe.String(&b[0], len(b))
}

// Concat joins strings.
func (t *Text) Concat(parts ...string) string {
	b := t.Begin()
	for _, p := range parts {
		b = append(b, p...)
	}
	return t.End(b)
}
