// Package rfc9111 holds the rules of HTTP caching as pure functions: what may be
// stored and for how long it is fresh, how old it is, how it is confirmed, what
// part of it answers a request. It reads no clock and keeps nothing; times are
// parameters. Sections named without a document are RFC 9111's.
//
// Two sets of rules live here side by side. CloudFront's apply unless a
// distribution asks for the standard: its sum of minimum, default and maximum
// TTL (ttl.go), its table of errors (errorttl.go), and its indifference to what
// viewers say in Cache-Control and origins in CDN-Cache-Control. With
// Policy.Strict the RFC is followed to the letter, heuristics (freshness.go),
// directives for caches of this kind (targeted.go) and request directives
// (reuse.go) included.
//
// One response goes through it like this: [Judge] says whether to store it, for
// how long it is fresh and for how long it may be used stale (storability.go).
// When it is asked for again, [Selects] says whether it is the variant asked for
// (vary.go), [Age] and [Asked.Reuse] whether it answers; if it must be confirmed,
// [Conditional] makes the question, and [Confirms], [Head] and [Update] take in
// what a 304 or the answer to a HEAD says (validation.go). [Evaluate] and
// [ParseRanges] make of it the 304, 412, 206 or 416 that the viewer's own
// conditions ask for; [PartOf] says what a 206 holds (part.go). [Invalidated] names
// what an unsafe request puts an end to, and [AnswersGET] what it leaves behind
// (invalidation.go).
//
// What a hit asks ([Selects], [Age], [Asked.Reuse], [Evaluate], [ParseRanges])
// allocates nothing.
package rfc9111
