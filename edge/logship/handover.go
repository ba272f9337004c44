package logship

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/warmfront/warmfront/edge/accesslog"
)

// handover is where requests leave records and the writer takes them: a few buffers,
// so that requests on several processors seldom meet at one.
type handover struct {
	buffers []buffer
	limit   int // of each
	// some has the writer come, much has it come at once.
	some, much chan struct{}
}

type buffer struct {
	mu     sync.Mutex
	taken  []byte
	count  int // records in it
	closed bool
	_      [64]byte // two buffers are not on one line of a processor's cache
}

// batch is how much has the writer come at once.
const batch = 256 << 10

const maxBuffers = 16

func newHandover(limit int) *handover {
	n := 1
	for n < runtime.GOMAXPROCS(0) && n < maxBuffers {
		n *= 2
	}
	return &handover{buffers: make([]buffer, n), limit: limit / n, some: make(chan struct{}, 1), much: make(chan struct{}, 1)}
}

// add leaves a record. False if there is no room for it.
func (h *handover) add(route uint32, r *accesslog.Record, keep accesslog.Selection) bool {
	b := h.lock()
	before := len(b.taken)
	if b.closed || before > h.limit {
		b.mu.Unlock()
		return false
	}
	// A frame: its length, the route, the record.
	to := binary.LittleEndian.AppendUint32(b.taken, 0)
	to = binary.LittleEndian.AppendUint32(to, route)
	to = r.AppendRaw(to, keep)
	binary.LittleEndian.PutUint32(to[before:], uint32(len(to)-before-4))
	b.taken, b.count = to, b.count+1
	b.mu.Unlock()
	if before == 0 {
		notify(h.some)
	}
	if before < batch && len(to) >= batch {
		notify(h.much)
	}
	return true
}

// lock finds a buffer that nobody is at. Only if somebody is at every one it waits,
// for as long as copying a record takes.
func (h *handover) lock() *buffer {
	first := rand.Uint32()
	for i := range h.buffers {
		b := &h.buffers[(first+uint32(i))%uint32(len(h.buffers))]
		if b.mu.TryLock() {
			return b
		}
	}
	b := &h.buffers[first%uint32(len(h.buffers))]
	b.mu.Lock()
	return b
}

// take hands over what is in each buffer, and leaves an empty one in its place: each
// is given back when the next is asked for.
func (h *handover) take(spare []byte, closing bool, each func(frames []byte, count int)) []byte {
	for i := range h.buffers {
		b := &h.buffers[i]
		b.mu.Lock()
		frames, count := b.taken, b.count
		if len(frames) > 0 {
			b.taken, b.count = spare[:0], 0
		}
		b.closed = closing
		b.mu.Unlock()
		if len(frames) > 0 {
			each(frames, count)
			spare = frames
		}
	}
	return spare
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it has not come to it yet
	}
}
