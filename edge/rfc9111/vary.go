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
// requests have the same that differ only in white space, in the split into lines,
// or in the order or case of languages they like equally well.
func Variant(names []string, field func(name string) string) string {
	if len(names) == 0 {
		return ""
	}
	var b []byte
	for _, n := range names {
		b = appendField(b, n, field(n))
	}
	return string(b)
}

// Selects reports whether a stored response that varies by names, and was given
// to a request of that variant, is also what the request of field would be given:
// because its variant is the same or, where all that differs is Accept-Language,
// because the response is in the one language that this request likes best. It
// allocates nothing in the usual case.
func Selects(names []string, variant string, stored message.Header, field func(name string) string) bool {
	var room [256]byte
	for _, n := range names {
		value := field(n)
		part := appendField(room[:0], n, value)
		switch {
		case len(part) <= len(variant) && variant[:len(part)] == string(part):
			variant = variant[len(part):]
		case n == acceptLanguage && likesBest(value, stored.Joined("Content-Language")):
			// Skipped: the name and the value of that field, each ended by NUL, which
			// occurs in neither.
			for range 2 {
				_, variant, _ = strings.Cut(variant, "\x00")
			}
		default:
			return false
		}
	}
	return variant == ""
}

const acceptLanguage = "accept-language"

// appendField appends what of a variant is about one field.
func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), 0)
	if name == acceptLanguage {
		b = appendLanguages(b, value)
	} else {
		for item := range message.Members(value) {
			b = append(append(b, item...), ',')
		}
	}
	return append(b, 0)
}

// maxLanguages bounds how many languages are put in order; more are compared as
// they stand.
const maxLanguages = 32

// appendLanguages appends the members of Accept-Language in an order of their
// own: their weights are what counts (RFC 9110 section 12.5.4), and case does not.
func appendLanguages(b []byte, value string) []byte {
	var room [8]language
	list := room[:0]
	for item := range message.Members(value) {
		if len(list) == maxLanguages {
			return append(b, value...)
		}
		list = append(list, parseLanguage(item))
	}
	slices.SortFunc(list, func(x, y language) int {
		if x.weight != y.weight {
			return y.weight - x.weight
		}
		return strings.Compare(x.tag, y.tag)
	})
	for _, l := range list {
		b = append(b, l.tag...)
		b = append(b, ';', byte('0'+l.weight/1000), byte('0'+l.weight/100%10), byte('0'+l.weight/10%10), byte('0'+l.weight%10), ',')
	}
	return b
}

// language is a member of Accept-Language, its tag in lower case and its weight in
// thousandths. What is no weight is part of the tag: it compares as it stands.
type language struct {
	tag    string
	weight int
}

func parseLanguage(item string) language {
	tag, param, weighted := strings.Cut(item, ";")
	if !weighted {
		return language{strings.ToLower(item), 1000}
	}
	q, ok := cutFold(strings.Trim(param, " \t"), "q=")
	weight, valid := parseWeight(q)
	if !ok || !valid {
		return language{strings.ToLower(item), 1000}
	}
	return language{strings.ToLower(strings.TrimRight(tag, " \t")), weight}
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// parseWeight reads a qvalue in thousandths (RFC 9110 section 12.4.2).
func parseWeight(q string) (int, bool) {
	whole, fraction, _ := strings.Cut(q, ".")
	if whole != "0" && whole != "1" || len(fraction) > 3 {
		return 0, false
	}
	n, ok := digits(whole + fraction + "000"[len(fraction):])
	return n, ok && n <= 1000
}

// likesBest reports whether the language that a response is in is the one, and
// the only one, of the greatest weight in a request's Accept-Language.
func likesBest(accept, content string) bool {
	best, rival := language{weight: 0}, false
	for item := range message.Members(accept) {
		switch l := parseLanguage(item); {
		case l.weight > best.weight:
			best, rival = l, false
		case l.weight == best.weight && l.tag != best.tag:
			rival = true
		}
	}
	return best.weight > 0 && !rival && best.tag != "*" && strings.EqualFold(content, best.tag)
}
