package cache

import (
	"context"
	"errors"
	"io"

	"github.com/warmfront/warmfront/edge/message"
)

// Reader reads a body, or a part of it.
type Reader struct {
	body  *Body
	ctx   context.Context
	at    int64 // guarded by the body's lock
	end   int64 // -1: to the end
	given int   // of what Next returned last, not yet counted as read

	source Source // of a sliced body
	fill   *Fill  // what it waits for
	piece  []byte // memory for what is read from the disk
}

var _ message.Sections = (*Reader)(nil)

var _ message.Pieces = (*Reader)(nil)

// Open makes r a reader of length bytes from offset (-1: all that come). It
// waits for bytes that are still to come, until ctx ends. False if the bytes
// there have been let go.
func (b *Body) Open(ctx context.Context, r *Reader, offset, length int64) bool {
	return b.OpenFrom(ctx, r, offset, length, nil)
}

// OpenFrom is Open for a body that may be kept in slices: source brings those
// that are not here. Without one their absence is an error.
func (b *Body) OpenFrom(ctx context.Context, r *Reader, offset, length int64, source Source) bool {
	*r = Reader{body: b, ctx: ctx, at: offset, end: -1, source: source}
	if length >= 0 {
		r.end = offset + length
	}
	if b.sliced != nil {
		return b.sliced.open(r)
	}
	if b.whole.Load() {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if offset < b.released {
		return false
	}
	if !b.done {
		if b.readers == nil {
			b.readers = map[*Reader]struct{}{}
		}
		b.readers[r] = struct{}{}
	}
	return true
}

// Ready waits for the first byte, and returns why it will not come: then nothing
// has been promised to the viewer yet.
func (r *Reader) Ready() error {
	_, err := r.next()
	return err
}

// Next implements message.Pieces.
func (r *Reader) Next() ([]byte, error) {
	if r.given > 0 {
		r.advance(r.given)
		r.given = 0
	}
	piece, err := r.next()
	r.given = len(piece)
	return piece, err
}

// next returns the bytes that are there at the reader's position, in one piece,
// and waits for the first of them. They are never changed.
func (r *Reader) next() ([]byte, error) {
	b := r.body
	if b.sliced != nil {
		return b.sliced.next(r)
	}
	if !b.whole.Load() {
		b.mu.Lock()
		defer b.mu.Unlock()
	}
	for r.end < 0 || r.at < r.end {
		if r.at < b.size {
			from := r.at % b.chunkSize
			till := min(b.chunkSize, b.size-r.at+from)
			if r.end >= 0 {
				till = min(till, r.end-r.at+from)
			}
			return b.chunks[r.at/b.chunkSize][from:till], nil
		}
		if b.done {
			if b.err != nil {
				return nil, b.err
			}
			if r.end >= 0 {
				return nil, io.ErrUnexpectedEOF
			}
			break
		}
		if err := b.wait(r.ctx); err != nil {
			return nil, err
		}
	}
	return nil, io.EOF
}

func (r *Reader) advance(n int) {
	b := r.body
	if b.sliced != nil {
		b.sliced.advance(r, n)
		return
	}
	if b.whole.Load() {
		r.at += int64(n)
		return
	}
	b.mu.Lock()
	r.at += int64(n)
	if b.window > 0 {
		b.changed() // the writer may be waiting for this reader
	}
	b.mu.Unlock()
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	piece, err := r.next()
	if err != nil {
		return 0, err
	}
	n := copy(p, piece)
	r.advance(n)
	return n, nil
}

// WriteTo implements io.WriterTo: it writes the pieces as they are stored,
// without a copy.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for {
		piece, err := r.next()
		if errors.Is(err, io.EOF) {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		n, err := w.Write(piece)
		written += int64(n)
		r.advance(n)
		if err != nil {
			return written, err
		}
	}
}

// Close ends reading: the writer no longer waits for this reader.
func (r *Reader) Close() error {
	b := r.body
	switch {
	case b == nil:
		return nil
	case b.sliced != nil:
		b.sliced.close(r)
	case !b.whole.Load():
		b.mu.Lock()
		delete(b.readers, r)
		if b.window > 0 {
			b.changed()
		}
		b.mu.Unlock()
	}
	*r = Reader{} // it holds nothing of what was read
	return nil
}
