package disk

import (
	"errors"

	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// A folder that is put back to an older copy looks like any other: every record in it is whole. What was replaced or
// removed after the copy was made is in it again. So the folder carries a mark that only rises, and whoever outlives
// the folder (control) is told of it, each time once it is on the disk: a folder with a mark below the greatest one
// that was told is an older copy. All that was in it when it was opened is recalled then: whoever finds such a record
// is to have it confirmed, and does so with SetHead or Put, by which it is a new one.

// raiseEvery is after how many checkpoints the mark is raised. Of an older copy that has not missed that much, and no
// opening, joining or closing either, nobody can tell.
const raiseEvery = 5

// Mark returns the folder's mark as it is on the disk. It waits for no disk.
func (s *Store) Mark() uint64 { return s.mark.Load() }

func (s *Store) raiseMark() error {
	if err := s.identify(func(d *identity) { d.mark++ }); err != nil {
		return s.failed("raising the mark", err)
	}
	return nil
}

// Recalled is the number up to which records are recalled.
func (s *Store) Recalled() uint64 { return s.recalled.Load() }

// Joined says that births are versions of a journal, that marks up to known have been told of the folder, and whether
// it is an older copy. Call it before anything is served without the origin's word. What is of another journal is
// removed. Where an error is returned the folder still is what it was, for the next process to find out; this one goes
// by what it was told all the same.
func (s *Store) Joined(journal string, known uint64, older bool) error {
	if s.closed.Load() {
		return ErrClosed
	}
	name := journalHash(journal)
	s.identifying.Lock()
	other := s.identity.otherThan(name)
	s.identifying.Unlock()
	recalled := uint64(0)
	switch records := s.index.Len(); {
	case other:
		s.log.Warn("the disk cache's folder is of another journal, of which nothing may be served; it is emptied", "dir", s.cfg.Dir, "journal", journal)
		recalled = s.seq.Load()
		defer s.clear()
	case older:
		recalled = s.reopened
		if records > 0 {
			s.log.Warn("the disk cache's folder is not as this node left it; what is in it is served once the origin has confirmed it", "dir", s.cfg.Dir, "records", records)
		}
	}
	recalled = max(recalled, s.recalled.Load())
	s.recalled.Store(recalled)
	err := s.identify(func(d *identity) { d.journal, d.recalled, d.mark = name, recalled, max(d.mark, known)+1 })
	if err != nil {
		return s.failed("writing what was recalled", err)
	}
	return nil
}

// clear removes all records.
func (s *Store) clear() {
	var failed error
	for shard := range index.Shards {
		for _, m := range s.index.Snapshot(shard, nil) {
			if e, ok := s.index.Remove(m.Key, m.Same); ok {
				failed = errors.Join(failed, s.retire(&e))
			}
		}
	}
	if failed != nil {
		s.log.Warn("what was removed may be back after a restart", "dir", s.cfg.Dir)
	}
	s.wakeUp()
}
