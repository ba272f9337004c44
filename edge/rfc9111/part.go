package rfc9111

import (
	"strings"

	"github.com/warmfront/warmfront/edge/message"
)

// Part is what a 206 holds of an object: Length bytes from First. Size is that of
// the whole object, -1 if it is not known. For how long it may be used is what
// [Judge] says of a 200 with the same header (section 3.3).
type Part struct{ First, Length, Size int64 }

// ParseContentRange reads a Content-Range of bytes (RFC 9110 section 14.4). Size
// is -1 where it is not told.
func ParseContentRange(value string) (p Part, ok bool) {
	unit, rest, ok1 := strings.Cut(value, " ")
	span, complete, ok2 := strings.Cut(rest, "/")
	from, to, ok3 := strings.Cut(span, "-")
	first, ok4 := position(from)
	last, ok5 := position(to)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || from == "" || to == "" || !strings.EqualFold(unit, "bytes") || last < first || last == beyond {
		return Part{}, false
	}
	p = Part{First: first, Length: last - first + 1, Size: -1}
	if complete == "*" {
		return p, true
	}
	p.Size, ok = position(complete)
	return p, ok && complete != "" && p.Size > last && p.Size != beyond
}

// PartOf returns what a 206 with that header brings, given how many bytes its body
// has, -1 if that is not known yet. Where the body is shorter than Content-Range
// says, what came is what there is; where it is longer nobody knows what it holds.
func PartOf(h message.Header, length int64) (Part, bool) {
	p, ok := ParseContentRange(h.Get("Content-Range"))
	if !ok || length > p.Length {
		return Part{}, false
	}
	if length >= 0 {
		p.Length = length
	}
	return p, p.Length > 0
}

// Answers returns the bytes of the object that a request asks for by a single
// range, if the part, which came with the header stored, holds all of them
// (section 3.3).
func (p Part) Answers(request, stored message.Header) (Range, bool) {
	if p.Size < 0 || !request.Has("Range") {
		return Range{}, false
	}
	r, status := ParseRange(request, stored, p.Size)
	return r, status == 206 && r.Offset >= p.First && r.Offset+r.Length <= p.First+p.Length
}
