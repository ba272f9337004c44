// Package fetch brings what an edge has not: it asks the tiers above and the origin,
// once for all who wait, and stores what may be stored.
//
// One fetch goes through it like this. The edge makes a [Fetch] of a viewer's request,
// all that is needed to ask for it and to store the answer, and joins or begins a
// [Flight] of it ([Fetcher.Join], [Fetcher.Launch]). When the flight begins it is
// stamped with the version applied (fetcher.go); it asks the edges between this one and
// the origin, and the origin last (forward.go); what comes is confirmed, stored, kept
// for one viewer or stood in for by what was stored (settle.go); from then on all who
// wait read it, while its body comes in, compressed on the way where the behavior says
// so (fill.go). Of large objects the slices that are asked for are brought (slices.go).
//
// It promises that an object's birth is not later than what was applied when its fetch
// or its last confirmation began, at the tier nearest the origin; that a fetch ends
// with the edge and not with the viewer it began for; and that a body broken off is
// nobody's whole.
package fetch
