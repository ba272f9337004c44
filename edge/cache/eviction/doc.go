// Package eviction holds the policies that decide what leaves a cache when room
// is needed, and what is not worth keeping when it comes. They are pure data
// structures: no clock, no I/O, no randomness, so that the memory store, the disk
// index and a simulator run the same code, and a trace gives the same victims
// every time.
//
// The owner embeds an Entry in what it stores. One request goes through a Policy
// so: a hit calls Use, which stores into the entry's own atomics and takes no
// lock. After a miss the owner, under its lock, calls Add with a hash of the key
// and a size in bytes, then Evict until nothing comes back; what comes back is out
// and may be the newcomer, which was then not worth what it would have displaced.
// A body that grows calls Resize, one confirmed or fetched anew Replace, one that
// is purged Remove. What hits have counted is read when their entry comes up to
// be evicted.
//
// A policy accounts in bytes, and once Evict has returned nil never holds more
// than its capacity. What it remembers of keys that left is bounded by the most
// entries that were in at once: 8 bytes for each, 16 for a ghost, rounded up to a
// power of two. It grows with them and stays.
//
// Which to choose: GDSF in memory, where requests are won; S3FIFO on disk, where
// bytes are. docs/performance.md has the hit ratios, and scripts/bench/policy
// measures them.
package eviction
