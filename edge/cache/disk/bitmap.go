package disk

import (
	"math/bits"
	"sync/atomic"
)

// bitmap is read and changed by any number of goroutines at once. A bit that is set stays set, unless its setter takes
// it back.
type bitmap []atomic.Uint64

func newBitmap(n int) bitmap { return make(bitmap, (n+63)/64) }

func (b bitmap) get(i int) bool { return b[i/64].Load()&(1<<(i%64)) != 0 }

// set sets a bit and reports whether it was not set before.
func (b bitmap) set(i int) bool { return b[i/64].Or(1<<(i%64))&(1<<(i%64)) == 0 }

func (b bitmap) clear(i int) { b[i/64].And(^uint64(1 << (i % 64))) }

// run counts the bits that are set from i on, n at most.
func (b bitmap) run(i, n int) int {
	count := 0
	for count < n {
		word := b[(i+count)/64].Load() >> ((i + count) % 64)
		ones := bits.TrailingZeros64(^word)
		room := 64 - (i+count)%64
		count += min(ones, room)
		if ones < room {
			break
		}
	}
	return min(count, n)
}

func (b bitmap) count() int {
	n := 0
	for i := range b {
		n += bits.OnesCount64(b[i].Load())
	}
	return n
}
