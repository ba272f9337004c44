package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"
)

// degraded is what a store remembers of a disk that refused to be written. It then only reads, for a while, and tries
// again.
type degraded struct {
	until   atomic.Int64 // when to try again, in Unix nanoseconds; 0: the last write succeeded
	ceiling atomic.Int64 // bytes that may be taken: less than the limit once the disk was full before the limit was reached
}

func (d *degraded) now(now time.Time) bool { return now.UnixNano() < d.until.Load() }

// wrote notes a write that succeeded.
func (d *degraded) wrote(log *slog.Logger) {
	if d.until.Load() != 0 && d.until.Swap(0) != 0 {
		log.Info("the disk cache is written to again")
	}
}

// failed notes a write that did not, and returns err with what was tried.
func (s *Store) failed(what string, err error) error {
	if errors.Is(err, ErrClosed) {
		return err
	}
	s.failures.Add(1)
	d, now := &s.degraded, s.cfg.Now()
	if s.closed.Load() {
		return fmt.Errorf("%s: %w", what, err)
	}
	if before := d.until.Swap(now.Add(s.cfg.RetryAfter).UnixNano()); before == 0 {
		s.log.Error("the disk cache is not written to for a while", "doing", what, "err", err, "retry_after", s.cfg.RetryAfter)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		// Others fill the disk. What is taken shrinks by a sixteenth, so that the next try finds room.
		bytes := s.bytes()
		d.ceiling.Store(max(min(d.ceiling.Load(), bytes-bytes/16), minLimit/4))
		s.wakeUp()
	}
	return fmt.Errorf("%s: %w", what, err)
}

// raise gives back a part of what a full disk took; it is called once a checkpoint.
func (s *Store) raise() {
	if d := &s.degraded; d.until.Load() == 0 {
		d.ceiling.Store(min(d.ceiling.Load()+s.cfg.Limit/32, s.cfg.Limit))
	}
}

// admit reports whether n more bytes may be written now. It asks for room before there is none.
func (s *Store) admit(n int64) error {
	switch {
	case s.closed.Load():
		return ErrClosed
	case s.degraded.now(s.cfg.Now()):
		return ErrReadOnly
	}
	if s.short(n) {
		s.wakeUp()
		if s.bytes()+n > s.degraded.ceiling.Load() || s.index.Len() >= int64(s.cfg.Records) {
			return ErrFull
		}
	}
	return nil
}

// short reports whether room is to be made: a sixteenth, and no less than two slices, is kept free, for what comes in
// while it is made.
func (s *Store) short(n int64) bool {
	ceiling := s.degraded.ceiling.Load()
	return s.bytes()+n > ceiling-max(ceiling/16, 2*SliceSize) || s.tooMany()
}

func (s *Store) tooMany() bool { return s.index.Len() > int64(s.cfg.Records-s.cfg.Records/64) }

func (s *Store) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // somebody asked already
	}
}
