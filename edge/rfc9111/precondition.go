package rfc9111

import (
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// Evaluate says what a request's own conditions make of a stored 200 that would
// answer it: 304, 412, or 0 for the whole (RFC 9110 section 13.2.2, in its
// order). Only GET and HEAD come here. received is when it was stored.
func Evaluate(request, stored message.Header, received time.Time) int {
	if request.Has("If-Match") {
		if !tagListed(request.Joined("If-Match"), stored.Get("ETag"), strongEqual) {
			return 412
		}
	} else if limit, ok := ParseDate(request.Get("If-Unmodified-Since"), received); ok {
		if modified, dated := ParseDate(stored.Get("Last-Modified"), received); dated && modified.After(limit) {
			return 412
		}
	}
	if request.Has("If-None-Match") {
		if tagListed(request.Joined("If-None-Match"), stored.Get("ETag"), weakEqual) {
			return 304
		}
		return 0
	}
	limit, ok := ParseDate(request.Get("If-Modified-Since"), received)
	if !ok {
		return 0
	}
	modified, dated := ParseDate(stored.Get("Last-Modified"), received)
	if !dated { // section 4.3.2: then its Date stands in
		modified = date(stored, received)
	}
	if !modified.After(limit) {
		return 304
	}
	return 0
}

// tagListed reports whether the list names tag; "*" is any.
func tagListed(list, tag string, equal func(a, b string) bool) bool {
	if list == "*" {
		return true
	}
	if tag == "" {
		return false
	}
	for t := range message.Members(list) {
		if equal(t, tag) {
			return true
		}
	}
	return false
}
