package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal"
)

// reader is the far end of a stream. While it is stopped, writes wait for it, up to
// their deadline.
type reader struct {
	mu       sync.Mutex
	changed  sync.Cond
	header   http.Header
	got      bytes.Buffer
	stopped  bool
	deadline time.Time
}

func newReader() *reader {
	r := &reader{header: http.Header{}}
	r.changed.L = &r.mu
	return r
}

func (r *reader) Header() http.Header { return r.header }
func (r *reader) WriteHeader(int)     {}
func (r *reader) Flush()              {}

func (r *reader) SetWriteDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline = t
	return nil
}

func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer time.AfterFunc(time.Until(r.deadline), r.changed.Broadcast).Stop()
	for r.stopped {
		if !time.Now().Before(r.deadline) {
			return 0, errors.New("timed out")
		}
		r.changed.Wait()
	}
	return r.got.Write(b)
}

func (r *reader) stop(stopped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = stopped
	r.changed.Broadcast()
}

// lines takes what has arrived, in short: "c 1.3" for a change, "h" for a head, "s"
// for a snapshot.
func (r *reader) lines(t *testing.T) string {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for d := json.NewDecoder(&r.got); d.More(); {
		var f journal.Frame
		if err := d.Decode(&f); err != nil {
			t.Fatal(err)
		}
		switch {
		case f.Change != nil:
			all = append(all, fmt.Sprint("c ", f.Change.Version))
		case f.Snapshot != nil:
			all = append(all, fmt.Sprint("s ", f.Snapshot.Version))
		case f.Head != nil:
			all = append(all, fmt.Sprint("h ", *f.Head))
		}
	}
	r.got.Reset()
	return strings.Join(all, ", ")
}

// serve lets a reader that has v follow; the channel says how that ended.
func serve(ctx context.Context, f *Feed, v cdn.Version) (*reader, <-chan error) {
	r, ended := newReader(), make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				ended <- p.(error)
			}
		}()
		ended <- f.Serve(r, httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/journal", nil), v)
	}()
	return r, ended
}

func ver(epoch, number uint64) cdn.Version { return cdn.Version{Epoch: epoch, Number: number} }

// world is a journal that grows, and its feed.
type world struct {
	t     *testing.T
	state *cdn.State
	log   []cdn.Change
	feed  *Feed
}

func newWorld(t *testing.T, cfg Config) *world {
	cfg.Heartbeat, cfg.Log = time.Second, slog.New(slog.DiscardHandler)
	w := &world{t: t, state: cdn.NewState(1)}
	w.feed = New(cfg, w.state)
	return w
}

// grow adds changes whose values have a size, all in one go.
func (w *world) grow(n, size int) {
	w.t.Helper()
	var changes []cdn.Change
	for range n {
		value, err := json.Marshal(strings.Repeat("x", size))
		if err != nil {
			w.t.Fatal(err)
		}
		c, err := cdn.NewChange(cdn.KindSetting, cdn.Setting{Name: "a", Value: value}, time.Now())
		if err != nil {
			w.t.Fatal(err)
		}
		c.Version = w.state.Version.Next()
		if w.state, err = w.state.Apply(c); err != nil {
			w.t.Fatal(err)
		}
		changes = append(changes, c)
	}
	w.log = append(w.log, changes...)
	w.feed.Publish(w.state, changes)
}

func TestAReaderGetsEverythingAfterItsVersionOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		w.grow(3, 1)
		ctx, cancel := context.WithCancel(t.Context())
		r, ended := serve(ctx, w.feed, ver(1, 1))
		if got := r.lines(t); got != "c 1.2, c 1.3, h 1.3" {
			t.Errorf("from 1.1 it got %s", got)
		}
		w.grow(2, 1)
		if got := r.lines(t); got != "c 1.4, c 1.5" {
			t.Errorf("then it got %s", got)
		}
		<-time.After(time.Second)
		if got := r.lines(t); got != "h 1.5" {
			t.Errorf("while nothing happens it got %s", got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("a reader that left: %v", err)
		}

		level, ended := serve(t.Context(), w.feed, ver(1, 5))
		ahead, _ := serve(t.Context(), w.feed, ver(1, 7))
		if got := level.lines(t) + "; " + ahead.lines(t); got != "h 1.5; h 1.5" {
			t.Errorf("level and ahead got %s", got)
		}
		w.grow(1, 1)
		if got := level.lines(t); got != "c 1.6" {
			t.Errorf("then the first got %s", got)
		}
		w.feed.Close()
		if err := <-ended; err != nil {
			t.Errorf("a feed that ended: %v", err)
		}
	})
}

