package policy

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// condition is one operator on one key. It holds if the request's value of the
// key matches any of the policy's values.
type condition struct {
	op       string // lower case, without quantifier and IfExists
	negated  bool
	ifExists bool
	set      string // "", "forallvalues" or "foranyvalue"
	key      string // lower case
	values   []string
}

// matcher compares one value of a request with one of a policy.
type matcher func(policyValue, value string) bool

// operator returns the comparison an operator names and whether it is negated;
// nil if there is no such operator. Null is handled apart.
func operator(name string) (match matcher, negated bool) {
	switch name {
	case "stringequals", "stringnotequals":
		match = func(p, v string) bool { return p == v }
	case "stringequalsignorecase", "stringnotequalsignorecase":
		match = strings.EqualFold
	case "stringlike", "stringnotlike":
		match = glob
	case "arnequals", "arnlike", "arnnotequals", "arnnotlike":
		match = matchARN
	case "bool":
		match = strings.EqualFold
	case "ipaddress", "notipaddress":
		match = matchAddress
	case "numericequals", "numericnotequals":
		match = compareNumbers(func(p, v float64) bool { return v == p })
	case "numericlessthan":
		match = compareNumbers(func(p, v float64) bool { return v < p })
	case "numericlessthanequals":
		match = compareNumbers(func(p, v float64) bool { return v <= p })
	case "numericgreaterthan":
		match = compareNumbers(func(p, v float64) bool { return v > p })
	case "numericgreaterthanequals":
		match = compareNumbers(func(p, v float64) bool { return v >= p })
	case "dateequals", "datenotequals":
		match = compareDates(func(c int) bool { return c == 0 })
	case "datelessthan":
		match = compareDates(func(c int) bool { return c < 0 })
	case "datelessthanequals":
		match = compareDates(func(c int) bool { return c <= 0 })
	case "dategreaterthan":
		match = compareDates(func(c int) bool { return c > 0 })
	case "dategreaterthanequals":
		match = compareDates(func(c int) bool { return c >= 0 })
	}
	return match, strings.Contains(name, "not")
}

// holds evaluates the condition. Of a key without a value every positive
// operator is false and every negated one true; ForAllValues is true.
func (c condition) holds(context map[string][]string) bool {
	got := context[c.key]
	if c.op == "null" {
		return slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, "true") == (len(got) == 0) })
	}
	if len(got) == 0 {
		return c.ifExists || c.set == "forallvalues" || (c.negated && c.set == "")
	}
	match, _ := operator(c.op)
	one := func(v string) bool {
		return slices.ContainsFunc(c.values, func(p string) bool { return match(p, v) }) != c.negated
	}
	if c.set == "foranyvalue" {
		return slices.ContainsFunc(got, one)
	}
	return !slices.ContainsFunc(got, func(v string) bool { return !one(v) })
}

// narrows tells whether the condition holds the statement to fixed values of a
// key that says where a request comes from. The list is S3's own for "public".
func (c condition) narrows() bool {
	switch c.key {
	case "aws:sourcearn", "aws:sourceaccount", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceip",
		"aws:principalorgid", "aws:principalorgpaths", "aws:userid", "s3:dataaccesspointarn", "s3:dataaccesspointaccount":
	default:
		return false
	}
	// ForAllValues and IfExists hold without any value at all.
	if c.negated || c.op == "null" || c.ifExists || c.set == "forallvalues" {
		return false
	}
	return !slices.ContainsFunc(c.values, func(v string) bool {
		if c.op == "ipaddress" {
			p, err := parsePrefix(v)
			return err != nil || (p.Addr().Is4() && p.Bits() < 8) || (p.Addr().Is6() && p.Bits() < 32)
		}
		return strings.ContainsAny(v, "*?")
	})
}

// matchARN compares the six parts of an ARN one by one, so that a * does not
// reach across a colon into the account or the service.
func matchARN(pattern, arn string) bool {
	p, a := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	return len(p) == len(a) && !slices.ContainsFunc(p, func(part string) bool {
		ok := glob(part, a[0])
		a = a[1:]
		return !ok
	})
}

func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

func matchAddress(prefix, address string) bool {
	p, err := parsePrefix(prefix)
	a, err2 := netip.ParseAddr(address)
	return err == nil && err2 == nil && p.Contains(a.Unmap())
}

func compareNumbers(ok func(policyValue, value float64) bool) matcher {
	return func(p, v string) bool {
		a, err := strconv.ParseFloat(p, 64)
		b, err2 := strconv.ParseFloat(v, 64)
		return err == nil && err2 == nil && ok(a, b)
	}
}

// parseDate reads ISO 8601 as AWS does, or seconds since 1970.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(n, 0), true
	}
	return time.Time{}, false
}

func compareDates(ok func(order int) bool) matcher {
	return func(p, v string) bool {
		a, okA := parseDate(p)
		b, okB := parseDate(v)
		return okA && okB && ok(b.Compare(a))
	}
}

// check tells whether the values suit the operator: a value that can never
// match would make a Deny void without a word.
func (c condition) check() bool {
	return !slices.ContainsFunc(c.values, func(v string) bool {
		switch {
		case c.op == "bool" || c.op == "null":
			return !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false")
		case strings.HasSuffix(c.op, "ipaddress"):
			_, err := parsePrefix(v)
			return err != nil
		case strings.HasPrefix(c.op, "numeric"):
			n, err := strconv.ParseFloat(v, 64)
			return err != nil || math.IsNaN(n)
		case strings.HasPrefix(c.op, "date"):
			_, ok := parseDate(v)
			return !ok
		case strings.HasPrefix(c.op, "arn"):
			return strings.Count(v, ":") < 5
		}
		return false
	})
}
