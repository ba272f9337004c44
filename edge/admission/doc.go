// Package admission says whether a viewer may have what it asks for, before anything is made
// of its request: the limits that CloudFront has for every request, and what a distribution
// and its cache behavior ask of viewers (loops, geo restriction, methods, viewer protocol
// policy, signatures). It is pure: `now` is a parameter, and it keeps nothing.
//
// [Malformed] comes first, then routing, which is the edge's; then the checks, in their order,
// by [Gate.Refuse]. [Gate.Describe] tells a person of one check what it asks and what the
// request has, from the same code.
package admission
