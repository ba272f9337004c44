package feed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal"
)

const (
	// page is how many changes a stream that is behind reads from the log at once.
	page = 500
	// piece is how much is written under one deadline, writeTimeout: a large snapshot
	// over a slow link takes its time, a reader that takes nothing is not waited for.
	piece        = 64 << 10
	writeTimeout = 10 * time.Second
)

var (
	// errEnded ends a stream without anything being wrong.
	errEnded = errors.New("the stream has ended")
	errSlow  = errors.New("the reader does not keep up")
)

// Serve sends what comes after v as the answer to r, until its caller is gone or
// the feed is closed. Where it returns an error, ErrBusy or ErrBehind, nothing was
// written yet. A stream that breaks breaks the connection.
func (f *Feed) Serve(w http.ResponseWriter, r *http.Request, v cdn.Version) error {
	at, state, err := f.begin(v)
	if err != nil {
		return err
	}
	defer f.end()
	w.Header().Set("Content-Type", "application/x-ndjson")
	s := &stream{feed: f, w: w, rc: http.NewResponseController(w), room: 0}
	if err := s.follow(r.Context(), at, v, state); err != nil && !errors.Is(err, errEnded) {
		f.cfg.Log.Debug("a journal stream broke", "reader", r.RemoteAddr, "error", err)
		// The response has begun: only breaking the connection tells the reader.
		panic(http.ErrAbortHandler)
	}
	return nil
}

// stream writes the journal to one reader.
type stream struct {
	feed *Feed
	w    http.ResponseWriter
	rc   *http.ResponseController
	// room is how much may still be written under the deadline that was set last.
	room int
}

// follow brings a reader that has v to state, unless that is nil, and then sends
// what comes after at.
func (s *stream) follow(ctx context.Context, at *place, v cdn.Version, state *cdn.State) error {
	if state != nil {
		if err := s.catchUp(v, state); err != nil {
			return err
		}
	}
	at, err := s.drain(at)
	if err == nil {
		err = s.head(at.version)
	}
	if err != nil {
		return err
	}
	beat := time.NewTicker(s.feed.cfg.Heartbeat)
	defer beat.Stop()
	for err == nil {
		select {
		case <-at.ready:
			if at, err = s.drain(at); err == nil {
				err = s.flush()
			}
		case <-beat.C:
			err = s.head(at.version)
		case <-ctx.Done():
			return errEnded
		case <-s.feed.closed:
			return errEnded
		}
	}
	return err
}

// drain writes what has been published after a place, and returns the one then
// reached.
func (s *stream) drain(at *place) (*place, error) {
	for isClosed(at.ready) {
		if s.feed.lags(at) {
			return at, errSlow
		}
		at = at.next
		line, err := at.frame.line()
		if err == nil {
			err = s.write(line)
		}
		if err != nil {
			return at, err
		}
	}
	return at, nil
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
		var changes []cdn.Change
		found := false
		if s.feed.cfg.After != nil {
			var err error
			if changes, found, err = s.feed.cfg.After(v, page); err != nil {
				return fmt.Errorf("read the log: %w", err)
			}
		}
		if !found {
			line, err := s.feed.snapshot(state)
			if err != nil {
				return err
			}
			return s.write(line)
		}
		for i := range changes {
			// The log may be ahead of what has been published.
			if state.Version.Before(changes[i].Version) {
				return nil
			}
			line, err := encode(journal.Frame{Change: &changes[i]})
			if err == nil {
				err = s.write(line)
			}
			if err != nil {
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
	line, err := encode(journal.Frame{Head: &v})
	if err == nil {
		err = s.write(line)
	}
	if err != nil {
		return err
	}
	return s.flush()
}

func (s *stream) write(line []byte) error {
	for len(line) > 0 {
		if s.room <= 0 {
			if err := s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
				return err
			}
			s.room = piece
		}
		n, err := s.w.Write(line[:min(len(line), piece)])
		if err != nil {
			return err
		}
		s.room -= n
		line = line[n:]
	}
	return nil
}

func (s *stream) flush() error {
	s.room = 0
	return s.rc.Flush()
}
