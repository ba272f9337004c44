package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// Record is a record as Find found it. What is replaced, removed or evicted meanwhile stays readable until Close. Any
// number of goroutines may read one.
type Record struct {
	store   *Store
	segment *segment
	file    *bodyFile // nil where the body lies in the segment
	meta    []byte    // key, variant, head, sums
	h       header
	close   sync.Once

	mu    sync.Mutex
	place index.Entry // as SetHead left it
}

// Key and Variant are what it was stored under.
func (r *Record) Key() string { return string(r.meta[:r.h.keyLen]) }

// Variant is what it was stored under, beside the key.
func (r *Record) Variant() string {
	return string(r.meta[r.h.keyLen : r.h.keyLen+r.h.variantLen])
}

// Head returns the head, which nobody changes.
func (r *Record) Head() []byte {
	n := r.h.keyLen + r.h.variantLen
	return r.meta[n : n+r.h.headLen : n+r.h.headLen]
}

// Birth is the journal version it was stored with.
func (r *Record) Birth() cdn.Version { return r.h.birth }

// Number rises with each record that is stored, or confirmed by SetHead; see Store.Recalled.
func (r *Record) Number() uint64 { return r.h.seq }

// Size is the length of the body, whether or not all of it is there.
func (r *Record) Size() int64 { return r.h.body }

// Sliced reports whether the body may be there in part: it was stored by Create.
func (r *Record) Sliced() bool { return r.file != nil }

// HasSlice reports whether the bytes [i*SliceSize, (i+1)*SliceSize) of the body are there.
func (r *Record) HasSlice(i int) bool {
	if i < 0 || int64(i)*SliceSize >= r.h.body {
		return false
	}
	return r.file == nil || r.file.present.get(i)
}

// Available counts the bytes of the body that are there from off on without a gap.
func (r *Record) Available(off int64) int64 {
	if off < 0 || off >= r.h.body {
		return 0
	}
	if r.file == nil {
		return r.h.body - off
	}
	slice := int(off / SliceSize)
	end := slice + r.file.present.run(slice, sliceCount(r.h.body)-slice)
	return max(0, min(int64(end)*SliceSize, r.h.body)-off)
}

// WriteSlice adds a slice to a body that is there in part; see Writer.WriteSlice.
func (r *Record) WriteSlice(i int, data []byte) error {
	if r.file == nil {
		return nil
	}
	return r.store.writeSlice(r.file, i, data)
}

// Close ends reading. It may be called more than once.
func (r *Record) Close() error {
	r.close.Do(func() {
		if r.file != nil {
			r.store.files.release(r.file)
		}
		r.segment.release()
	})
	return nil
}

// Find returns the newest record of a key whose head accept takes, for the caller to close; nil if there is none. It
// counts as used. Accept may be called more than once for one head.
func (s *Store) Find(key string, accept func(head []byte) bool) (*Record, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	k := s.identity.hash(key)
	var found [index.MaxVariants]index.Located
again:
	for range 3 {
		for _, e := range found[:s.index.Get(k, &found)] {
			r, err := s.open(&e.Entry)
			if errors.Is(err, ErrGone) {
				continue again // it was moved, and with it perhaps others
			}
			if err != nil || r.Key() != key || !accept(r.Head()) {
				s.put(r)
				continue
			}
			if s.ready(r) {
				s.index.Use(e.ID)
				return r, nil
			}
		}
		return nil, nil
	}
	return nil, nil
}

func (s *Store) put(r *Record) {
	if r != nil {
		_ = r.Close() // it was only read
	}
}

// open reads the record of an entry up to its body. A record that is not right is dropped; ErrGone means that the
// entry is out of date.
func (s *Store) open(e *index.Entry) (*Record, error) {
	g := s.segments.get(e.Segment)
	if g == nil {
		s.forget(e)
		return nil, ErrGone
	}
	r := &Record{store: s, segment: g, place: *e}
	err := s.readMeta(r, e)
	switch {
	case errors.Is(err, errDead):
		s.forget(e)
	case err != nil:
		s.drop(e, "", err)
	default:
		return r, nil
	}
	g.release()
	return nil, err
}

