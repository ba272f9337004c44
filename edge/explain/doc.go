// Package explain holds why an edge answers a request as it does: a value that is JSON to
// programs and [Explanation.Lines] to people.
//
// It decides nothing. The edge fills it in with what the functions returned that decide when
// it serves: the matcher of names and behaviors, the viewer checks, the cache key itself taken
// apart, reuse.Decide, the terms of the lifetime (rfc9111.JudgeTerms), the route up the tiers.
//
// A viewer of a sandbox asks for it with the request header [Header]: "1" has the request
// answered as ever, with the explanation in response headers of the same name, one a line, as
// it was before the request was served; "only" has nothing served, fetched, stored or counted,
// and the answer is the explanation in JSON; with a method after it, "only HEAD", of the
// request as it would be with that. Edges elsewhere do not know the header. It never
// reaches an origin, another edge or the cache key.
package explain

// Header is the request header that asks for an explanation, and the response header that
// has one.
const Header = "X-Warmfront-Explain"

// The values of the request header; others ask for nothing.
const (
	Too  = "1"    // answer, and explain
	Only = "only" // explain, and do nothing
)
