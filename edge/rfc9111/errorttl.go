package rfc9111

import "time"

// errorTTL says for how long CloudFront keeps an answer that is an error
// (developer guide, "How CloudFront caches HTTP 4xx and 5xx status codes"): some
// always, some only where the origin gives a lifetime, the others never. least
// is the ErrorCachingMinTTL of the status.
func errorTTL(status int, least time.Duration, d Directives) (Terms, bool) {
	stated := d.MaxAge
	if d.SMaxAge.Set {
		stated = d.SMaxAge
	}
	t := Terms{Source: SourceError, Stated: stated.D, Least: least, Most: Forever}
	switch status {
	case 404, 414, 500, 501, 502, 503, 504:
		t.Fresh = max(least, stated.D)
		return t, true
	case 400, 403, 405, 412, 415:
		t.Fresh = max(least, stated.D)
		return t, stated.Set
	}
	return t, false
}

// Failure reports whether a status means that the origin could not answer, so
// that a stale copy may be better (RFC 5861 section 4; CloudFront: any of these).
func Failure(status int) bool {
	switch status {
	case 500, 502, 503, 504:
		return true
	}
	return false
}
