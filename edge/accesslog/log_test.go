package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// numbered is a record whose path is a number.
func numbered(i int) *Record { return &Record{Path: fmt.Sprintf("/%06d", i), ContentLength: -1} }

// sink is a file in memory that can be slow or broken.
type sink struct {
	mu    sync.Mutex
	text  bytes.Buffer
	err   error
	short int // how much the next write takes, if that is set
	gate  chan struct{}
}

func (s *sink) Write(p []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		n, _ := s.text.Write(p[:min(s.short, len(p))])
		return n, s.err
	}
	return s.text.Write(p)
}

func (s *sink) fail(err error, short int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.short = err, short
}

func (s *sink) paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var paths []string
	for line := range strings.Lines(s.text.String()) {
		if f := strings.Split(line, "\t"); len(f) == 33 {
			paths = append(paths, f[7])
		}
	}
	return paths
}

func TestLinesAreWrittenWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sink
		l := New(&s, Config{})
		l.Log(numbered(1))
		l.Log(numbered(2))
		<-time.After(interval)
		synctest.Wait()
		if got := s.paths(); len(got) != 2 || got[0] != "/000001" || got[1] != "/000002" || !strings.HasPrefix(s.text.String(), Header) {
			t.Errorf("%q", s.text.String())
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestNothingTakenIsLostByClose(t *testing.T) {
	var s sink
	l := New(&s, Config{})
	var all sync.WaitGroup
	const writers, each = 8, 2000
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if !l.Log(numbered(w*each + i)) {
					t.Error("dropped")
				}
			}
		})
	}
	all.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range s.paths() {
		seen[p] = true
	}
	if len(seen) != writers*each || len(s.paths()) != writers*each {
		t.Errorf("%d different lines of %d", len(seen), len(s.paths()))
	}
	if l.Log(numbered(0)) || l.Close() != nil || !errors.Is(l.Reopen(), os.ErrClosed) {
		t.Error("a closed log takes more")
	}
}

// Behind a file that takes nothing, viewers are not held up: what there is no room
// for is dropped, the rest is written in the end.
func TestSlowFileDropsAndNeverWaits(t *testing.T) {
	s := sink{gate: make(chan struct{})}
	const limit = 64 << 10
	l := New(&s, Config{Limit: limit})
	line := len(numbered(0).Append(nil, false))
	taken := 0
	for i := range 10 * limit / line {
		if l.Log(numbered(i)) {
			taken++
		}
	}
	if taken < limit/line-10 || taken > 2*limit/line {
		t.Errorf("%d lines were taken, there is room for %d and as many being written", taken, limit/line)
	}
	close(s.gate)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := len(s.paths()); got != taken {
		t.Errorf("%d lines were taken, %d written", taken, got)
	}
}

// What a full disk refuses is written when there is room again, from the byte
// where it stopped, and said once.
func TestFullDiskRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("no space left on device")
		var s sink
		var said bytes.Buffer
		l := New(&s, Config{Logger: slog.New(slog.NewTextHandler(&said, nil))})
		l.Log(numbered(1))
		s.fail(full, len(Header)+10)
		for i := range 3 {
			<-time.After(interval)
			synctest.Wait()
			s.fail(full, 0)
			l.Log(numbered(2 + i))
		}
		if n := strings.Count(said.String(), "no space left"); n != 1 {
			t.Errorf("said %d times: %s", n, said.String())
		}
		s.fail(nil, 0)
		<-time.After(interval)
		synctest.Wait()
		if got := strings.Join(s.paths(), " "); got != "/000001 /000002 /000003 /000004" {
			t.Errorf("written: %s", got)
		}
		l.Log(numbered(9))
		s.fail(full, 0)
		if err := l.Close(); !errors.Is(err, full) {
			t.Errorf("Close says %v of a line that is lost", err)
		}
	})
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for i := range 2 { // a restart goes on behind what is there
		l, err := Open(path, Config{})
		if err != nil {
			t.Fatal(err)
		}
		l.Log(numbered(i))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	first := read(path)
	if strings.Count(first, Header) != 1 || !strings.HasPrefix(first, Header) || strings.Count(first, "\n") != 4 {
		t.Errorf("%q", first)
	}
	l, err := Open(path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	l.Log(numbered(2))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.Log(numbered(3))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil {
		t.Error("a folder was opened as a log")
	}
	if err := l.Close(); err != nil { // the old file was kept
		t.Fatal(err)
	}
	if got := read(path + ".1"); !strings.HasPrefix(got, first) || !strings.Contains(got, "/000002") || strings.Contains(got, "/000003") {
		t.Errorf("the renamed file holds %q", got)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none", "access.log"), Config{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestLogAllocatesNothing(t *testing.T) {
	l := New(io.Discard, Config{})
	defer func() { _ = l.Close() }()
	r := example()
	for range 20_000 { // both buffers have grown
		l.Log(r)
	}
	if n := testing.AllocsPerRun(1000, func() { l.Log(r) }); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}

func BenchmarkLog(b *testing.B) {
	l := New(io.Discard, Config{})
	defer func() { _ = l.Close() }()
	r := example()
	b.ReportAllocs()
	for b.Loop() {
		l.Log(r)
	}
}

func BenchmarkLogParallel(b *testing.B) {
	l := New(io.Discard, Config{})
	defer func() { _ = l.Close() }()
	b.RunParallel(func(pb *testing.PB) {
		for r := example(); pb.Next(); {
			l.Log(r)
		}
	})
}
