// Package rfc9111 holds the rules of HTTP caching as pure functions: what may be
// stored and for how long it is fresh, how old it is, how it is confirmed, what
// part of it answers a request. It reads no clock and keeps nothing; times are
// parameters. Sections named without a document are RFC 9111's.
//
// Two sets of rules live here side by side. CloudFront's apply unless a
// distribution asks for the standard: its sum of minimum, default and maximum
// TTL (ttl.go), its table of errors (errorttl.go), and its indifference to what
// viewers say in Cache-Control. With Policy.Strict the RFC is followed to the
// letter, heuristics (freshness.go) and request directives (reuse.go) included.
//
// One response goes through it like this: [Judge] says whether to store it, for
// how long it is fresh and for how long it may be used stale (storability.go).
// When it is asked for again, [Age] and [Asked.Reuse] say whether it answers;
// if it must be confirmed, [Conditional] makes the question, and [Confirms] and
// [Update] take a 304 in. [Evaluate] and [ParseRange] make of it the 304, 412,
// 206 or 416 that the viewer's own conditions ask for.
package rfc9111
