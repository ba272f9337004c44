// Package reuse decides whether what is stored, or is being fetched, may answer a
// request: an edge's part of the invalidation guarantee. It does no I/O and reads
// no clock; the live edge and the explorer that looks for a way around the
// guarantee run the same functions.
//
// Every object and every fetch carries a birth: the version of the journal that
// was applied when the fetch, or the last confirmation, began, at the tier nearest
// the origin. A request carries what it may know ([Facts]), read after it arrived,
// the lease before the state. [Decide] holds the one against the other; [MayJoin]
// says which fetches under way the request may wait for, [MayUse] whether what such
// a fetch brought is an answer to it.
//
// The letters are the rules of docs/architecture.md, "The invalidation guarantee":
// C, D, J, K, L, O and P are kept here.
package reuse
