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
// One that names another entity does not, unless the question named the stored
// entity tag alone: then there is nothing else it could speak of. Servers do that
// (Apache's mod_deflate answers a question about "x-gzip" with the tag "x").
func Confirms(stored, notModified message.Header) bool {
	was, is := stored.Get("ETag"), notModified.Get("ETag")
	return was == "" || is == "" || weakEqual(was, is) || stored.Get("Last-Modified") == ""
}

// Update returns the stored header brought up to date by that of a 304, or of an
// answer to HEAD (section 3.2): its fields replace those of the same name, but for
// those that describe the bytes that are kept.
func Update(stored, newer message.Header) message.Header {
	tagged := stored.Has("ETag")
	keep := func(name string) bool {
		switch strings.ToLower(name) {
		case "content-length", "content-encoding", "content-range", "content-md5":
			return true
		case "etag":
			return tagged
		}
		return message.HopByHop(name)
	}
	out := make(message.Header, 0, len(stored)+len(newer))
	for _, f := range stored {
		// A stored Age speaks of the answer that brought it; the newer brings its own.
		if keep(f.Name) || !newer.Has(f.Name) && !strings.EqualFold(f.Name, "Age") {
			out = append(out, f)
		}
	}
	for _, f := range newer {
		if !keep(f.Name) {
			out = append(out, f)
		}
	}
	return out
}

// HeadEffect is what the answer to a HEAD does to a response to GET that is stored
// for the same request.
type HeadEffect int

// The effects: none; what is stored is brought up to date by it, as by a 304; it
// is stale.
const (
	HeadSaysNothing HeadEffect = iota
	HeadUpdates
	HeadOutdates
)

// Head says what an answer to HEAD, of that status, header and size, does to what
// is stored (section 4.3.5). Sizes are -1 where they are not known.
func Head(stored message.Header, size int64, status int, head message.Header, headSize int64) HeadEffect {
	if status != 200 {
		return HeadSaysNothing
	}
	for _, name := range [...]string{"ETag", "Last-Modified"} {
		if head.Has(name) && head.Get(name) != stored.Get(name) {
			return HeadOutdates
		}
	}
	if headSize >= 0 && size >= 0 && headSize != size {
		return HeadOutdates
	}
	return HeadUpdates
}

// weakEqual is the weak comparison of entity tags, strongEqual the strong one
// (RFC 9110 section 8.8.3.2).
func weakEqual(a, b string) bool {
	return strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/")
}

func strongEqual(a, b string) bool { return a == b && !strings.HasPrefix(a, "W/") }
