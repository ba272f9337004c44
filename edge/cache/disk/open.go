package disk

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// Open opens the store in a folder, or makes one. It returns once all records can be found.
func Open(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	s := &Store{cfg: cfg, log: cfg.Logger, wake: make(chan struct{}, 1)}
	s.degraded.ceiling.Store(cfg.Limit)
	s.index = index.New(cfg.NewPolicy(cfg.Limit))
	s.segments = segments{
		fs: cfg.FS, dir: filepath.Join(cfg.Dir, "segments"), open: map[uint32]*segment{},
		full: min(max(cfg.Limit/segmentsPerLimit, minSegment), maxSegmentLen),
	}
	s.files = files{
		fs: cfg.FS, dir: filepath.Join(cfg.Dir, "bodies"), most: cfg.OpenFiles, settle: s.settle,
		open: map[uint64]*bodyFile{}, idle: list.New(),
	}
	for _, dir := range []string{cfg.Dir, s.segments.dir, s.files.dir} {
		if err := cfg.FS.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("the disk cache's folder: %w", err)
		}
	}
	if s.lock, err = lockFile(filepath.Join(cfg.Dir, "lock")); err != nil {
		return nil, fmt.Errorf("the disk cache in %s is in use by another process: %w", cfg.Dir, err)
	}
	if err := s.rebuild(); err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	s.opened = time.Since(start)
	s.log.Info("the disk cache is open", "dir", cfg.Dir, "records", s.index.Len(), "bytes", s.bytes(), "generation", s.Generation(), "took", s.opened)
	return s, nil
}

// rebuild makes the index from the last checkpoint and what came after it, or without one from everything.
func (s *Store) rebuild() error {
	fresh, err := s.openIdentity()
	if err != nil {
		return err
	}
	bodies := map[uint64]bool{} // whether a record has it
	if err := s.files.list(func(id uint64) { bodies[id] = fresh }); err != nil {
		return err
	}
	ids, err := s.segments.list()
	if err != nil {
		return err
	}
	if fresh {
		return s.empty(ids, bodies)
	}
	for _, id := range ids {
		if _, err := s.segments.add(id, 0); err != nil {
			return err
		}
	}
	entries, ends, err := s.readCheckpoint()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("the disk cache reads all its segments", "err", err)
	}
	later, err := s.scanAll(ends, bodies)
	if err != nil {
		return err
	}
	// Sorted stably, a copy that was found later stands behind, and replaces, the one of the checkpoint.
	entries = append(entries, later...)
	slices.SortStableFunc(entries, func(a, b index.Marked) int { return cmp.Compare(a.Seq, b.Seq) })
	for i := range entries {
		s.restore(&entries[i], bodies)
	}
	err = s.sweep(bodies)
	s.seq.Store(max(s.seq.Load(), s.identity.recalled))
	s.reopened = s.seq.Load()
	return err
}

// restore puts an entry into the index if what it points at exists. Of two with one key and variant the loser is dead
// from now on; only a loss of power can have left it alive.
func (s *Store) restore(m *index.Marked, bodies map[uint64]bool) {
	s.seq.Store(max(s.seq.Load(), m.Seq, m.File))
	g := s.segments.get(m.Segment)
	if g == nil {
		return
	}
	defer g.release()
	if _, ok := bodies[m.File]; m.File != 0 && !ok || m.Offset()+m.RecordSize() > g.length() {
		return
	}
	// What a crash has torn has a header like any other, but must not end what it was to replace.
	if _, replaces := s.index.Lookup(m.Key, func(e *index.Entry) bool { return e.Variant == m.Variant }); replaces && !s.whole(&m.Entry) {
		return
	}
	s.account(&m.Entry, 1)
	if lost, ok := s.index.Put(m.Entry, m.Mark); ok {
		s.account(&lost, -1)
		if !lost.Same(&m.Entry) || lost.Segment != m.Segment || lost.At != m.At {
			_ = s.kill(&lost) // failed has logged it
		}
	}
}

// whole reports whether a record is right to its end.
func (s *Store) whole(e *index.Entry) bool {
	r, err := s.open(e)
	if err != nil {
		return false
	}
	defer func() { _ = r.Close() }() // it was only read
	return r.h.file != 0 || s.verifyPacked(r) == nil
}

