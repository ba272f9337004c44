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

// ParseRange says what a request's Range makes of a stored 200 of size bytes: 206
// with the range, 416, or 0 for the whole (RFC 9110 section 14.2). More than one
// range, a unit that is not bytes, what cannot be parsed, and an If-Range that
// does not hold are answered with the whole.
func ParseRange(request, stored message.Header, size int64) (Range, int) {
	unit, set, ok := strings.Cut(request.Get("Range"), "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") || strings.Contains(set, ",") {
		return Range{}, 0
	}
	if cond := request.Get("If-Range"); cond != "" && !ifRange(cond, stored) {
		return Range{}, 0
	}
	first, last, ok := strings.Cut(strings.TrimSpace(set), "-")
	if !ok || first == "" && last == "" {
		return Range{}, 0
	}
	from, okFirst := position(first)
	to, okLast := position(last)
	switch {
	case !okFirst || !okLast || first != "" && last != "" && to < from:
		return Range{}, 0
	case first == "": // the last bytes, as many as said
		from, to = max(0, size-to), size-1
		if last = strings.TrimLeft(last, "0"); last == "" {
			return Range{}, 416
		}
	case last == "":
		to = size - 1
	}
	if from >= size {
		return Range{}, 416
	}
	to = min(to, size-1)
	return Range{from, to - from + 1}, 206
}

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
		n = 1<<63 - 1
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
