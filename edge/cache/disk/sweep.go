package disk

import (
	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// Sweep removes every record that dead says true of. It reads their heads, calls pause after each, without a lock, and
// ends when that returns false. What is stored meanwhile it may or may not come by.
func (s *Store) Sweep(dead func(key string, head []byte, birth cdn.Version) bool, pause func() bool) {
	for e := range s.index.Entries() {
		if s.sweepRecord(&e, dead) {
			s.wakeUp() // a segment may hold nothing any more
		}
		if s.closed.Load() || !pause() {
			return
		}
	}
}

func (s *Store) sweepRecord(e *index.Entry, dead func(key string, head []byte, birth cdn.Version) bool) bool {
	r, err := s.open(e)
	if err != nil {
		return false // moved, replaced or dropped meanwhile
	}
	defer s.put(r)
	if !dead(r.Key(), r.Head(), r.Birth()) {
		return false
	}
	removed, ok := s.index.Remove(e.Key, e.Same)
	if ok {
		s.reclaimed.Add(uint64(removed.Size()))
		_ = s.retire(&removed) // failed has logged it
	}
	return ok
}
