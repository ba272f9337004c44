package lambda

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/edge/message"
)

// disallowed reports whether no function may set a field, in lower case, which it is not
// shown either (developer guide, "Restrictions on edge functions", "Disallowed headers").
func disallowed(name string) bool {
	switch name {
	case "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "trailer", "upgrade",
		"x-accel-buffering", "x-accel-charset", "x-accel-limit-rate", "x-accel-redirect", "x-cache", "x-forwarded-proto", "x-real-ip",
		"x-amzn-auth", "x-amzn-cf-billing", "x-amzn-cf-id", "x-amzn-cf-xff", "x-amzn-errortype", "x-amzn-fle-profile", "x-amzn-header-count",
		"x-amzn-header-order", "x-amzn-lambda-integration-tag", "x-amzn-requestid":
		return true
	}
	return strings.HasPrefix(name, "x-amz-cf-") || strings.HasPrefix(name, "x-edge-") || strings.HasPrefix(name, "warmfront-")
}

// readOnly are the fields that functions see at an event and may not change (developer
// guide, "Read-only headers").
func readOnly(e Event) []string {
	switch e {
	case ViewerRequest:
		return []string{"content-length", "host", "transfer-encoding", "via"}
	case OriginRequest:
		return []string{"accept-encoding", "content-length", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "transfer-encoding", "via"}
	case OriginResponse:
		return []string{"transfer-encoding", "via"}
	}
	return []string{"content-encoding", "content-length", "transfer-encoding", "warning", "via"}
}

// shown are the fields that functions are told of.
func shown(h message.Header) message.Header {
	return slices.DeleteFunc(h.Clone(0), func(f message.Field) bool { return disallowed(strings.ToLower(f.Name)) })
}

// fields checks what a function made of the fields it was shown, and returns them in the
// order of their names, host left out. The second result says what is wrong.
func (hs headers) fields(e Event, was headers) (message.Header, string) {
	for _, name := range readOnly(e) {
		if !slices.EqualFunc(hs[name], was[name], func(a, b field) bool { return a.Value == b.Value }) {
			return nil, "the header " + name + " is read-only at " + string(e)
		}
	}
	names := make([]string, 0, len(hs))
	for name := range hs {
		names = append(names, name)
	}
	slices.Sort(names)
	var h message.Header
	for _, name := range names {
		lower := strings.ToLower(name)
		if disallowed(lower) {
			return nil, "the header " + name + " is not allowed"
		}
		for _, f := range hs[name] {
			key := f.Key
			if key == "" {
				key = name
			}
			if !strings.EqualFold(key, name) || !isToken(key) || strings.ContainsAny(f.Value, "\r\n\x00") {
				return nil, "the header " + name + " is not well formed"
			}
			if lower != "host" {
				h.Add(key, f.Value)
			}
		}
	}
	return h, ""
}

// isToken reports whether a name is one of a field (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(marks, c) >= 0) {
			return false
		}
	}
	return s != ""
}
