package cache

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Body is the bytes of an object: one writer appends, any number of readers read,
// each from where it likes and at its own pace, while it grows.
//
// A body that outgrows its limit is no longer kept: it becomes a pipe (see
// Overflow) to those who read it already.
//
// A body too large to be one piece of memory, of an object whose parts can be
// asked for one by one, is kept in slices (see NewSliced).
type Body struct {
	chunkSize int64
	sliced    *sliced // then none of the rest is used
	// id tells the body from every other, on the disk too: a head found there is of
	// this body only if it names it.
	id      bodyID
	written atomic.Bool // it is on the disk, under the key of its object
	// whole is set once all bytes are there for good: then nothing below changes any
	// more, and it is read without mu.
	whole atomic.Bool

	mu       sync.Mutex
	chunks   [][]byte  // all of chunkSize but the last; nil once let go
	only     [1][]byte // chunks of a body that is one piece, beside the rest of it
	size     int64     // bytes that may be read
	done     bool      // no more will come
	err      error     // why, if not because it is complete
	window   int64     // how far a reader may lag once overflowed; 0 before
	released int64     // bytes let go, a multiple of chunkSize
	readers  map[*Reader]struct{}
	wake     chan struct{} // closed at the next change; nil while nobody waits
}

const (
	smallBody    = 1 << 20   // up to here a body of known size is one piece
	largeChunk   = 256 << 10 // of bodies above it
	unknownChunk = 32 << 10  // of bodies whose size is not known
)

// bodyID is a number that no two bodies share.
type bodyID [2]uint64

func newBodyID() bodyID { return bodyID{rand.Uint64(), rand.Uint64()} }

// NewBody makes an empty body for length bytes, -1 if not known.
func NewBody(length int64) *Body {
	b := &Body{chunkSize: largeChunk, id: newBodyID()}
	b.chunks = b.only[:0]
	switch {
	case length < 0:
		b.chunkSize = unknownChunk
	case length <= smallBody:
		b.chunkSize = max(length, 1)
	}
	return b
}

// errUnread is why a writer stops: nobody reads a body that is not kept.
var errUnread = errors.New("nobody reads the body any more")

// Buffer returns room to write to, at least one byte of it. What is written
// counts once Commit says so. It waits only where the body has overflowed and
// the slowest reader is a whole window behind, and fails once there is no reader.
func (b *Body) Buffer(ctx context.Context) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.window > 0 {
		slowest, any := b.slowest()
		if !any {
			return nil, errUnread
		}
		for ; b.released+b.chunkSize <= slowest; b.released += b.chunkSize {
			b.chunks[b.released/b.chunkSize] = nil
		}
		if b.size-slowest < b.window {
			break
		}
		if err := b.wait(ctx); err != nil {
			return nil, err
		}
	}
	used := b.size % b.chunkSize
	if used == 0 && b.size/b.chunkSize == int64(len(b.chunks)) {
		b.chunks = append(b.chunks, make([]byte, b.chunkSize))
	}
	// Readers see no byte at or after size, so the rest of the last chunk is the
	// writer's alone until Commit.
	return b.chunks[len(b.chunks)-1][used:], nil
}

// Commit makes the first n bytes of the last Buffer readable.
func (b *Body) Commit(n int) {
	b.mu.Lock()
	b.size += int64(n)
	b.changed()
	b.mu.Unlock()
}

// Finish ends the body: complete, or with the error that readers get after the
// last byte.
func (b *Body) Finish(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return
	}
	b.done, b.err = true, err
	if last := len(b.chunks) - 1; last >= 0 && b.window == 0 {
		if used := b.size - int64(last)*b.chunkSize; used < b.chunkSize*3/4 {
			b.chunks[last] = append(make([]byte, 0, used), b.chunks[last][:used]...)
		}
	}
	if err == nil && b.window == 0 {
		b.whole.Store(true)
		b.readers = nil // who has read it meanwhile is not to live as long as it does
	}
	b.changed()
}

// maxWindow is how many bytes a body holds that is not kept.
const maxWindow = 1 << 20

// Overflow lets go of what every reader has read, from now on, and holds the
// writer back to window bytes, or maxWindow, ahead of the slowest. There may be no
// new readers but from the point let go. It does nothing to a body that has ended
// or is kept in slices.
func (b *Body) Overflow(window int64) {
	if b.sliced != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.done && b.window == 0 {
		b.window = min(max(window, 1), maxWindow)
		b.changed()
	}
}

// bytes are all of a complete body.
func (b *Body) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.chunks) == 1 {
		return b.chunks[0][:b.size]
	}
	all := make([]byte, 0, b.size)
	for i, c := range b.chunks {
		all = append(all, c[:min(int64(len(c)), b.size-int64(i)*b.chunkSize)]...)
	}
	return all
}

// Size is how many bytes there are.
func (b *Body) Size() int64 {
	if b.sliced != nil {
		return b.sliced.size
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
}

// Complete reports whether all bytes are there, and will stay as long as the body
// does.
func (b *Body) Complete() bool {
	if b.sliced != nil || b.whole.Load() {
		return b.sliced == nil // any part of one in slices may have to be brought
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done && b.err == nil
}

// Failed reports whether it ended before all bytes were there.
func (b *Body) Failed() bool {
	if b.sliced != nil {
		return b.sliced.hasFailed()
	}
	if b.whole.Load() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err != nil
}

// footprint is how much memory it takes, or will if it has the declared length.
func (b *Body) footprint(declared int64) int64 {
	if b.sliced != nil {
		return b.sliced.footprint()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done || declared < 0 {
		n := int64(0)
		for _, c := range b.chunks {
			n += int64(cap(c))
		}
		return n
	}
	return declared
}

// changed wakes all who wait. Call it with mu held.
func (b *Body) changed() {
	if b.wake != nil {
		close(b.wake)
		b.wake = nil
	}
}

// wait gives up mu until something changed.
func (b *Body) wait(ctx context.Context) error {
	if b.wake == nil {
		b.wake = make(chan struct{})
	}
	wake := b.wake
	b.mu.Unlock()
	defer b.mu.Lock()
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (b *Body) slowest() (int64, bool) {
	least, any := b.size, false
	for r := range b.readers {
		least, any = min(least, r.at), true
	}
	return least, any
}
