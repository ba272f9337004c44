package wan

import "sync"

const (
	smallBuffer = 4 << 10
	largeBuffer = 64 << 10
)

// buffers recycles the two sizes of chunk that lines are made of.
type buffers struct {
	small, large sync.Pool
}

func (p *buffers) get(n int) []byte {
	pool, size := &p.small, smallBuffer
	if n > smallBuffer {
		pool, size = &p.large, largeBuffer
	}
	if b, ok := pool.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, size)
}

func (p *buffers) put(b []byte) {
	switch cap(b) {
	case smallBuffer:
		p.small.Put(&b)
	case largeBuffer:
		p.large.Put(&b)
	}
}
