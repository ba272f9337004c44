package gossip

import (
	"encoding/binary"

	"github.com/hashicorp/memberlist"
)

// broadcast is a message of ours on its way through memberlist's queue, where
// it takes the place of one of the same name.
type broadcast struct {
	name    string
	message []byte
}

func (b broadcast) Name() string    { return b.name }
func (b broadcast) Message() []byte { return b.message }
func (broadcast) Finished()         {}

func (b broadcast) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(broadcast)
	return ok && o.name == b.name
}

// A goodbye on the wire: the kind, the run of the process, and who says it.
// memberlist has its own, but does not tell its delegates from a death by it.
const goodbyeKind = 'g'

func encodeGoodbye(id string, boot uint32) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{goodbyeKind}, boot), id...)
}

func decodeGoodbye(b []byte) (id string, boot uint32, ok bool) {
	if len(b) < 6 || len(b) > 5+maxID || b[0] != goodbyeKind {
		return "", 0, false
	}
	return string(b[5:]), binary.BigEndian.Uint32(b[1:]), true
}
