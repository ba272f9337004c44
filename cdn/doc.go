// Package cdn is Warmfront's vocabulary: the nouns that every other package
// speaks in and none of their verbs. It does no I/O, reads no clock and imports
// nothing else of Warmfront.
//
// The journal carries [Change] values. [State.Apply] folds them, in order, into
// an immutable [State]: the distributions as received, the [Plan] that
// [Compile] makes of each, what was invalidated, which nodes are registered.
// Whatever else an account has is a [Resource]: a change of one is a change of the
// distributions whose plans it is part of.
// A node keeps the newest State behind one atomic pointer; a request reads the
// pointer once and uses that State to its end, so it never sees half a change.
//
// A request for a host finds its Plan with [State.PlanFor], its rules with
// [Plan.Match], and learns with [Invalidations.Newest] whether what is stored
// is older than an invalidation that matches it.
package cdn
