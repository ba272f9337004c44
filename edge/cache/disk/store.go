package disk

import (
	"errors"
	"hash/crc32"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// Store keeps records in a folder. Its methods may be called by any number of goroutines at once.
type Store struct {
	cfg      Config
	log      *slog.Logger
	identity *identity
	tag      uint64
	lock     *os.File

	identifying sync.Mutex    // held while the identity is written
	mark        atomic.Uint64 // the identity's
	recalled    atomic.Uint64 // the identity's, or more where that could not be written
	reopened    uint64        // the greatest number of a record that was there when the store was opened
	saves       int           // of checkpoints

	index    *index.Index
	segments segments
	files    files
	seq      atomic.Uint64
	buffers  sync.Pool // of *[]byte

	large          atomic.Int64 // bytes of the files of large bodies
	checkpointSize atomic.Int64
	degraded       degraded
	wake           chan struct{} // room is wanted
	reclaiming     sync.Mutex
	checkpointing  sync.Mutex
	changed        atomic.Bool // since the last checkpoint
	closed         atomic.Bool
	opened         time.Duration // how long it took

	evictions, moved, corrupt, failures, reclaimed atomic.Uint64
}

// Incarnation is a random name that the folder got when it was first used. A folder put back to an older copy has the
// same.
func (s *Store) Incarnation() string { return s.identity.String() }

// Generation rises each time the folder is opened, and whenever its identity is written.
func (s *Store) Generation() uint64 {
	s.identifying.Lock()
	defer s.identifying.Unlock()
	return s.identity.generation
}

// Stats says how a store is doing.
type Stats struct {
	Records     int64
	Bytes       int64  // of disk, dead records and checkpoints included
	Limit       int64  // that Bytes may reach: less than was configured where the disk was full before
	Evictions   uint64 // records that made room
	Reclaimed   uint64 // bytes of records that a sweep removed
	Moved       uint64 // bytes written again so that room could be used again
	Corrupt     uint64 // records dropped because the disk gave back other bytes
	WriteErrors uint64
	ReadOnly    bool          // the disk refused lately
	Opened      time.Duration // how long the index took to build
}

// Stats returns the figures of now.
func (s *Store) Stats() Stats {
	return Stats{
		Records: s.index.Len(), Bytes: s.bytes(), Limit: s.degraded.ceiling.Load(),
		Evictions: s.evictions.Load(), Reclaimed: s.reclaimed.Load(), Moved: s.moved.Load(), Corrupt: s.corrupt.Load(), WriteErrors: s.failures.Load(),
		ReadOnly: s.degraded.now(s.cfg.Now()), Opened: s.opened,
	}
}

func (s *Store) bytes() int64 {
	return s.segments.total.Load() + s.large.Load() + s.checkpointSize.Load()
}

// Put stores a record with a body of up to MaxPacked bytes, in the place of the one of that key and variant. Birth is
// the journal version at which its fetch, or last confirmation, began.
func (s *Store) Put(key, variant string, head []byte, birth cdn.Version, body []byte) error {
	if len(body) > maxPacked {
		return ErrTooLarge
	}
	h := header{birth: birth, body: int64(len(body))}
	if err := s.admit(h.length() + int64(len(key)+len(head))); err != nil {
		return err
	}
	g, err := s.write(&s.segments.fresh, &h, key, variant, head, body)
	if err != nil {
		return err
	}
	defer g.done(h.at)
	e := h.entry()
	e.Flags = index.Verified
	return s.link(e)
}

// MaxPacked is the largest body that Put takes. A larger one needs Create.
const MaxPacked = maxPacked

// write appends a record. It is in flight until the caller, who has told the index, calls done.
func (s *Store) write(a *appender, h *header, key, variant string, head, body []byte) (*segment, error) {
	if len(key) > maxKey || len(variant) > maxKey || len(head) > maxHead {
		return nil, ErrTooLarge
	}
	h.keyLen, h.variantLen, h.headLen = uint32(len(key)), uint32(len(variant)), uint32(len(head))
	h.key, h.variant = s.identity.hash(key), s.identity.hashVariant(key, variant)
	if h.seq == 0 {
		h.seq = s.seq.Add(1)
	}
	buffer := s.buffer(int(h.length()))
	defer s.buffers.Put(buffer)
	b := append((*buffer)[:headerSize], key...)
	b = append(append(b, variant...), head...)
	if h.file == 0 {
		b = appendSums(b, body)
	}
	h.metaSum = crc32.Checksum(b[headerSize:], castagnoli)
	if h.file == 0 {
		b = append(b, body...)
	}
	clear(b[len(b):h.length()])
	g, at, err := s.segments.reserve(a, h.length())
	if err != nil {
		return nil, s.failed("making a segment", err)
	}
	h.segment, h.at = g.id, at
	h.encode(b, s.tag)
	g.dirty.Store(true)
	if _, err = g.file.WriteAt(b[:h.length()], at); err == nil && s.cfg.Sync {
		err = g.file.Sync()
	}
	if err != nil {
		g.done(at)
		return nil, s.failed("writing a record", err)
	}
	s.degraded.wrote(s.log)
	return g, nil
}

// buffer returns n bytes, or more, to be put back into buffers.
func (s *Store) buffer(n int) *[]byte {
	b, _ := s.buffers.Get().(*[]byte)
	if b == nil || len(*b) < n {
		fresh := make([]byte, max(n, blockSize))
		b = &fresh
	}
	return b
}

func appendSums(b, body []byte) []byte {
	for len(body) > 0 {
		n := min(blockSize, len(body))
		sum := crc32.Checksum(body[:n], castagnoli)
		b = append(b, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
		body = body[n:]
	}
	return b
}

// link puts a record that is on the disk into the index, and ends the one that it replaces.
func (s *Store) link(e index.Entry) error {
	s.account(&e, 1)
	lost, ok := s.index.Put(e, 0)
	if !ok {
		return nil
	}
	return s.retire(&lost)
}

// account counts a record in (sign 1) or out (-1).
func (s *Store) account(e *index.Entry, sign int64) {
	s.large.Add(sign * e.BodySize())
	s.countRecord(e, sign)
}

func (s *Store) countRecord(e *index.Entry, sign int64) {
	s.changed.Store(true)
	if g := s.segments.get(e.Segment); g != nil {
		g.live.Add(sign * e.RecordSize())
		g.release()
	}
}

// retire ends a record that is out of the index: on the disk too, so that it never comes back.
func (s *Store) retire(e *index.Entry) error {
	return errors.Join(s.kill(e), s.discard(e))
}

// discard gives up the room of a record that is out of the index. If its segment outlives the index, it may come back.
func (s *Store) discard(e *index.Entry) error {
	s.account(e, -1)
	if e.File == 0 {
		return nil
	}
	if err := s.files.remove(e.File); err != nil {
		return s.failed("removing a body", err)
	}
	return nil
}

// kill marks a record dead where it lies.
func (s *Store) kill(e *index.Entry) error {
	g := s.segments.get(e.Segment)
	if g == nil {
		return nil // and the record with it
	}
	defer g.release()
	g.dirty.Store(true)
	_, err := g.file.WriteAt(make([]byte, stateSize), e.Offset()+stateAt)
	if err == nil && s.cfg.Sync {
		err = g.file.Sync()
	}
	if err != nil {
		return s.failed("ending a record", err)
	}
	return nil
}

// Remove ends the record of a key and variant, if there is one. An error means that it may be back after a restart.
func (s *Store) Remove(key, variant string) error {
	v := s.identity.hashVariant(key, variant)
	if e, ok := s.index.Remove(s.identity.hash(key), func(e *index.Entry) bool { return e.Variant == v }); ok {
		return s.retire(&e)
	}
	return nil
}

// RemoveKey ends all records of a key.
func (s *Store) RemoveKey(key string) error {
	var failed error
	k := s.identity.hash(key)
	for {
		e, ok := s.index.Remove(k, func(*index.Entry) bool { return true })
		if !ok {
			return failed
		}
		failed = errors.Join(failed, s.retire(&e))
	}
}

// drop ends a record that cannot be read as it was written.
func (s *Store) drop(e *index.Entry, key string, why error) {
	if removed, ok := s.index.Remove(e.Key, e.Same); ok {
		s.corrupt.Add(1)
		s.log.Warn("a damaged record is dropped from the disk cache", "key", key, "segment", e.Segment, "offset", e.Offset(), "err", why)
		_ = s.retire(&removed) // failed has logged it; what is damaged is found so again
	}
}
