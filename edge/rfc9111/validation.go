package rfc9111

import (
	"strings"

	"github.com/warmfront/warmfront/edge/message"
)

// HasValidator reports whether a response can be confirmed by a conditional
// request.
func HasValidator(h message.Header) bool {
	return h.Get("ETag") != "" || h.Get("Last-Modified") != ""
}

// Conditional makes h, the header of a request to the origin, ask whether stored
// is still what it would answer (section 4.3.1).
func Conditional(h *message.Header, stored message.Header) {
	if tag := stored.Get("ETag"); tag != "" {
		h.Set("If-None-Match", tag)
	}
	if modified := stored.Get("Last-Modified"); modified != "" {
		h.Set("If-Modified-Since", modified)
	}
}

// Confirms reports whether a 304 speaks of the stored response (section 4.3.4).
// One that names another entity does not.
func Confirms(stored, notModified message.Header) bool {
	was, is := stored.Get("ETag"), notModified.Get("ETag")
	return was == "" || is == "" || weakEqual(was, is)
}

// Update returns the stored header brought up to date by that of a 304 (section
// 3.2): its fields replace those of the same name, but for those that describe
// the bytes that are kept.
func Update(stored, notModified message.Header) message.Header {
	keep := func(name string) bool {
		switch strings.ToLower(name) {
		case "content-length", "content-encoding", "content-range", "content-type":
			return true
		}
		return message.HopByHop(name)
	}
	out := make(message.Header, 0, len(stored)+len(notModified))
	for _, f := range stored {
		// A stored Age speaks of the answer that brought it; the 304 brings its own.
		if keep(f.Name) || !notModified.Has(f.Name) && !strings.EqualFold(f.Name, "Age") {
			out = append(out, f)
		}
	}
	for _, f := range notModified {
		if !keep(f.Name) {
			out = append(out, f)
		}
	}
	return out
}

// weakEqual is the weak comparison of entity tags, strongEqual the strong one
// (RFC 9110 section 8.8.3.2).
func weakEqual(a, b string) bool {
	return strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/")
}

func strongEqual(a, b string) bool { return a == b && !strings.HasPrefix(a, "W/") }
