// Package accesslog writes one line for each request that an edge has answered, in
// the form of CloudFront's standard logs (developer guide, "Standard logging
// reference").
//
// It promises that no viewer ever waits for it, and that its memory has a bound:
// where the file takes lines more slowly than they come, they are dropped, and
// counted by who gave them. Nothing that was taken is lost by [Log.Close]; a crash
// loses the last second at most.
//
// One request goes through it like this. The edge fills a [Record] of its own and
// hands it to [Log.Log], which makes a line of it on its stack, copies that to the
// end of a buffer and returns; nothing is allocated, and the record may be used
// again. Once a second, or when 256 KiB wait, the log's goroutine
// takes the buffer, leaves another in its place, and writes it.
package accesslog
