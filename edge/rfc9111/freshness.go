package rfc9111

import "time"

// heuristicFraction of the time since a response was last modified is how long
// it counts as fresh where its origin says nothing (section 4.2.2, which names
// 10 % as typical).
const heuristicFraction = 10

// lifetime is the freshness_lifetime of section 4.2.1, which is counted from when the
// origin made the response, less the age that the response was received with. expires
// says whether Expires counts.
func lifetime(d Directives, expires bool, r Response) Terms {
	t := Terms{Aged: InitialAge(r.Header, r.RequestTime, r.ResponseTime), Least: -Forever, Most: Forever}
	t.Stated, t.Source = statedBy(d, expires, r)
	t.Fresh = t.Stated - t.Aged
	return t
}

func statedBy(d Directives, expires bool, r Response) (time.Duration, Source) {
	switch {
	case d.SMaxAge.Set:
		return d.SMaxAge.D, SourceSMaxAge
	case d.MaxAge.Set:
		return d.MaxAge.D, SourceMaxAge
	case expires:
		return untilExpires(r.Header, r.ResponseTime), SourceExpires
	}
	if !d.Public && !heuristicallyCacheable(r.Status) {
		return 0, SourceNone
	}
	modified, ok := ParseDate(r.Header.Get("Last-Modified"), r.ResponseTime)
	if !ok {
		return 0, SourceNone
	}
	return since(modified, date(r.Header, r.ResponseTime)) / heuristicFraction, SourceHeuristic
}

// heuristicallyCacheable lists the statuses of RFC 9110 section 15.1 but 206,
// which is no object.
func heuristicallyCacheable(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}
