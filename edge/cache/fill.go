package cache

import (
	"context"
	"errors"
	"io"
	"slices"
)

// Fill is a run of bytes of a sliced body that is being brought. One goroutine
// writes to it.
type Fill struct {
	of      *sliced
	at, end int64
	to      *slice // the slice being written to
	skipped []byte // where bytes go that are here already
	begun   bool   // something has come
	ended   bool
	err     error
}

// Fill begins one that brings all from offset on up to end, for who has a
// response at hand.
func (b *Body) Fill(offset, end int64) *Fill {
	s := b.sliced
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &Fill{of: s, at: offset, end: min(end, s.size)}
	s.fills = append(s.fills, f)
	return f
}

// Range is what is still to be brought.
func (f *Fill) Range() (from, end int64) {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	return f.at, f.end
}

// errUnwanted is why a Fill ends early: nobody reads there any more.
var errUnwanted = errors.New("nobody reads there any more")

// Buffer returns room to write to; none, and io.EOF, once all is there. It waits
// while it is far enough ahead of the readers, and fails once there are none.
func (f *Fill) Buffer(ctx context.Context) ([]byte, error) {
	s := f.of
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch furthest, any := f.furthest(); {
		case f.at >= f.end:
			return nil, io.EOF
		case s.failed != nil:
			return nil, s.failed
		case !any && (f.at%SliceSize != 0 || !f.begun):
			// A slice that was begun is kept whole; and the first is begun in any
			// case: who waited for the header may not have come for the body yet.
			return f.room(), nil
		case !any:
			return nil, errUnwanted
		case f.at < furthest+fillAhead:
			return f.room(), nil
		}
		if err := s.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// furthest is the position of the reader that is furthest, of those that the Fill
// works for.
func (f *Fill) furthest() (int64, bool) {
	most, any := int64(0), false
	for r := range f.of.readers {
		if r.at <= f.at+patience && r.end > f.at {
			most, any = max(most, r.at), true
		}
	}
	return most, any
}

// room is where the next bytes go. Readers see nothing of a slice at or after hi,
// so the rest of it is the writer's alone until Commit.
func (f *Fill) room() []byte {
	s := f.of
	index, within := int(f.at/SliceSize), int(f.at%SliceSize)
	length := int(min(SliceSize, s.size-int64(index)*SliceSize))
	till := int(min(int64(length), f.end-int64(index)*SliceSize))
	p := s.slices[index]
	switch {
	case p != nil && p == f.to:
	case p == nil && (within > 0 || s.fromDisk(f.at, f.at+1) <= 0), p != nil && !s.writing(p) && (within < p.lo || within == 0 && p.hi < length):
		p = &slice{of: s, index: index, size: length, lo: within, hi: within}
		s.slices[index], f.to = p, p
	case p != nil && p.hi == within && !s.writing(p):
		f.to = p
	default: // another has brought it, or is about to
		f.to = nil
		if len(f.skipped) == 0 {
			f.skipped = make([]byte, 64<<10)
		}
		return f.skipped[:min(len(f.skipped), till-within)]
	}
	p.grow(within + 1)
	return p.data[within:min(till, len(p.data))]
}

// leastSlice is how much memory a slice begins with: a range of one byte is not to
// cost a whole one before its origin has sent anything.
const leastSlice = 64 << 10

// grow makes room for n bytes. Who reads has the memory of before.
func (p *slice) grow(n int) {
	if n <= len(p.data) {
		return
	}
	data := make([]byte, min(p.size, max(leastSlice, n+leastSlice, 4*len(p.data))))
	copy(data, p.data)
	p.data = data
}

// Commit makes the first n bytes of the last Buffer readable.
func (f *Fill) Commit(n int) {
	s := f.of
	s.mu.Lock()
	f.at += int64(n)
	f.begun = true
	p := f.to
	if p != nil {
		p.hi += n
	}
	whole := p != nil && (p.hi == p.size || f.at >= f.end)
	if whole {
		f.to = nil
	}
	s.changed()
	s.mu.Unlock()
	if whole {
		s.settle(p)
	}
}

// Finish ends the Fill. What it brought stays; readers that wait for more get err,
// unless it is nil or they have it brought anew.
func (f *Fill) Finish(err error) {
	s := f.of
	s.mu.Lock()
	if errors.Is(err, errUnwanted) || errors.Is(err, io.EOF) {
		err = nil
	}
	p := f.to
	f.ended, f.err, f.to = true, err, nil
	s.fills = slices.DeleteFunc(s.fills, func(g *Fill) bool { return g == f })
	s.changed()
	s.mu.Unlock()
	if p != nil {
		s.settle(p)
	}
}

// settle has a slice counted that is written to no more.
func (s *sliced) settle(p *slice) {
	s.mu.Lock()
	m := s.store
	if m == nil {
		s.keepUnstored(p)
	}
	s.mu.Unlock()
	if m != nil {
		m.count(p)
		s.mu.Lock()
		p.counted = true
		s.mu.Unlock()
		if m.under != nil && m.under.disk != nil {
			m.under.later(int64(p.size), func() { m.under.keepSlice(p) })
		}
	}
}
