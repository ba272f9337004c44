package route53

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
)

// domain writes a domain name in the form in which zones and records are kept: lower
// case, with a final dot; the first label may be "*", which the API also writes
// \052. Names hold letters, digits, "-" and "_".
func domain(s string) (string, error) {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	if rest, ok := strings.CutPrefix(s, `\052.`); ok {
		s = "*." + rest
	}
	if s == "" || len(s) > 253 {
		return "", cdn.Errorf("InvalidInput", "%.253q is not a domain name.", s)
	}
	for i, label := range strings.Split(s, ".") {
		if i == 0 && label == "*" {
			continue
		}
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", cdn.Errorf("InvalidInput", "%.253q is not a domain name here: its labels have up to 63 letters, digits, hyphens and underscores.", s)
		}
	}
	return s + ".", nil
}

// escape writes a name as the API gives it.
func escape(name string) string {
	if rest, ok := strings.CutPrefix(name, "*."); ok {
		return `\052.` + rest
	}
	return name
}

// within reports whether a name is a zone's or beneath it; both end with a dot.
func within(name, zone string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }

// reversed writes a name with its labels in reverse order, which is how the API sorts
// names.
func reversed(name string) string {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}
