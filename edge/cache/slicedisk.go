package cache

import (
	"errors"
	"io"
	"os"

	"github.com/warmfront/warmfront/edge/cache/disk"
)

// confirmed says that o is the object that the slices are of from now on, and
// reports whether they were of another before: o is then a confirmation of it.
func (s *sliced) confirmed(o *Object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.owner
	s.owner = o
	return before != nil && before != o
}

// hold gives a body its record on the disk, which stays open as long as somebody
// reads the body: what the disk evicts would take its room until then.
func (s *sliced) hold(r *disk.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = true
	if s.record != nil {
		_ = r.Close() // somebody else was faster; it was only read
		return
	}
	s.record = r
}

// closeUnread closes the record, and damaged ones, once nobody reads from them.
// Call it with mu held.
func (s *sliced) closeUnread() {
	if len(s.readers) > 0 {
		return
	}
	if s.record != nil {
		s.lost = append(s.lost, s.record)
		s.record = nil
	}
	for _, r := range s.lost {
		_ = r.Close() // it was only read
	}
	s.lost = nil
}

// openRecord opens the record of a stored body if it has one that is closed.
func (s *sliced) openRecord() {
	s.mu.Lock()
	m, closed := s.store, s.record == nil && s.written
	s.mu.Unlock()
	if closed && m != nil && m.under != nil {
		m.under.recordOf(s)
	}
}

// recordOf returns the record of a body, opening it again if need be; nil if there
// is none.
func (s *Store) recordOf(b *sliced) *disk.Record {
	b.mu.Lock()
	r, o, written := b.record, b.owner, b.written
	b.mu.Unlock()
	if r != nil || !written || o == nil {
		return r
	}
	r, err := s.disk.Find(o.Key, func(head []byte) bool {
		was, err := decodeHead(head)
		return err == nil && was.Variant == o.Variant && was.Body != nil && was.Body.id == b.body.id
	})
	if err != nil || r == nil || !r.Sliced() {
		b.mu.Lock()
		b.written = false
		b.mu.Unlock()
		return nil
	}
	b.hold(r)
	return r
}

// keepSlice writes one slice.
func (s *Store) keepSlice(p *slice) {
	b := p.of
	b.mu.Lock()
	o, failed, whole := b.owner, b.failed != nil, p.lo == 0 && p.hi == p.size
	b.mu.Unlock()
	if o == nil || failed || !whole || o.dead.Load() || o.Fragment {
		return
	}
	if r := s.recordOf(b); r != nil {
		if err := r.WriteSlice(p.index, p.data[:p.size]); err != nil {
			s.logger.Debug("a slice is not kept on the disk", "key", o.Key, "err", err)
		}
		b.unread()
		return
	}
	if s.Doubt().Of(o) {
		return
	}
	w, err := s.disk.Create(o.Key, o.Variant, encodeHead(o), o.Birth, b.size)
	if err != nil {
		s.wrote(o, err)
		return
	}
	defer w.Abort()
	if err = w.WriteSlice(p.index, p.data[:p.size]); err == nil {
		var r *disk.Record
		if r, err = w.Commit(); err == nil {
			b.hold(r)
		}
	}
	s.wrote(o, err)
	b.unread()
}

// unread closes the record if nobody reads from it.
func (s *sliced) unread() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeUnread()
}

// fromDisk returns how many bytes from offset on are on the disk, up to end. Call it
// with mu held.
func (s *sliced) fromDisk(offset, end int64) int64 {
	if s.record == nil {
		return 0
	}
	return min(s.record.Available(offset), end-offset)
}

// diskPiece is how much is read from the disk at once where the kernel cannot send
// it.
const diskPiece = 128 << 10

// readDisk reads from the disk at the reader's position. It is called with mu held,
// which it gives up meanwhile. False if what is there cannot be used.
func (s *sliced) readDisk(r *Reader) ([]byte, bool) {
	n := min(s.fromDisk(r.at, r.end), diskPiece)
	if n <= 0 {
		return nil, false
	}
	record, at := s.record, r.at
	if len(r.piece) == 0 {
		r.piece = make([]byte, diskPiece)
	}
	s.mu.Unlock()
	m, err := record.ReadAt(r.piece[:n], at)
	s.mu.Lock()
	if m > 0 {
		return r.piece[:m], true
	}
	s.lose(record, err)
	return nil, false
}

// lose gives up a record that has turned out damaged: what is missing is brought
// anew.
func (s *sliced) lose(record *disk.Record, err error) {
	if s.record == record && !errors.Is(err, disk.ErrAbsent) {
		s.written, s.record = false, nil
		s.lost = append(s.lost, record)
		s.closeUnread()
	}
}

// Section implements message.Sections.
func (r *Reader) Section() (f *os.File, offset, length int64, err error) {
	if r.given > 0 {
		r.advance(r.given)
		r.given = 0
	}
	b := r.body
	if b == nil || b.sliced == nil {
		return nil, 0, 0, nil
	}
	s := b.sliced
	s.mu.Lock()
	if r.at >= r.end {
		s.mu.Unlock()
		return nil, 0, 0, io.EOF
	}
	n, record := s.fromDisk(r.at, r.end), s.record
	s.mu.Unlock()
	if n <= 0 {
		return nil, 0, 0, nil
	}
	f, offset, length, err = record.Section(r.at, n)
	if err != nil {
		s.mu.Lock()
		s.lose(record, err)
		s.mu.Unlock()
		return nil, 0, 0, nil
	}
	r.given = int(length)
	return f, offset, length, nil
}
