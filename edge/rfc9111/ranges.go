package rfc9111

import (
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/edge/message"
)

// Range is one run of bytes of an object.
type Range struct{ Offset, Length int64 }

// ContentRange is the field that goes with a 206 from an object of size bytes.
func (r Range) ContentRange(size int64) string {
	return "bytes " + strconv.FormatInt(r.Offset, 10) + "-" + strconv.FormatInt(r.Offset+r.Length-1, 10) + "/" + strconv.FormatInt(size, 10)
}

// MaxRanges is how many ranges of a request are answered. One that asks for more
// is answered with the whole: each part costs a header of its own, and a request
// is short beside what it could ask for (RFC 9110 section 17.15).
const MaxRanges = 16

// ParseRange is ParseRanges for who can send one range only: more are answered
// with the whole.
func ParseRange(request, stored message.Header, size int64) (Range, int) {
	var room [MaxRanges]Range
	ranges, status := ParseRanges(room[:0], request, stored, size)
	switch {
	case status == 206 && len(ranges) == 1:
		return ranges[0], 206
	case status == 416:
		return Range{}, 416
	}
	return Range{}, 0
}

// ParseRanges says what a request's Range makes of a stored 200 of size bytes (RFC
// 9110 section 14.2): 206 with the ranges, which it appends to dst, 416, or 0 for
// the whole. A unit that is not bytes, what cannot be parsed, an If-Range that does
// not hold, more than MaxRanges, and ranges that overlap or are out of order are
// answered with the whole; CloudFront does the last too (developer guide, "How
// CloudFront processes partial requests for an object"). Those that begin behind
// the end are left out if others do not.
func ParseRanges(dst []Range, request, stored message.Header, size int64) ([]Range, int) {
	if !request.Has("Range") {
		return dst, 0
	}
	unit, set, ok := strings.Cut(request.Joined("Range"), "=")
	if !ok || !strings.EqualFold(strings.Trim(unit, " \t"), "bytes") {
		return dst, 0
	}
	if cond := request.Get("If-Range"); cond != "" && !ifRange(cond, stored) {
		return dst, 0
	}
	n, satisfiable, end := 0, dst, int64(0)
	for spec := range message.Members(set) {
		r, ok := resolveRange(spec, size)
		if n++; !ok || n > MaxRanges {
			return dst, 0
		}
		if r.Length == 0 {
			continue
		}
		if r.Offset < end {
			return dst, 0
		}
		end = r.Offset + r.Length
		satisfiable = append(satisfiable, r)
	}
	switch {
	case n == 0:
		return dst, 0
	case len(satisfiable) == len(dst):
		return dst, 416
	}
	return satisfiable, 206
}

// resolveRange returns what a range-spec takes of size bytes, with a length of 0
// if nothing.
func resolveRange(spec string, size int64) (Range, bool) {
	first, last, ok := strings.Cut(spec, "-")
	if !ok || first == "" && last == "" {
		return Range{}, false
	}
	from, okFirst := position(first)
	to, okLast := position(last)
	switch {
	case !okFirst || !okLast || first != "" && last != "" && to < from:
		return Range{}, false
	case first == "": // the last bytes, as many as said
		from = max(0, size-to)
		return Range{from, size - from}, true
	case last == "":
		to = size - 1
	}
	if from >= size {
		return Range{}, true
	}
	return Range{from, min(to, size-1) - from + 1}, true
}

// beyond stands for every byte position that is too large for its type.
const beyond = 1<<63 - 1

// position reads a byte position; one too large for the type stands beyond every
// object.
func position(s string) (int64, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		n = beyond
	}
	return n, true
}

// ifRange compares strongly: an entity tag, or a date that is the same to the
// letter (RFC 9110 section 13.1.5).
func ifRange(cond string, stored message.Header) bool {
	if strings.HasPrefix(cond, `"`) || strings.HasPrefix(cond, "W/") {
		return strongEqual(cond, stored.Get("ETag"))
	}
	return cond == stored.Get("Last-Modified")
}
