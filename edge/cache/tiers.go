package cache

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/warmfront/warmfront/edge/cache/disk"
)

// Store is the memory tier with a disk tier under it, if there is one. What is
// stored goes to the disk in the background once it is whole, a slice at a time
// where it is kept in slices; what is not in memory is looked for there. The disk
// keeps each object's birth, so that an object that comes back after a restart is
// judged as if it had never left.
type Store struct {
	*Memory
	disk   *disk.Store // nil: none
	logger *slog.Logger
	jobs   chan func()
	// waiting is how many bytes the jobs hold that memory may have evicted already.
	waiting atomic.Int64

	// reclaimed counts bytes of memory that a sweep gave back.
	reclaimed atomic.Int64

	// Skipped counts what was not written because the disk was behind.
	Skipped atomic.Uint64

	doubt atomic.Pointer[Doubt]

	// removals counts, by shard, what was removed: who has found something on the
	// disk that was removed meanwhile does not bring it back.
	removals [shards]atomic.Uint64
}

const (
	// maxJobs is how many objects or slices wait for the disk, maxWaiting how many
	// bytes of them.
	maxJobs    = 1024
	maxWaiting = 16 << 20
)

// NewStore makes a store of memory bytes over d, which may be nil.
func NewStore(memory int64, d *disk.Store, logger *slog.Logger) *Store {
	s := &Store{Memory: NewMemory(memory), disk: d, logger: logger, jobs: make(chan func(), maxJobs)}
	s.Memory.under = s
	s.doubt.Store(&Doubt{})
	if d != nil {
		s.doubt.Store(&Doubt{Recorded: d.Recalled()})
	}
	return s
}

// Run writes to the disk until ctx ends, and then what still waits. The disk is the
// caller's to close afterwards.
func (s *Store) Run(ctx context.Context) {
	for {
		select {
		case job := <-s.jobs:
			job()
		case <-ctx.Done():
			for {
				select {
				case job := <-s.jobs:
					job()
				default:
					return
				}
			}
		}
	}
}

// later has something written unless too much waits already: what a viewer gets is
// not held up by the writing of it.
func (s *Store) later(bytes int64, job func()) {
	if waiting := s.waiting.Add(bytes); waiting > maxWaiting && waiting > bytes {
		s.waiting.Add(-bytes)
		s.Skipped.Add(1)
		return
	}
	select {
	case s.jobs <- func() { job(); s.waiting.Add(-bytes) }:
	default:
		s.waiting.Add(-bytes)
		s.Skipped.Add(1)
	}
}

// Get returns the newest object of the key that selects accepts, or nil.
func (s *Store) Get(key string, selects func(*Object) bool) *Object {
	o := s.Memory.Get(key, selects)
	if o != nil || s.disk == nil {
		return o
	}
	removals := &s.removals[s.index(key)]
	before := removals.Load()
	if o = s.find(key, selects); o == nil {
		return nil
	}
	if !s.put(o, func() bool { return removals.Load() == before }) {
		return s.Memory.Get(key, selects)
	}
	return o
}

// Look is Get for who only wants to know: nothing is moved into memory, and no eviction policy
// hears of it. It says in which tier the object is, "memory" or "disk", and how many variants
// of the key memory has.
func (s *Store) Look(key string, selects func(*Object) bool) (o *Object, tier string, variants int) {
	all := s.variants(key)
	for _, o := range all {
		if selects(o) {
			return o, "memory", len(all)
		}
	}
	if s.disk != nil {
		o = s.find(key, selects)
	}
	if o == nil {
		return nil, "", len(all)
	}
	return o, "disk", len(all)
}

// find reads an object from the disk.
func (s *Store) find(key string, selects func(*Object) bool) *Object {
	var o *Object
	r, err := s.disk.Find(key, func(head []byte) bool {
		var err error
		o, err = decodeHead(head)
		return err == nil && selects(o)
	})
	if err != nil || r == nil {
		return nil
	}
	o.Key, o.Birth, o.Recorded = r.Key(), r.Birth(), r.Number()
	if o.Length < 0 && r.Size() > 0 {
		o.Length = r.Size() // it is known now
	}
	if r.Sliced() && o.Body != nil {
		id := o.Body.id
		o.Body = NewSliced(r.Size())
		o.Body.id, o.Body.sliced.owner = id, o
		o.Fragment = !o.Verifiable()
		o.Body.sliced.written = true
		_ = r.Close() // opened again by who reads
		return o
	}
	defer func() { _ = r.Close() }()
	if o.Body == nil {
		return o // the answer to a HEAD
	}
	id := o.Body.id
	o.Body = NewBody(r.Size())
	o.Body.id = id
	if r.Size() > 0 {
		buf, err := o.Body.Buffer(context.Background())
		if err != nil {
			return nil
		}
		if _, err := r.ReadAt(buf[:r.Size()], 0); err != nil {
			return nil
		}
		o.Body.Commit(int(r.Size()))
	}
	o.Body.Finish(nil)
	o.Body.written.Store(true)
	return o
}

