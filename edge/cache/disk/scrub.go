package disk

import (
	"context"
	"time"

	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// scrub reads everything that is stored, again and again and slowly, so that damage is found before it is asked for.
func (s *Store) scrub(ctx context.Context) {
	if s.cfg.ScrubRate < 0 {
		return
	}
	pause := time.NewTimer(time.Second)
	defer pause.Stop()
	wait := func(read int64) bool {
		pause.Reset(time.Duration(float64(read) / float64(s.cfg.ScrubRate) * float64(time.Second)))
		select {
		case <-ctx.Done():
			return false
		case <-pause.C:
			return true
		}
	}
	for {
		s.scrubOnce(wait)
		// A round of a small store takes no time, and need not begin again at once.
		if !wait(60*s.cfg.ScrubRate) || s.closed.Load() {
			return
		}
	}
}

// scrubOnce verifies each record, and calls wait with what it has read, to go on if that is true.
func (s *Store) scrubOnce(wait func(read int64) bool) {
	var list []index.Marked
	for shard := range index.Shards {
		list = s.index.Snapshot(shard, list[:0])
		for i := range list {
			if !s.scrubRecord(&list[i].Entry, wait) {
				return
			}
		}
	}
}

func (s *Store) scrubRecord(e *index.Entry, wait func(read int64) bool) bool {
	if s.closed.Load() {
		return false
	}
	r, err := s.open(e)
	if err != nil {
		return wait(0) // it is gone: moved, replaced, or dropped as damaged just now
	}
	defer func() { _ = r.Close() }() // it was only read
	if r.h.file == 0 {
		if err := s.verifyPacked(r); err != nil {
			s.drop(e, r.Key(), err)
		} else {
			s.index.Change(e.Key, e.Same, func(now *index.Entry) { now.Flags |= index.Verified })
		}
		return wait(r.h.length())
	}
	return s.scrubFile(r, wait)
}

func (s *Store) scrubFile(r *Record, wait func(read int64) bool) bool {
	f, err := s.files.acquire(&r.place, r.h.body)
	if err != nil {
		return wait(0) // Find knows what to do with it
	}
	defer s.files.release(f)
	buffer := make([]byte, blockSize)
	for slice := range sliceCount(f.size) {
		if !f.present.get(slice) {
			continue
		}
		first := slice * blocksPerSlice
		if err := f.verify(first, first+blocksPerSlice-1, true, buffer); err != nil {
			_ = r.damaged(err) // it is dropped
			return wait(SliceSize)
		}
		if !wait(SliceSize) {
			return false
		}
	}
	return true
}
