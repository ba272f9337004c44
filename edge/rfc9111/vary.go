package rfc9111

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/edge/message"
)

// VaryNames returns the request fields that a response was chosen by, in lower
// case, sorted, each once (section 4.1). "*" is one of them where it is named.
func VaryNames(h message.Header) []string {
	value := h.Joined("Vary")
	if value == "" {
		return nil
	}
	names := message.Items(strings.ToLower(value))
	slices.Sort(names)
	return slices.Compact(names)
}

func varies(h message.Header, name string) bool { return slices.Contains(VaryNames(h), name) }

// Variant identifies which of the responses of one key a request is given: the
// values of the fields it varies by, as field gives them for a request. Two
// requests that differ only in white space and the split into lines have the
// same.
func Variant(names []string, field func(name string) string) string {
	if len(names) == 0 {
		return ""
	}
	var b strings.Builder
	for _, n := range names {
		b.WriteString(n)
		b.WriteByte(0)
		for _, item := range message.Items(field(n)) {
			b.WriteString(item)
			b.WriteByte(',')
		}
		b.WriteByte(0)
	}
	return b.String()
}