// scanAll reads what came into the segments after the ends known of them.
func (s *Store) scanAll(ends map[uint32]int64, bodies map[uint64]bool) ([]index.Marked, error) {
	var mu sync.Mutex
	var found []index.Marked
	var failed error
	work := make(chan *segment)
	var wg sync.WaitGroup
	for range max(runtime.GOMAXPROCS(0), 4) { // even one processor waits for more than one read
		wg.Go(func() {
			for g := range work {
				list, err := s.scanSegment(g, ends[g.id], bodies)
				mu.Lock()
				found, failed = append(found, list...), errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	all := s.segments.all()
	slices.SortFunc(all, func(a, b *segment) int { return cmp.Compare(a.id, b.id) })
	for _, g := range all {
		work <- g
	}
	close(work)
	wg.Wait()
	return found, failed
}

func (s *Store) scanSegment(g *segment, from int64, bodies map[uint64]bool) (list []index.Marked, err error) {
	err = scan(g, from, g.length(), s.tag, func(h *header, live bool) error {
		if !live {
			return nil
		}
		e := h.entry()
		if _, ok := bodies[h.file]; ok && h.file != 0 {
			f, err := s.files.acquire(&e, h.body)
			if err != nil {
				s.log.Warn("a damaged body in the disk cache", "err", err)
				return nil
			}
			e.Body = f.takes()
			s.files.release(f)
		}
		list = append(list, index.Marked{Entry: e})
		return nil
	})
	if err != nil {
		s.log.Warn("a segment of the disk cache cannot be read to its end", "segment", g.id, "err", err)
	}
	return list, nil
}

// sweep removes files of bodies that no record has, and segments in which nothing lives.
func (s *Store) sweep(bodies map[uint64]bool) error {
	for i := range index.Shards {
		for _, e := range s.index.Snapshot(i, nil) {
			if e.File != 0 {
				bodies[e.File] = true
			}
		}
	}
	var failed error
	for id, has := range bodies {
		s.seq.Store(max(s.seq.Load(), id))
		if !has {
			failed = errors.Join(failed, s.files.remove(id))
		}
	}
	for _, g := range s.segments.sealed() {
		if g.live.Load() == 0 {
			failed = errors.Join(failed, s.segments.drop(g))
		}
	}
	return failed
}

// empty removes what lies in a folder that nobody can read.
func (s *Store) empty(ids []uint32, bodies map[uint64]bool) error {
	var failed error
	for _, id := range ids {
		failed = errors.Join(failed, s.cfg.FS.Remove(s.segments.path(id)))
	}
	for id := range bodies {
		failed = errors.Join(failed, s.files.remove(id))
	}
	if err := s.cfg.FS.Remove(s.checkpointPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		failed = errors.Join(failed, err)
	}
	return failed
}

// settle writes into the index whether all of a file that is closed was verified, so that it need not be again.
func (s *Store) settle(f *bodyFile) {
	verified := f.whollyVerified()
	s.index.Change(f.key, func(e *index.Entry) bool { return e.File == f.id }, func(e *index.Entry) {
		if e.Flags &^= index.Verified; verified {
			e.Flags |= index.Verified
		}
	})
}

// Run makes room, writes checkpoints and scrubs until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.scrub(ctx) })
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.wake:
				s.reclaim(ctx)
			}
		}
	})
	tick := time.NewTicker(s.cfg.CheckpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			wg.Wait()
			return nil
		case <-tick.C:
			if !s.degraded.now(s.cfg.Now()) && s.checkpoint() == nil { // failed has logged it
				s.raise()
			}
			if s.short(0) {
				s.wakeUp()
			}
		}
	}
}

// Close writes a last checkpoint and gives the folder back. Records that are open stay readable.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.reclaiming.Lock() // what is being moved comes to its end
	defer s.reclaiming.Unlock()
	s.checkpointing.Lock()
	defer s.checkpointing.Unlock()
	err := errors.Join(s.saveIndex(), s.raiseMark())
	s.files.closeIdle()
	for _, g := range s.segments.all() {
		s.segments.mu.Lock()
		delete(s.segments.open, g.id)
		s.segments.mu.Unlock()
		g.release()
	}
	return errors.Join(err, s.lock.Close())
}
