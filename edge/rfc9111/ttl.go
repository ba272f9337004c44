package rfc9111

import (
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// Source names the rule that a lifetime comes from.
type Source string

// The rules, in the order in which they are asked.
const (
	SourceError     Source = "error-ttl"
	SourceForbidden Source = "no-cache"
	SourceSMaxAge   Source = "s-maxage"
	SourceMaxAge    Source = "max-age"
	SourceExpires   Source = "expires"
	SourceDefault   Source = "default-ttl"
	SourceHeuristic Source = "heuristic"
	SourceNone      Source = "none"
)

// ttl is CloudFront's sum (developer guide, "Manage how long content stays in
// the cache", its table of minimum, default and maximum TTL). It is counted from
// when the response was received.
//
// What the origin says is lessened by the Age that the response arrived with, and
// is then clamped: the minimum promises that the edge keeps it that long. With
// a minimum of 0 a response that forbids caching has TTL 0.
func ttl(p Policy, d Directives, r Response) Terms {
	t := Terms{Aged: AgeValue(r.Header), Least: p.Min, Most: p.Max}
	switch {
	case d.NoStore || d.NoCache || d.Private:
		return Terms{Source: SourceForbidden, Least: p.Min, Most: p.Max, Fresh: p.Min}
	case d.SMaxAge.Set:
		t.Source, t.Stated = SourceSMaxAge, d.SMaxAge.D
	case d.MaxAge.Set:
		t.Source, t.Stated = SourceMaxAge, d.MaxAge.D
	case r.Header.Has("Expires"):
		t.Source, t.Stated = SourceExpires, untilExpires(r.Header, r.ResponseTime)
	default:
		return Terms{Source: SourceDefault, Stated: p.Default, Least: p.Min, Most: p.Max, Fresh: max(p.Min, p.Default)}
	}
	t.Fresh = max(min(t.Stated-t.Aged, p.Max), p.Min)
	return t
}

// untilExpires is how long after its Date a response expires; what is no date,
// "0" above all, is in the past (section 5.3).
func untilExpires(h message.Header, received time.Time) time.Duration {
	t, ok := ParseDate(h.Get("Expires"), received)
	if !ok {
		return 0
	}
	return since(date(h, received), t)
}