func TestAReaderThatIsFarBehindGetsTheLogOrTheWholeState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *world
		floor := ver(1, 0)
		w = newWorld(t, Config{After: func(v cdn.Version, most int) ([]cdn.Change, bool, error) {
			if v.Before(floor) {
				return nil, false, nil
			}
			after := w.log[v.Number:]
			return after[:min(most, len(after))], true, nil
		}})
		defer w.feed.Close()
		w.grow(2*page, 1)
		r, _ := serve(t.Context(), w.feed, ver(1, 0))
		if got := strings.Split(r.lines(t), ", "); len(got) != 2*page+1 || got[0] != "c 1.1" || got[2*page] != "h 1.1000" {
			t.Errorf("with a log: %d lines, from %s to %s", len(got), got[0], got[len(got)-1])
		}
		floor = ver(1, 10)
		r, _ = serve(t.Context(), w.feed, ver(1, 9))
		if got := r.lines(t); got != "s 1.1000, h 1.1000" {
			t.Errorf("compacted past: %s", got)
		}
		// A feed without a log has what it keeps itself.
		alone := newWorld(t, Config{})
		defer alone.feed.Close()
		alone.grow(keptChanges+1, 1)
		r, _ = serve(t.Context(), alone.feed, ver(1, 1))
		if got := strings.Split(r.lines(t), ", "); len(got) != keptChanges+1 || got[0] != "c 1.2" {
			t.Errorf("what is kept: %d lines from %s", len(got), got[0])
		}
		r, _ = serve(t.Context(), alone.feed, ver(1, 0))
		if got := r.lines(t); got != "s 1.257, h 1.257" {
			t.Errorf("what is not: %s", got)
		}
		alone.grow(1, 2*keptBytes)
		r, _ = serve(t.Context(), alone.feed, ver(1, 257))
		if got := r.lines(t); got != "s 1.258, h 1.258" {
			t.Errorf("too large to be kept: %s", got)
		}
	})
}

func TestANewEpochIsSentWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		defer w.feed.Close()
		w.grow(3, 1)
		old, _ := serve(t.Context(), w.feed, ver(1, 3))
		old.lines(t)
		snap, err := w.state.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		snap.Version = ver(7, 0)
		if w.state, err = cdn.Restore(snap); err != nil {
			t.Fatal(err)
		}
		w.feed.Publish(w.state, nil)
		w.grow(1, 1)
		if got := old.lines(t); got != "s 7.0, c 7.1" {
			t.Errorf("who was following got %s", got)
		}
		late, _ := serve(t.Context(), w.feed, ver(1, 3))
		if got := late.lines(t); got != "s 7.1, h 7.1" {
			t.Errorf("who came later got %s", got)
		}
		_, ended := serve(t.Context(), w.feed, ver(8, 0))
		if err := <-ended; !errors.Is(err, ErrBehind) {
			t.Errorf("who is ahead of the epoch: %v", err)
		}
		if got := w.feed.Head(); got != ver(7, 1) {
			t.Errorf("the head is %v", got)
		}
	})
}

func TestReadersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Readers: 1})
		defer w.feed.Close()
		ctx, cancel := context.WithCancel(t.Context())
		_, first := serve(ctx, w.feed, ver(1, 0))
		synctest.Wait()
		_, second := serve(t.Context(), w.feed, ver(1, 0))
		if err := <-second; !errors.Is(err, ErrBusy) {
			t.Errorf("one too many: %v", err)
		}
		cancel()
		<-first
		third, _ := serve(t.Context(), w.feed, ver(1, 0))
		if got := third.lines(t); got != "h 1.0" {
			t.Errorf("after one had left, another got %q", got)
		}
	})
}

func TestAReaderThatDoesNotKeepUpIsDropped(t *testing.T) {
	for name, grow := range map[string]func(*world){
		"many changes":  func(w *world) { w.grow(mostLag+2, 1) },
		"large changes": func(w *world) { w.grow(10, mostLagBytes/8) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Config{})
				defer w.feed.Close()
				r, ended := serve(t.Context(), w.feed, ver(1, 0))
				r.lines(t)
				r.stop(true)
				w.grow(1, 1)
				synctest.Wait()
				grow(w)
				r.stop(false)
				if err := <-ended; !errors.Is(err, http.ErrAbortHandler) {
					t.Errorf("ended with %v", err)
				}
				if got := r.lines(t); got != "c 1.1" {
					t.Errorf("it got %s", got)
				}
			})
		})
	}
}

func TestAReaderThatTakesNothingIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		defer w.feed.Close()
		r, ended := serve(t.Context(), w.feed, ver(1, 0))
		r.lines(t)
		began := time.Now()
		r.stop(true)
		w.grow(1, 1)
		if err := <-ended; !errors.Is(err, http.ErrAbortHandler) || time.Since(began) > 2*writeTimeout {
			t.Errorf("ended with %v after %v", err, time.Since(began))
		}
	})
}

// A snapshot over a slow link takes longer than one deadline, and arrives.
func TestALargeSnapshotHasManyDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		defer w.feed.Close()
		w.grow(1, 8*piece)
		r := newReader()
		slow := &slowReader{reader: r}
		go func() {
			_ = w.feed.Serve(slow, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/journal", nil), ver(1, 0))
		}()
		<-time.After(2 * time.Minute)
		if got := r.lines(t); !strings.HasPrefix(got, "s 1.1, h 1.1") {
			t.Errorf("it got %s", got)
		}
		if slow.took < 3*writeTimeout {
			t.Errorf("it took %v only", slow.took)
		}
	})
}

// slowReader takes five seconds for a piece.
type slowReader struct {
	*reader
	took time.Duration
}

func (s *slowReader) Write(b []byte) (int, error) {
	if len(b) == piece {
		s.took += 5 * time.Second
		<-time.After(5 * time.Second)
	}
	if !time.Now().Before(s.deadline) {
		return 0, errors.New("timed out")
	}
	return s.reader.Write(b)
}

func (s *slowReader) Unwrap() http.ResponseWriter { return s.reader }
