package rfc9111

import "time"

// Verdict says whether a stored response answers a request.
type Verdict int

// The verdicts: use it; use it and confirm it meanwhile; confirm it first.
const (
	Use Verdict = iota
	UseWhileRevalidating
	Confirm
)

// Asked is what the viewer's own Cache-Control says, where it counts: only under
// RFC 9111. CloudFront ignores it (developer guide, "Request and response
// behavior"), which is the zero Asked.
type Asked struct{ Directives Directives }

// Reuse says whether a response of that lifetime and age, received at received,
// answers a request now (sections 4.2 and 5.2.1).
func (a Asked) Reuse(l Lifetime, initialAge time.Duration, received, now time.Time) Verdict {
	d := a.Directives
	left := l.Fresh - since(received, now)
	age := Age(initialAge, received, now)
	switch {
	case d.NoCache:
		return Confirm
	case l.Immutable && left > 0:
		// A viewer that reloads its page asks with max-age=0, and need not (RFC 8246
		// section 2).
		return Use
	case d.MaxAge.Set && age > d.MaxAge.D && !(d.MaxStale.Set && age <= d.MaxAge.D+d.MaxStale.D):
		return Confirm
	case d.MinFresh.Set && left < d.MinFresh.D:
		return Confirm
	case left > 0:
		return Use
	case d.MaxStale.Set && l.Unreachable > 0 && -left <= d.MaxStale.D:
		return Use
	case within(l.WhileRevalidate, -left):
		return UseWhileRevalidating
	}
	return Confirm
}

// OnError says whether a stale response answers now although it could not be
// confirmed: because the origin failed, or was not reached at all.
func (l Lifetime) OnError(unreachable bool, received, now time.Time) bool {
	window := l.OnFailure
	if unreachable {
		window = l.Unreachable
	}
	return within(window, since(received, now)-l.Fresh)
}

// within reports whether something is stale for no longer than window, which is
// 0 where that is not allowed at all.
func within(window, stale time.Duration) bool { return window > 0 && stale <= window }
