package disk

import (
	"errors"
	"fmt"
	"sync"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// Writer writes a record whose body has a file of its own. It is found by nobody until Commit. Slices may be written
// before and, through the Record that Commit returns or any that Find does, after it.
type Writer struct {
	store        *Store
	file         *bodyFile
	key, variant string
	head         []byte
	birth        cdn.Version
	end          sync.Once
}

// Create begins a record with a body of size bytes, of which not all need ever come. Birth is as in Put: slices that
// are added later are of the same version of the object, which is their writer's to know.
func (s *Store) Create(key, variant string, head []byte, birth cdn.Version, size int64) (*Writer, error) {
	if len(key) > maxKey || len(variant) > maxKey || len(head) > maxHead || size <= 0 || size > maxBody {
		return nil, ErrTooLarge
	}
	if err := s.admit(index.BodyUnit); err != nil {
		return nil, err
	}
	f, err := s.files.create(s.seq.Add(1), s.identity.hash(key), size)
	if err != nil {
		return nil, s.failed("making a body's file", err)
	}
	s.recharge(f)
	return &Writer{store: s, file: f, key: key, variant: variant, head: append([]byte(nil), head...), birth: birth}, nil
}

// HasSlice reports whether slice i was written.
func (w *Writer) HasSlice(i int) bool {
	return i >= 0 && i < sliceCount(w.file.size) && w.file.present.get(i)
}

// WriteSlice writes the bytes [i*SliceSize, (i+1)*SliceSize) of the body; the last slice is as long as the body
// leaves. One that is there, or being written, is left as it is: all writers of a body write the same. After an error
// the slice is absent, and may be tried again.
func (w *Writer) WriteSlice(i int, data []byte) error { return w.store.writeSlice(w.file, i, data) }

func (s *Store) writeSlice(f *bodyFile, i int, data []byte) error {
	if i < 0 || i >= sliceCount(f.size) || len(data) != f.sliceLen(i) {
		return fmt.Errorf("slice %d of %d bytes does not fit a body of %d", i, len(data), f.size)
	}
	if f.present.get(i) || !f.claimed.set(i) {
		return nil
	}
	err := s.admit(int64(len(data)))
	if err == nil && f.stored.Load()+int64(len(data)) > s.MaxBody() {
		err = ErrTooLarge
	}
	if err == nil {
		if err = f.write(i, data); err == nil && s.cfg.Sync {
			err = f.file.Sync()
		}
		if err != nil {
			err = s.failed("writing a slice", err)
		}
	}
	if err != nil {
		if !f.present.get(i) {
			f.claimed.clear(i)
		}
		return err
	}
	s.degraded.wrote(s.log)
	s.recharge(f)
	return nil
}

// MaxBody is how many bytes of one body are kept: one object must not push out nearly everything else.
func (s *Store) MaxBody() int64 { return min(s.cfg.Limit/4, maxBody) }

// recharge counts a file as what it takes by now.
func (s *Store) recharge(f *bodyFile) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.committed {
		now := int64(f.takes()) * index.BodyUnit
		s.large.Add(now - f.charged)
		f.charged = now
		return
	}
	var grown int64
	s.index.Change(f.key, func(e *index.Entry) bool { return e.File == f.id }, func(e *index.Entry) {
		grown = int64(f.takes()) - int64(e.Body)
		e.Body = f.takes()
	})
	s.large.Add(grown * index.BodyUnit)
	s.changed.Store(true)
}

// Commit makes the record the one of its key and variant. The caller closes the Record. After an error all is as if
// it had been aborted.
func (w *Writer) Commit() (r *Record, err error) {
	err = errors.New("the writer has ended")
	w.end.Do(func() {
		if r, err = w.commit(); err != nil {
			w.abandon()
		}
	})
	return r, err
}

func (w *Writer) commit() (*Record, error) {
	s, f := w.store, w.file
	if err := s.admit(maxHead); err != nil {
		return nil, err
	}
	h := header{birth: w.birth, body: f.size, file: f.id}
	if s.cfg.Sync {
		if err := errors.Join(f.file.Sync(), s.files.sync(f.id)); err != nil {
			return nil, s.failed("syncing a body", err)
		}
	}
	// The record comes after the file is named, so a file without a record is one that was never committed.
	g, err := s.write(&s.segments.fresh, &h, w.key, w.variant, w.head, nil)
	if err != nil {
		return nil, err
	}
	defer g.done(h.at)
	f.mu.Lock()
	s.large.Add(-f.charged)
	e := h.entry()
	e.Body = f.takes()
	err = s.link(e)
	f.committed = true
	f.mu.Unlock()
	if err != nil {
		s.log.Warn("a record that was replaced may be back after a restart", "key", w.key, "err", err)
	}
	g.refs.Add(1) // it is in flight, so it is open
	meta := append(append([]byte(w.key), w.variant...), w.head...)
	return &Record{store: s, segment: g, file: f, meta: meta, h: h, place: e}, nil
}

// Abort gives the record up. After Commit it does nothing.
func (w *Writer) Abort() { w.end.Do(w.abandon) }

func (w *Writer) abandon() {
	s, f := w.store, w.file
	if err := s.files.remove(f.id); err != nil {
		_ = s.failed("removing a body", err) // it logs; the file goes when the store is next opened
	}
	f.mu.Lock()
	s.large.Add(-f.charged)
	f.committed = true // what comes late is not counted: nothing in the index has this file
	f.mu.Unlock()
	s.files.release(f)
}
