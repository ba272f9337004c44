// Package collapse makes simultaneous requests for one thing share a fetch
// (collapsed forwarding). A [Group] says which fetch under way a request may wait
// for, or lets it begin one; at most two of a key are under way, and whoever may
// join neither waits for the next, all for the same. [Lone] remembers the keys
// whose answers are for one viewer alone, so that nobody waits for them in vain.
// A [Crew] is the goroutines that fetch.
//
// Which fetches a request may join is the caller's to decide: the rules that an
// invalidation asks for are its.
package collapse