// Put stores an object; see Memory.Put. What was on the disk in its place is not
// found any more, unless the object confirms it.
func (s *Store) Put(o *Object) bool {
	if !s.Memory.Put(o) {
		return false
	}
	switch {
	case s.disk == nil || o.Failure != "" || o.Fragment:
	case o.Recorded != 0:
		// The origin has said nothing of it: its record stays what it is.
	case o.Body == nil, o.Body.Complete():
		if o.Body == nil || !o.Body.written.Load() {
			s.drop(o)
		}
		s.later(o.held(), func() { s.keep(o) })
	case o.Body.sliced != nil && o.Body.sliced.confirmed(o):
		s.later(0, func() { s.keepHead(o) })
	default:
		s.drop(o)
	}
	return true
}

// Resize counts an object anew whose body has grown or ended, and has it written
// once it is whole.
func (s *Store) Resize(o *Object) {
	s.Memory.Resize(o)
	if s.disk != nil && o.Body != nil && o.Body.Complete() && o.Failure == "" {
		s.later(o.held(), func() { s.keep(o) })
	}
}

// Remove takes an object out, if it is in.
func (s *Store) Remove(o *Object) {
	o.dead.Store(true)
	if s.disk != nil {
		s.drop(o)
	}
	for _, v := range s.variants(o.Key) {
		// What came from the disk just now is the same again.
		if v == o || v.Order == 0 && v.Variant == o.Variant && s.disk != nil {
			v.dead.Store(true)
			s.Memory.Remove(v)
		}
	}
}

// Forget takes what the disk has of an object out, where what it says of the object
// holds no more. Put has it written anew, but later, and not while the disk is
// behind: until then a process that starts must not find the old.
func (s *Store) Forget(o *Object) {
	if s.disk != nil {
		s.drop(o)
	}
}

// RemoveKey takes every object of a key out.
func (s *Store) RemoveKey(key string) {
	if s.disk != nil {
		s.removals[s.index(key)].Add(1)
		if err := s.disk.RemoveKey(key); err != nil {
			s.logger.Warn("a removed object may be back on the disk after a restart", "err", err)
		}
	}
	for _, o := range s.variants(key) {
		o.dead.Store(true)
		s.Memory.Remove(o)
	}
}

// drop takes what is on the disk in an object's place out. Whoever has found it
// there, and has not stored it yet, will not.
func (s *Store) drop(o *Object) {
	s.removals[s.index(o.Key)].Add(1)
	if err := s.disk.Remove(o.Key, o.Variant); err != nil {
		s.logger.Warn("a removed object may be back on the disk after a restart", "err", err)
	}
}

// keep writes a whole object.
func (s *Store) keep(o *Object) {
	if o.dead.Load() || s.Doubt().Of(o) {
		return
	}
	var err error
	switch body := o.Body; {
	case body == nil:
		err = s.disk.Put(o.Key, o.Variant, encodeHead(o), o.Birth, nil)
	case body.sliced != nil:
		return
	case body.written.Load() && s.keepHead(o):
	case body.Size() <= disk.MaxPacked:
		err = s.disk.Put(o.Key, o.Variant, encodeHead(o), o.Birth, body.bytes())
	default:
		err = s.keepLarge(o)
	}
	s.wrote(o, err)
}

func (s *Store) wrote(o *Object, err error) {
	switch {
	case err != nil:
		s.logger.Debug("an object is not kept on the disk", "key", o.Key, "err", err)
		return
	case o.Body != nil:
		o.Body.written.Store(true)
	}
	if o.dead.Load() { // since it was looked at
		s.drop(o)
	}
}

// keepLarge writes a whole body that is too large to be packed.
func (s *Store) keepLarge(o *Object) error {
	w, err := s.disk.Create(o.Key, o.Variant, encodeHead(o), o.Birth, o.Body.Size())
	if err != nil {
		return err
	}
	defer w.Abort()
	data := o.Body.bytes()
	for i := 0; len(data) > 0; i++ {
		n := min(len(data), SliceSize)
		if err := w.WriteSlice(i, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	r, err := w.Commit()
	if err != nil {
		return err
	}
	return r.Close()
}

// keepHead writes the head of an object whose body is on the disk: a confirmation.
// False if the body is not there.
func (s *Store) keepHead(o *Object) bool {
	r, err := s.disk.Find(o.Key, func(head []byte) bool {
		was, err := decodeHead(head)
		return err == nil && was.Variant == o.Variant && was.Body != nil && was.Body.id == o.Body.id
	})
	if err != nil || r == nil {
		return false
	}
	defer func() { _ = r.Close() }()
	return s.disk.SetHead(r, encodeHead(o), o.Birth) == nil
}
