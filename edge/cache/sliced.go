package cache

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/warmfront/warmfront/edge/cache/disk"
	"github.com/warmfront/warmfront/edge/cache/eviction"
)

// SliceSize is the size of every slice of a body but the last.
const SliceSize = 1 << 20

const (
	// fillAhead is how far a Fill runs ahead of the reader that is furthest.
	fillAhead = 4 * SliceSize
	// patience is how far ahead of a Fill a reader waits for it instead of having
	// another begun.
	patience = 2 * SliceSize
	// maxFill is how much one Fill brings at most.
	maxFill = 32 * SliceSize
	// maxUnstored is how many whole slices are kept of a body that no store counts.
	maxUnstored = 8
)

// Source brings slices of a body from where the body came from.
type Source interface {
	// Bring begins to bring what f is for, and does not wait for it. It must be the
	// bytes of the very version that the body is of, or f.Fail.
	Bring(f *Fill)
}

// sliced is the bytes of an object of known size, any part of which may be here.
// Each slice has an entry of its own in the eviction policy.
type sliced struct {
	size int64
	body *Body

	mu      sync.Mutex
	slices  []*slice // nil: not here
	fills   []*Fill
	readers map[*Reader]struct{}
	failed  error
	wake    chan struct{} // closed at the next change; nil while nobody waits
	store   *Memory       // where slices are counted; nil while no object with the body is stored
	// unstored are whole slices that no store counts, the oldest first.
	unstored []*slice

	// On the disk: owner is the object that the slices are of, record the disk's
	// while it is open. written is set while there is one, open or not.
	owner   *Object
	record  *disk.Record
	written bool
	lost    []*disk.Record // damaged ones, which somebody may still be sent from
	// stored is how many stored objects share the slices.
	stored int
}

// slice is a run of bytes [lo, hi) within one slice's place.
type slice struct {
	of     *sliced
	index  int
	data   []byte // as much of it as has been needed so far
	size   int
	lo, hi int
	entry  eviction.Entry[tenant]
	gone   bool
	// counted is set once the policy may be told of hits.
	counted bool
}

// NewSliced makes a body of size bytes of which none is here.
func NewSliced(size int64) *Body {
	s := &sliced{size: size, readers: map[*Reader]struct{}{}}
	s.slices = make([]*slice, (size+SliceSize-1)/SliceSize)
	b := &Body{sliced: s, id: newBodyID()}
	s.body = b
	return b
}

// Sliced reports whether parts of the body may be absent.
func (b *Body) Sliced() bool { return b.sliced != nil }

// Has reports whether all of length bytes from offset are here, or on their way
// without anybody being asked for them.
func (b *Body) Has(offset, length int64) bool {
	s := b.sliced
	if s == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.closeUnread()
	if s.at(offset) == nil {
		s.mu.Unlock()
		s.openRecord()
		s.mu.Lock()
	}
	for end := offset + length; offset < end; {
		p := s.at(offset)
		switch n := s.fromDisk(offset, end); {
		case p != nil:
			offset = int64(p.index)*SliceSize + int64(p.hi)
		case n > 0:
			offset += n
		default:
			return false
		}
	}
	return true
}

// Fail says that the body is of no version any more that the origin would
// confirm: who reads it gets err, and nobody will find it.
func (b *Body) Fail(err error) {
	s := b.sliced
	if s == nil {
		b.Finish(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
	}
	s.changed()
}

func (s *sliced) hasFailed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed != nil
}

// footprint is what the body takes without its slices.
func (s *sliced) footprint() int64 { return int64(8 * len(s.slices)) }

// at returns the slice that has the byte at offset. Call it with mu held.
func (s *sliced) at(offset int64) *slice {
	if offset < 0 || offset >= s.size {
		return nil
	}
	p, within := s.slices[offset/SliceSize], int(offset%SliceSize)
	if p == nil || within < p.lo || within >= p.hi {
		return nil
	}
	return p
}

func (s *sliced) open(r *Reader) bool {
	s.mu.Lock()
	if r.end < 0 || r.end > s.size {
		r.end = s.size
	}
	s.readers[r] = struct{}{} // first, so that nobody closes the record again
	s.mu.Unlock()
	s.openRecord()
	return true
}

func (s *sliced) close(r *Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.readers, r)
	s.closeUnread()
	s.dropUnused()
	s.changed() // a Fill may have no reader any more
}

func (s *sliced) advance(r *Reader, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.at += int64(n)
	if len(s.fills) > 0 {
		s.changed()
	}
}

var errAbsent = errors.New("a part of the object is not here")

