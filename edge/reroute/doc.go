// Package reroute is where functions send requests in place of the origin of their cache
// behavior (developer guide, "Helper methods for origin modification"; compatibility.md, 570
// and 571).
//
// A function at the viewer's request calls methods of the module cloudfront. What a call asks
// for is a [Change]: it is read and held against what may be asked for when the function has
// returned ([Parse]). Applied to a plan and to the [Target] of a behavior, changes give the
// target of this one request ([Changes.Apply]), whose origins are values of its own: a plan
// is never changed. All that follows goes by the target as it goes by a behavior's: the
// dialer's rules on addresses, signatures, failover, Origin Shield.
//
// Where another node is asked on behalf of the request, the changes go with it
// ([Changes.Encode]): they are applied there to the same plan.
package reroute
