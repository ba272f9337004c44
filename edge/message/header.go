package message

import (
	"iter"
	"strings"
)

// Field is one header line.
type Field struct{ Name, Value string }

// Header is a list of header fields in order. Names compare without case (RFC
// 9110 section 5.1); the same name may occur more than once.
type Header []Field

// same reports whether two names are one. Nearly all that are not differ in length, which
// costs no call to find out: a hit compares some two hundred.
func same(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

// Get returns the first value of a field, or "".
func (h Header) Get(name string) string {
	for i := range h {
		if same(h[i].Name, name) {
			return h[i].Value
		}
	}
	return ""
}

// Has reports whether a field occurs.
func (h Header) Has(name string) bool {
	for i := range h {
		if same(h[i].Name, name) {
			return true
		}
	}
	return false
}

// Joined returns all values of a field as one list (RFC 9110 section 5.3).
func (h Header) Joined(name string) string {
	first, many := "", []string(nil)
	seen := 0
	for i := range h {
		if !same(h[i].Name, name) {
			continue
		}
		if seen++; seen == 1 {
			first = h[i].Value
			continue
		}
		if seen == 2 {
			many = append(many, first)
		}
		many = append(many, h[i].Value)
	}
	if seen < 2 {
		return first
	}
	return strings.Join(many, ", ")
}

// Add appends a field.
func (h *Header) Add(name, value string) { *h = append(*h, Field{name, value}) }

// Set replaces all fields of that name by one.
func (h *Header) Set(name, value string) {
	h.Del(name)
	h.Add(name, value)
}

// Del removes all fields of that name, in place.
func (h *Header) Del(name string) {
	h.Filter(func(f Field) bool { return !same(f.Name, name) })
}

// Filter keeps the fields that keep says to, in place and in order.
func (h *Header) Filter(keep func(Field) bool) {
	kept := (*h)[:0]
	for _, f := range *h {
		if keep(f) {
			kept = append(kept, f)
		}
	}
	clear((*h)[len(kept):])
	*h = kept
}

// Clone returns a copy with room for extra more fields.
func (h Header) Clone(extra int) Header {
	return append(make(Header, 0, len(h)+extra), h...)
}

// Detached returns a copy that shares no string with h.
func (h Header) Detached() Header {
	d := make(Header, len(h))
	for i, f := range h {
		d[i] = Field{strings.Clone(f.Name), strings.Clone(f.Value)}
	}
	return d
}

// Size is how many bytes the fields take on an HTTP/1.1 connection.
func (h Header) Size() int {
	n := 0
	for i := range h {
		n += len(h[i].Name) + len(h[i].Value) + len(": \r\n")
	}
	return n
}

// HopByHop reports whether a field belongs to one connection and is never
// forwarded or stored (RFC 9110 section 7.6.1, RFC 9111 section 3.1).
func HopByHop(name string) bool {
	if len(name) > len("proxy-authentication-info") {
		return false
	}
	for _, n := range [...]string{
		"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
		"proxy-authentication-info", "te", "trailer", "transfer-encoding", "upgrade",
	} {
		if len(n) == len(name) && strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// DropHopByHop removes what belongs to one connection, and what Connection names
// as such.
func (h *Header) DropHopByHop() {
	named := Items(h.Joined("Connection"))
	h.Filter(func(f Field) bool {
		if HopByHop(f.Name) {
			return false
		}
		for _, n := range named {
			if strings.EqualFold(n, f.Name) {
				return false
			}
		}
		return true
	})
}

// Items splits a comma-separated list; commas within quoted strings do not
// separate, empty members are left out.
func Items(list string) []string {
	var out []string
	for item := range Members(list) {
		out = append(out, item)
	}
	return out
}

// Members yields what Items returns.
func Members(list string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for list != "" {
			end := memberEnd(list)
			item := strings.Trim(list[:end], " \t")
			if item != "" && !yield(item) {
				return
			}
			list = list[min(end+1, len(list)):]
		}
	}
}

// memberEnd is where the first member of a list ends: at its comma, or with it.
func memberEnd(list string) int {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return i
		}
	}
	return len(list)
}
