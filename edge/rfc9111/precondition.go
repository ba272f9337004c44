package rfc9111

import (
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// Evaluate says what a request's own conditions make of a stored 200 that would
// answer it: 304, 412, or 0 for the whole (RFC 9110 section 13.2.2, in its
// order). Only GET and HEAD come here.
func Evaluate(request, stored message.Header, received time.Time) int {
	if request.Has("If-Match") {
		if !tagListed(request.Joined("If-Match"), stored.Get("ETag"), strongEqual) {
			return 412
		}
	} else if since, ok := ParseDate(request.Get("If-Unmodified-Since")); ok {
		if modified, dated := ParseDate(stored.Get("Last-Modified")); dated && modified.After(since) {
			return 412
		}
	}
	if request.Has("If-None-Match") {
		if tagListed(request.Joined("If-None-Match"), stored.Get("ETag"), weakEqual) {
			return 304
		}
		return 0
	}
	since, ok := ParseDate(request.Get("If-Modified-Since"))
	if !ok {
		return 0
	}
	modified, dated := ParseDate(stored.Get("Last-Modified"))
	if !dated { // section 4.3.2: then its Date stands in
		modified = date(stored, received)
	}
	if !modified.After(since) {
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
	for _, t := range message.Items(list) {
		if equal(t, tag) {
			return true
		}
	}
	return false
}
