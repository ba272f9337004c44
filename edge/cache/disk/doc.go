// Package disk is the disk tier of a cache: it keeps records, each a head and a body under a key and a variant, in a
// folder, and promises that what it returns is, byte for byte, what was stored under that key, or nothing. It knows
// nothing of what a head or a body means.
//
// A small body is packed, with its key, variant and head, into a record at the end of a segment file. A large one has a
// file of its own, which fills up in slices of 1 MiB in any order, and a record in a segment that names it. Everything
// has a CRC-32C: headers, heads, and each 64 KiB of a body. Headers also carry a secret of the folder and the place
// where they belong, so that a body that looks like a record, or a record in the wrong place, is none.
//
// Find looks the hash of the key up in memory (package index), reads the record's header, key and head from the disk,
// and compares their checksums and the key itself: the index is a hint, the record on the disk is the truth. A packed
// body is verified when it is first found after a start, a large one block by block as it is first asked for; what is
// verified the kernel may send (Section). A flip in the page cache, or on the disk under it, after that is not noticed
// by Section before the scrubber comes by, which reads everything slowly for ever; ReadAt compares every time.
//
// Put writes a record, then tells the index, then marks the record it replaces dead where it lies: so whatever comes
// first of a crash and the end of that, what is found afterwards is one or the other. Nothing is overwritten but that
// mark. Opening reads the last checkpoint of the index and, of each segment, what came after it; without a checkpoint
// all headers. Segments are never appended to after a restart.
//
// Room is made by Run, before it is short: the policy (S3-FIFO by bytes, package s3fifo) says what is evicted, and
// segments in which little lives are cleaned: what does moves to another. A record moved is the same record.
//
// A folder is of one journal, and carries a mark by which an older copy of it is told: see Store.Joined.
//
// When the disk refuses a write, the store only reads for a while, takes less if the disk was full, and tries again.
//
// What is synced when, Config.Sync says. No result depends on it: what a loss of power tears is noticed and dropped.
package disk
