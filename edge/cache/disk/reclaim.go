package disk

import (
	"context"

	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

const (
	// segmentsPerLimit is how many segments the limit would hold: few enough to keep all open, many enough that one is
	// a small part.
	segmentsPerLimit          = 128
	minSegment, maxSegmentLen = 256 << 10, 1 << 30
	// cleanBelow is the share of live bytes, in percent, below which a segment is worth cleaning: a byte of room costs
	// at most one and a half moved. On a skewed workload (TestLimitHolds) 40, 60 and 85 move 0.3, 0.7 and 1.6 bytes for
	// each that is stored, and hit 64.6, 65.8 and 66.5 %.
	cleanBelow = 60
)

// reclaim makes room until a sixteenth of the limit is free: it drops segments in which nothing lives, cleans those in
// which little does, and otherwise evicts.
func (s *Store) reclaim(ctx context.Context) {
	s.reclaiming.Lock()
	defer s.reclaiming.Unlock()
	for ctx.Err() == nil && !s.closed.Load() {
		sealed := s.segments.sealed()
		emptiest, share := emptiest(sealed)
		switch {
		case emptiest != nil && share == 0, len(sealed) > 4*segmentsPerLimit:
			s.clean(emptiest)
		case !s.short(0):
			return
		case emptiest != nil && share < cleanBelow && !s.tooMany():
			s.clean(emptiest)
		case s.evict() == 0:
			if emptiest == nil {
				return
			}
			s.clean(emptiest)
		}
	}
}

// emptiest returns the segment with the least share of live bytes, and that share in percent.
func emptiest(list []*segment) (least *segment, share int64) {
	for _, g := range list {
		if p := 100 * max(g.live.Load(), 0) / max(g.length(), 1); least == nil || p < share {
			least, share = g, p
			if g.live.Load() > 0 {
				share = max(share, 1)
			}
		}
	}
	return least, share
}

// evict takes out a small part of what is there and returns its bytes.
func (s *Store) evict() (freed int64) {
	for batch := max(s.degraded.ceiling.Load()/512, 1); freed < batch; {
		e, ok := s.index.Evict()
		if !ok {
			break
		}
		s.evictions.Add(1)
		freed += e.Size()
		_ = s.discard(&e) // failed has logged it
	}
	return freed
}

// clean moves what lives in a segment to another, and drops it. What cannot be moved is evicted: a disk that is full
// or failing must not stop the room from being made.
func (s *Store) clean(g *segment) {
	if !g.acquire() {
		return
	}
	defer g.release()
	if g.live.Load() != 0 {
		err := scan(g, 0, g.length(), s.tag, func(h *header, live bool) error {
			if live {
				s.move(g, h)
			}
			return nil
		})
		if err != nil {
			s.log.Warn("a segment of the disk cache cannot be read", "segment", g.id, "err", err)
		}
	}
	// An entry may still point here whose header the scan did not find: whoever comes upon it forgets it.
	if err := s.segments.drop(g); err != nil {
		_ = s.failed("removing a segment", err) // it logs
	}
}

func (s *Store) move(g *segment, h *header) {
	at := h.entry()
	here := func(e *index.Entry) bool { return e.Same(&at) && e.Segment == at.Segment && e.At == at.At }
	e, ok := s.index.Lookup(h.key, here)
	if !ok {
		return
	}
	r, err := s.open(&e)
	if err != nil {
		return // dropped
	}
	defer r.Close()
	if err := s.copyTo(r, here); err != nil {
		if e, ok := s.index.Remove(h.key, here); ok {
			s.evictions.Add(1)
			_ = s.discard(&e) // failed has logged it
		}
	}
}

// copyTo writes a record once more, unchanged, and lets the index know, if it still has it where here says.
func (s *Store) copyTo(r *Record, here func(*index.Entry) bool) error {
	h := header{seq: r.h.seq, file: r.h.file, body: r.h.body, birth: r.h.birth}
	var body []byte
	if h.file == 0 {
		body = make([]byte, h.body)
		if _, err := r.ReadAt(body, 0); err != nil {
			return nil //nolint:nilerror // damaged, and dropped by ReadAt
		}
	}
	w, err := s.write(&s.segments.moved, &h, r.Key(), r.Variant(), r.Head(), body)
	if err != nil {
		return err
	}
	defer w.done(h.at)
	s.moved.Add(uint64(h.length()))
	e, old := h.entry(), index.Entry{}
	s.countRecord(&e, 1)
	if !s.index.Change(h.key, here, func(now *index.Entry) {
		e.Body, e.Flags, old = now.Body, now.Flags, *now
		if e.File == 0 {
			e.Flags |= index.Verified
		}
		*now = e
	}) {
		s.countRecord(&e, -1)
		return s.kill(&e)
	}
	s.countRecord(&old, -1)
	return s.kill(&old) // so that it stays dead if this segment is not dropped before a stop, and the copy removed
}
