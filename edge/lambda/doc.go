// Package lambda runs Lambda@Edge functions at the four events of a request: on this
// machine, for there is no Lambda here.
//
// An operator says which version of which function is which program, by its ARN: a local
// HTTP endpoint that is posted events, as Lambda's runtime interface emulator is, or a
// command that speaks the Lambda runtime API, which is served to it on loopback. The API
// of the control plane never says so: what an edge executes is its operator's alone.
//
// [Functions.Run] is given an event and what is known at it, and returns an [Outcome]: a
// request in place of the one there was, an answer, or why there is neither. What is told
// to functions (event.go) and what is taken of what they say (result.go, headers.go) is
// pure; programs and time are in endpoint.go and process.go. The limits are CloudFront's
// (developer guide, "Quotas on Lambda@Edge", "Restrictions on edge functions").
package lambda
