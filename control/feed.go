package control

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/journal"
)

// entry is one frame of the feed: a list of which every stream holds the place it
// has written up to, so that a hundred streams write the same bytes and what all
// of them have written is garbage.
type entry struct {
	version cdn.Version
	line    []byte
	next    *entry
	// ready is closed once next is set; next may be read only after that.
	ready chan struct{}
}

func newEntry() *entry { return &entry{ready: make(chan struct{})} }

// append adds a frame after the last entry and returns the new last one.
func (e *entry) append(v cdn.Version, line []byte) *entry {
	n := newEntry()
	n.version, n.line = v, line
	e.next = n
	close(e.ready)
	return n
}

const (
	// catchUpPage is how many changes a stream that is behind reads at once.
	catchUpPage = 500
	// writeTimeout ends the stream of a reader that takes nothing.
	writeTimeout = 10 * time.Second
)

// errEnded ends a stream without anything being wrong.
var errEnded = errors.New("the stream has ended")

// stream writes the journal to one reader.
type stream struct {
	c      *Control
	w      http.ResponseWriter
	rc     *http.ResponseController
	unsent bool
}

// follow sends what comes after v, then what is added, until ctx or control ends.
func (s *stream) follow(ctx context.Context, v cdn.Version) error {
	s.c.mu.Lock()
	place, state := s.c.tail, s.c.State()
	s.c.mu.Unlock()
	if err := s.catchUp(v, state); err != nil {
		return err
	}
	head := state.Version
	if err := s.head(head); err != nil {
		return err
	}
	beat := time.NewTicker(s.c.heartbeat())
	defer beat.Stop()
	for {
		select {
		case <-place.ready:
			for isClosed(place.ready) {
				place = place.next
				head = place.version
				if err := s.write(place.line); err != nil {
					return err
				}
			}
			if err := s.flush(); err != nil {
				return err
			}
		case <-beat.C:
			if err := s.head(head); err != nil {
				return err
			}
		case <-ctx.Done():
			return errEnded
		case <-s.c.closing:
			return errEnded
		}
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// catchUp sends what lies between v and state, as changes where the log has them,
// as a snapshot otherwise.
func (s *stream) catchUp(v cdn.Version, state *cdn.State) error {
	for v != state.Version {
		changes, err := s.c.store.After(v, catchUpPage)
		if errors.Is(err, store.ErrCompacted) {
			line, err := s.c.snapshots.line(state)
			if err != nil {
				return err
			}
			return s.write(line)
		}
		if err != nil {
			return err
		}
		for i := range changes {
			// The store may be ahead of what has been published.
			if state.Version.Before(changes[i].Version) {
				return nil
			}
			if err := s.write(encode(journal.Frame{Change: &changes[i]})); err != nil {
				return err
			}
			v = changes[i].Version
		}
		if len(changes) == 0 {
			return nil
		}
	}
	return nil
}

func (s *stream) head(v cdn.Version) error {
	if err := s.write(encode(journal.Frame{Head: &v})); err != nil {
		return err
	}
	return s.flush()
}

func (s *stream) write(line []byte) error {
	if !s.unsent {
		s.unsent = true
		if err := s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
	}
	_, err := s.w.Write(line)
	return err
}

func (s *stream) flush() error {
	s.unsent = false
	return s.rc.Flush()
}

// snapshotCache keeps the newest encoded snapshot: when control starts, a hundred
// nodes ask for the same one.
type snapshotCache struct {
	mu      sync.Mutex
	version cdn.Version
	encoded []byte
}

func (c *snapshotCache) line(state *cdn.State) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.encoded != nil && c.version == state.Version {
		return c.encoded, nil
	}
	snap, err := state.Snapshot()
	if err != nil {
		return nil, err
	}
	c.version, c.encoded = state.Version, encode(journal.Frame{Snapshot: &snap})
	return c.encoded, nil
}

// heartbeat is how often a stream shows that it lives.
func (c *Control) heartbeat() time.Duration { return c.cfg.Terms.Renewal() }
