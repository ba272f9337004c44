// Package handover is where requests leave records of what they were, and who writes
// them takes them: a few buffers, so that requests on several processors seldom meet at
// one. A request never waits for the writer and allocates nothing; what there is no
// room for is refused.
package handover

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/warmfront/warmfront/edge/accesslog"
)

// Buffers are those of one log. Any number of goroutines may leave records, one takes
// them.
type Buffers struct {
	buffers []buffer
	limit   int // of each
	// Some has the writer come, Much has it come at once.
	Some, Much chan struct{}
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

// New makes buffers that hold so many bytes together, and one record more each at most.
func New(limit int) *Buffers {
	n := 1
	for n < runtime.GOMAXPROCS(0) && n < maxBuffers {
		n *= 2
	}
	return &Buffers{buffers: make([]buffer, n), limit: limit / n, Some: make(chan struct{}, 1), Much: make(chan struct{}, 1)}
}

// Add leaves a record, which goes the way of that number. False if there is no room for
// it.
func (h *Buffers) Add(route uint32, r *accesslog.Record, keep accesslog.Selection) bool {
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
		notify(h.Some)
	}
	if before < batch && len(to) >= batch {
		notify(h.Much)
	}
	return true
}

// lock finds a buffer that nobody is at. Only if somebody is at every one it waits,
// for as long as copying a record takes.
func (h *Buffers) lock() *buffer {
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

// Take hands over what is in each buffer, and leaves an empty one in its place: each
// is used again when the next has been handed over. What it returns is the spare buffer
// of the next call. Once closing, nothing more is taken.
func (h *Buffers) Take(spare []byte, closing bool, each func(frames []byte, count int)) []byte {
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

// Next cuts the first frame off what was handed over: the number of its way, and the
// record. It is false where there is none, or what cannot be one.
func Next(frames string) (route uint32, raw accesslog.Raw, rest string, ok bool) {
	const head = 8
	if len(frames) < head {
		return 0, raw, "", false
	}
	length := binary.LittleEndian.Uint32([]byte(frames[:4]))
	if length < 4 || uint64(length) > uint64(len(frames)-4) {
		return 0, raw, "", false
	}
	end := 4 + int(length)
	return binary.LittleEndian.Uint32([]byte(frames[4:head])), accesslog.Raw{Text: frames[head:end]}, frames[end:], true
}
