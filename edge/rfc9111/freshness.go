package rfc9111

import "time"

// heuristicFraction of the time since a response was last modified is how long
// it counts as fresh where its origin says nothing (section 4.2.2, which names
// 10 % as typical).
const heuristicFraction = 10

// lifetime is the freshness_lifetime of section 4.2.1, counted from when the
// origin made the response.
func lifetime(d Directives, r Response) (time.Duration, Source) {
	switch {
	case d.SMaxAge.Set:
		return d.SMaxAge.D, SourceSMaxAge
	case d.MaxAge.Set:
		return d.MaxAge.D, SourceMaxAge
	case r.Header.Has("Expires"):
		return untilExpires(r.Header, r.ResponseTime), SourceExpires
	}
	if !d.Public && !heuristicallyCacheable(r.Status) {
		return 0, SourceNone
	}
	modified, ok := ParseDate(r.Header.Get("Last-Modified"))
	if !ok {
		return 0, SourceNone
	}
	return max(0, date(r.Header, r.ResponseTime).Sub(modified)) / heuristicFraction, SourceHeuristic
}

// heuristicallyCacheable lists the statuses of RFC 9110 section 15.1 but 206,
// which is never stored here.
func heuristicallyCacheable(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}