// forget takes an entry out whose record has ended already.
func (s *Store) forget(e *index.Entry) {
	match := func(now *index.Entry) bool { return now.Same(e) && now.Segment == e.Segment && now.At == e.At }
	if removed, ok := s.index.Remove(e.Key, match); ok {
		_ = s.discard(&removed) // failed has logged it
	}
}

func (s *Store) readMeta(r *Record, e *index.Entry) error {
	const guess = 4 << 10 // nearly always all that there is before the body
	buffer := s.buffer(guess)
	defer s.buffers.Put(buffer)
	b := (*buffer)[:min(guess, e.RecordSize())]
	if n, err := r.segment.file.ReadAt(b, e.Offset()); n < len(b) {
		return fmt.Errorf("%w: cut short: %w", ErrCorrupt, err)
	}
	if err := r.h.decode(b, s.tag, e.Segment, e.Offset()); err != nil {
		return err
	}
	if now := r.h.entry(); !now.Same(e) || now.Length != e.Length || now.File != e.File || now.Key != e.Key {
		return fmt.Errorf("%w: another record", ErrCorrupt)
	}
	r.meta = make([]byte, r.h.metaLen())
	n := copy(r.meta, b[headerSize:])
	if _, err := r.segment.file.ReadAt(r.meta[n:], e.Offset()+headerSize+int64(n)); n < len(r.meta) && err != nil {
		return fmt.Errorf("%w: cut short: %w", ErrCorrupt, err)
	}
	if crc32.Checksum(r.meta, castagnoli) != r.h.metaSum {
		return fmt.Errorf("%w: the checksum of a head", ErrCorrupt)
	}
	return nil
}

// ready makes the body fit to be sent: a packed one is verified, once, and a large one's file opened. False if it
// cannot be; then the record is closed.
func (s *Store) ready(r *Record) bool {
	if r.h.file != 0 {
		f, err := s.files.acquire(&r.place, r.h.body)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.forget(&r.place) // evicted since
		case errors.Is(err, ErrCorrupt), errors.Is(err, io.EOF):
			s.drop(&r.place, r.Key(), err)
		case err != nil:
			s.log.Warn("a body in the disk cache cannot be opened", "key", r.Key(), "err", err)
		default:
			r.file = f
			if r.place.Body != f.takes() {
				s.recharge(f)
			}
			return true
		}
		s.put(r)
		return false
	}
	if r.place.Flags&index.Verified == 0 {
		if err := s.verifyPacked(r); err != nil {
			s.drop(&r.place, r.Key(), err)
			s.put(r)
			return false
		}
		s.index.Change(r.h.key, r.place.Same, func(e *index.Entry) { e.Flags |= index.Verified })
	}
	return true
}

// verifyPacked reads the whole body of a record in a segment.
func (s *Store) verifyPacked(r *Record) error {
	buffer := s.buffer(blockSize)
	defer s.buffers.Put(buffer)
	for i := range blocks(r.h.body) {
		data := (*buffer)[:min(blockSize, r.h.body-int64(i)*blockSize)]
		if err := readBlock(r.segment.file, r.bodyAt()+int64(i)*blockSize, data, r.sum(i)); err != nil {
			return err
		}
	}
	return nil
}

// bodyAt is where the body begins in its file.
func (r *Record) bodyAt() int64 {
	if r.file != nil {
		return r.file.at
	}
	return r.h.at + r.h.bodyAt()
}

// sum is the sum of a block of a packed body.
func (r *Record) sum(block int) uint32 {
	at := int(r.h.keyLen+r.h.variantLen+r.h.headLen) + 4*block
	return binary.LittleEndian.Uint32(r.meta[at:])
}

