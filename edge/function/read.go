package function

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// members is a JSON object, in order.
type members []member

// member is one of them: raw is its value as it is written, "" for one that is not there.
type member struct{ name, raw string }

func (m members) get(name string) string {
	for n := range m {
		if m[n].name == name {
			return m[n].raw
		}
	}
	return ""
}

// maxMembers bounds an object that a function returned.
const maxMembers = 2000

// object takes a JSON object apart, and nothing of it is copied that need not be; what is
// it is called by in an error. Of raw it is known that it is JSON.
func object(raw, what string) (members, error) {
	at := space(raw, 0)
	if at == len(raw) || raw[at] != '{' {
		return nil, fmt.Errorf("%s is not an object", what)
	}
	m := make(members, 0, 4)
	for at = space(raw, at+1); at < len(raw) && raw[at] != '}'; at = space(raw, at) {
		end := skip(raw, at)
		name, ok := unquote(raw[at:end])
		if !ok || len(m) == maxMembers {
			return nil, fmt.Errorf("%s cannot be read", what)
		}
		at = space(raw, end)
		if at == len(raw) || raw[at] != ':' {
			return nil, fmt.Errorf("%s cannot be read", what)
		}
		at = space(raw, at+1)
		end = skip(raw, at)
		m = append(m, member{name, raw[at:end]})
		if at = space(raw, end); at < len(raw) && raw[at] == ',' {
			at++
		}
	}
	return m, nil
}

// array takes a JSON array apart.
func array(raw string) (values []string, ok bool) {
	at := space(raw, 0)
	if at == len(raw) || raw[at] != '[' {
		return nil, false
	}
	for at = space(raw, at+1); at < len(raw) && raw[at] != ']'; at = space(raw, at) {
		end := skip(raw, at)
		if end == at || len(values) == maxMembers {
			return nil, false
		}
		values = append(values, raw[at:end])
		if at = space(raw, end); at < len(raw) && raw[at] == ',' {
			at++
		}
	}
	return values, true
}

// text reads a string.
func text(raw, what string) (string, error) {
	s, ok := unquote(strings.TrimSpace(raw))
	if !ok {
		return "", fmt.Errorf("%s is not a string", what)
	}
	return s, nil
}

// unquote returns what a JSON string says. What is no UTF-8 becomes U+FFFD.
func unquote(raw string) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	if s := raw[1 : len(raw)-1]; strings.IndexByte(s, '\\') < 0 && utf8.ValidString(s) {
		return s, true
	}
	var s string
	err := json.Unmarshal([]byte(raw), &s)
	return s, err == nil
}

// space returns where white space ends that begins at a place.
func space(raw string, at int) int {
	for at < len(raw) && (raw[at] == ' ' || raw[at] == '\t' || raw[at] == '\n' || raw[at] == '\r') {
		at++
	}
	return at
}

// skip returns where the value ends that begins at a place.
func skip(raw string, at int) int {
	for depth := 0; at < len(raw); at++ {
		switch raw[at] {
		case '"':
			at = skipString(raw, at)
			if at == len(raw) {
				return at
			}
			if depth == 0 {
				return at + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
			if depth < 0 {
				return at // what is around it ends, and a number before it did
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return at
			}
		}
	}
	return at
}

// skipString returns where the quotation mark is that ends a string, len(raw) if none does.
func skipString(raw string, at int) int {
	for at++; at < len(raw); at++ {
		switch raw[at] {
		case '\\':
			at++
		case '"':
			return at
		}
	}
	return len(raw)
}
