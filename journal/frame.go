package journal

import "github.com/warmfront/warmfront/cdn"

// Frame is one line of the journal's stream; exactly one field is set. A stream
// begins with the snapshot, if the reader's position was compacted away or is of
// another epoch, and with the head; the changes follow in order, each once.
type Frame struct {
	Snapshot *cdn.Snapshot `json:"snapshot,omitempty"`
	Change   *cdn.Change   `json:"change,omitempty"`
	// Head is the sender's newest version. Everything up to it was sent before it
	// on the same stream or lies before the position asked for, so a reader that
	// is not there yet has a gap. It is repeated while nothing happens, to show
	// that the stream lives.
	Head *cdn.Version `json:"head,omitempty"`
}
