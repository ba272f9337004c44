package gossip

import (
	"encoding/binary"
	"sync"

	"github.com/hashicorp/memberlist"

	"github.com/warmfront/warmfront/cdn"
)

// A hint on the wire: the kind, then epoch and number, eight bytes each.
const (
	headKind  = 'h'
	headBytes = 17
)

func encodeHead(v cdn.Version) []byte {
	b := binary.BigEndian.AppendUint64([]byte{headKind}, v.Epoch)
	return binary.BigEndian.AppendUint64(b, v.Number)
}

// decodeHead returns the zero version for anything but a hint.
func decodeHead(b []byte) cdn.Version {
	if len(b) != headBytes || b[0] != headKind {
		return cdn.Version{}
	}
	return cdn.Version{Epoch: binary.BigEndian.Uint64(b[1:]), Number: binary.BigEndian.Uint64(b[9:])}
}

// head is the newest version heard of, and the one broadcast that says so.
type head struct {
	queue *memberlist.TransmitLimitedQueue

	mu    sync.Mutex
	known cdn.Version
	told  cdn.Version // what OnHead was last called with, or this node announced itself
}

// raise takes a version from this node or another and reports whether it was
// news. The lock is held while it is queued: a slower caller must not put an
// older hint in the place of a newer one.
func (h *head) raise(v cdn.Version, own bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if own && h.told.Before(v) {
		h.told = v
	}
	if !h.known.Before(v) {
		return false
	}
	h.known = v
	h.queue.QueueBroadcast(broadcast{"head", encodeHead(v)}) // one name for all versions: the queue holds one
	return true
}

func (h *head) get() cdn.Version {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.known
}

// untold returns the head if OnHead has yet to hear of it.
func (h *head) untold() (cdn.Version, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.told.Before(h.known) {
		return cdn.Version{}, false
	}
	h.told = h.known
	return h.known, true
}