// next returns the bytes at the reader's position, and has them brought where
// they are not here.
func (s *sliced) next(r *Reader) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r.at < r.end {
		if p := s.at(r.at); p != nil {
			if s.store != nil && p.counted {
				s.store.policy.Use(&p.entry)
			}
			from := int(r.at % SliceSize)
			return p.data[from:min(int64(p.hi), int64(from)+r.end-r.at)], nil
		}
		if s.failed != nil {
			return nil, s.failed
		}
		if piece, ok := s.readDisk(r); ok {
			return piece, nil
		}
		if f := r.fill; f != nil && f.ended && f.err != nil {
			return nil, f.err
		}
		r.fill = s.filling(r.at)
		if r.fill == nil {
			if r.source == nil {
				return nil, errAbsent
			}
			r.fill = s.begin(r.at, r.end)
			f := r.fill
			s.mu.Unlock()
			r.source.Bring(f)
			s.mu.Lock()
			continue
		}
		if err := s.wait(r.ctx); err != nil {
			return nil, err
		}
	}
	return nil, io.EOF
}

// filling returns a Fill that will soon bring the byte at offset.
func (s *sliced) filling(offset int64) *Fill {
	for _, f := range s.fills {
		if f.at <= offset && offset < f.end && offset-f.at <= patience {
			return f
		}
	}
	return nil
}

// begin makes a Fill for a reader that misses the byte at offset and reads to
// end: of whole slices, up to the next that is here.
func (s *sliced) begin(offset, end int64) *Fill {
	first := offset / SliceSize
	at := first * SliceSize
	if p := s.slices[first]; p != nil && p.lo == 0 && int64(p.hi) <= offset-at {
		at += int64(p.hi) // it broke off there: go on
	}
	last := first + 1
	for last*SliceSize < min(end, at+maxFill) && s.slices[last] == nil && s.fromDisk(last*SliceSize, end) <= 0 {
		last++
	}
	f := &Fill{of: s, at: at, end: min(last*SliceSize, s.size)}
	s.fills = append(s.fills, f)
	return f
}

func (s *sliced) changed() {
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
}

func (s *sliced) wait(ctx context.Context) error {
	if s.wake == nil {
		s.wake = make(chan struct{})
	}
	wake := s.wake
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// join has a store count the slices, as long as an object with them is in it.
func (s *sliced) join(m *Memory) {
	s.mu.Lock()
	if s.stored++; s.store == m {
		s.mu.Unlock()
		return
	}
	s.store = m
	count := s.unstored
	s.unstored = nil
	s.mu.Unlock()
	for _, p := range count {
		m.count(p)
	}
}

// leave ends that for one object.
func (s *sliced) leave(m *Memory) {
	s.mu.Lock()
	if s.stored--; s.stored > 0 || s.store != m {
		s.mu.Unlock()
		return
	}
	s.store = nil
	var counted []*slice
	for _, p := range s.slices {
		if p != nil && !s.writing(p) {
			counted = append(counted, p)
		}
	}
	s.mu.Unlock()
	m.account(func() {
		for _, p := range counted {
			if p.entry.In() {
				m.policy.Remove(&p.entry)
			}
			p.gone = true
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range counted {
		s.keepUnstored(p)
	}
	s.dropUnused()
}

// dropUnused lets go of the slices of a body that is neither stored nor read.
func (s *sliced) dropUnused() {
	if s.store == nil && len(s.readers) == 0 && len(s.fills) == 0 {
		s.unstored = nil
		clear(s.slices)
	}
}

// writing reports whether a Fill is writing to p: then it is not counted yet.
func (s *sliced) writing(p *slice) bool {
	for _, f := range s.fills {
		if f.to == p {
			return true
		}
	}
	return false
}

// keepUnstored keeps a slice for those who are reading just now, and drops the
// oldest: a body that is streamed but not stored must not grow.
func (s *sliced) keepUnstored(p *slice) {
	if s.slices[p.index] != p {
		return
	}
	s.unstored = append(s.unstored, p)
	for len(s.unstored) > maxUnstored {
		oldest := s.unstored[0]
		s.unstored = s.unstored[1:]
		if s.slices[oldest.index] == oldest {
			s.slices[oldest.index] = nil
		}
	}
}

// evicted implements tenant.
func (p *slice) evicted(*Memory) {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if p.of.slices[p.index] == p {
		p.of.slices[p.index] = nil // who reads it has its bytes
	}
}

// count takes a slice into the policy.
func (m *Memory) count(p *slice) {
	m.account(func() {
		if !p.gone && !p.entry.In() {
			p.entry.Value = p
			m.policy.Add(&p.entry, m.hashSlice(p), int64(p.size))
		}
	})
}
