// Package compression compresses answers of origins on their way into the cache
// and to viewers, by CloudFront's rules (developer guide, "Serve compressed
// files").
//
// It promises that an answer is compressed if the rules say so and the host has
// room for it, never twice, and that what is compressed never looks whole when the
// origin's answer was not.
//
// One answer goes through it like this. [Choose] decides, of what the behavior,
// the viewer and the answer say, a pure function. [Encoders.Body] puts an encoder
// between the origin's body and whoever reads it: bytes are compressed as they
// come, and where the origin pauses what it has sent so far is flushed, so that
// nobody waits for a dripping origin longer than without compression. [Label]
// makes the header speak of the compressed body.
package compression
