// Package cache is the edge's object store: responses in memory, up to a limit
// of bytes, over a disk tier (package disk), each with what is needed to decide
// whether it may still be served.
// It decides nothing itself: freshness is rfc9111's, and whether an object has
// been invalidated is found by comparing its birth version with the journal's
// state when it is next asked for, so that purging costs the same whatever is
// stored.
//
// An object is put in when its header has arrived and its body is still growing:
// who asks for it then reads along. Get takes one shard's read lock and marks
// the object as used, without a lock of its own; Put, Resize and Remove also
// take the eviction lock. What is evicted or replaced while somebody reads it
// stays readable to its end.
//
// A large body is kept in slices, which are brought, counted and evicted one by
// one ([NewSliced], [Fill]). What is whole is written to the disk by [Store.Run];
// what memory does not have is looked for there, and found only under the name
// of the very body that was written.
package cache