// ReadAt implements io.ReaderAt. What it returns was compared with its checksum in this very call. ErrAbsent: the
// slice is not there. ErrCorrupt: it is damaged, and the record dropped.
func (r *Record) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("a negative offset")
	}
	buffer := r.store.buffer(blockSize)
	defer r.store.buffers.Put(buffer)
	file := r.segment.file
	if r.file != nil {
		file = r.file.file
	}
	var sums [blocksPerSlice]uint32
	read, slice := 0, -1
	for read < len(p) {
		at := off + int64(read)
		if at >= r.h.body {
			return read, io.EOF
		}
		block := int(at / blockSize)
		if r.file != nil && block/blocksPerSlice != slice {
			slice = block / blocksPerSlice
			var err error
			if sums, err = r.file.sums(slice); err != nil {
				return read, r.damaged(err)
			}
		}
		sum := sums[block%blocksPerSlice]
		if r.file == nil {
			sum = r.sum(block)
		}
		start := int64(block) * blockSize
		size := min(blockSize, r.h.body-start)
		data := (*buffer)[:size]
		if at == start && int64(len(p)-read) >= size {
			data = p[read : read+int(size)]
		}
		if err := readBlock(file, r.bodyAt()+start, data, sum); err != nil {
			return read, r.damaged(err)
		}
		read += copy(p[read:], data[at-start:])
	}
	return read, nil
}

// damaged drops the record if err says that it is, and returns err.
func (r *Record) damaged(err error) error {
	if errors.Is(err, ErrAbsent) {
		return err
	}
	r.mu.Lock()
	place := r.place
	r.mu.Unlock()
	r.store.drop(&place, r.Key(), err)
	if !errors.Is(err, ErrCorrupt) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// Section returns where the bytes from off on lie in a file, n of them or fewer: for the kernel to send. They were
// verified since the store was opened, by this call if not before. The file stays open until Close; its position means
// nothing. At the end the error is io.EOF; else they are those of ReadAt.
func (r *Record) Section(off, n int64) (*os.File, int64, int64, error) {
	if off >= r.h.body {
		return nil, 0, 0, io.EOF
	}
	if off < 0 || n <= 0 {
		return nil, 0, 0, errors.New("no such part of a body")
	}
	n = min(n, r.h.body-off)
	f := r.file
	if f == nil {
		return r.segment.file.OS(), r.bodyAt() + off, n, nil // Find has verified it
	}
	first, last := int(off/blockSize), int((off+n-1)/blockSize)
	run := f.verified.run(first, last-first+1)
	if run == 0 {
		if err := r.verify(first, last); err != nil {
			return nil, 0, 0, err
		}
		run = f.verified.run(first, last-first+1)
	}
	return f.file.OS(), f.at + off, min(n, int64(first+run)*blockSize-off), nil
}

func (r *Record) verify(first, last int) error {
	buffer := r.store.buffer(blockSize)
	defer r.store.buffers.Put(buffer)
	if err := r.file.verify(first, last, false, *buffer); err != nil {
		return r.damaged(err)
	}
	return nil
}

// SetHead changes the head and birth of a record after a confirmation; the body stays. R itself goes on with the old
// head. A packed body is written anew with it. ErrGone: the record was replaced, removed or evicted meanwhile.
func (s *Store) SetHead(r *Record, head []byte, birth cdn.Version) error {
	h := header{file: r.h.file, body: r.h.body, birth: birth}
	if err := s.admit(h.length()); err != nil {
		return err
	}
	var body []byte
	if h.file == 0 {
		body = make([]byte, h.body)
		if _, err := r.ReadAt(body, 0); err != nil {
			return err
		}
	}
	g, err := s.write(&s.segments.fresh, &h, r.Key(), r.Variant(), head, body)
	if err != nil {
		return err
	}
	defer g.done(h.at)
	r.mu.Lock()
	defer r.mu.Unlock()
	e, old := h.entry(), index.Entry{}
	s.countRecord(&e, 1)
	if !s.index.Change(h.key, r.place.Same, func(now *index.Entry) {
		e.Body, e.Flags, old = now.Body, now.Flags, *now
		*now = e
	}) {
		s.countRecord(&e, -1)
		return errors.Join(ErrGone, s.kill(&e))
	}
	r.place = e
	s.countRecord(&old, -1)
	return s.kill(&old)
}
