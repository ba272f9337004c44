package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// onDisk is how many bytes the folder's files take, holes not counted.
func onDisk(t testing.TB, dir string) (n int64) {
	for _, name := range allFiles(t, dir) {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		n += info.Sys().(*syscall.Stat_t).Blocks * 512
	}
	return n
}

// TestLimitHolds stores several times the limit, with keys of unlike popularity: the folder stays within it, the
// popular stay found, and what is moved to make room is bounded.
func TestLimitHolds(t *testing.T) {
	const limit = 32 << 20
	s := open(t, t.TempDir(), func(c *Config) { c.Limit = limit })
	r := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(r, 1.1, 10, 20_000)
	hits, asked, written := 0, 0, int64(0)
	for i := range 30_000 {
		n := int(zipf.Uint64())
		key := fmt.Sprint("k", n)
		asked++
		if rec, _ := s.Find(key, all); rec != nil {
			hits++
			rec.Close()
			continue
		}
		size := 500 + n*37%40_000
		if n%200 == 0 {
			create(t, s, key, "", "h", 1, make([]byte, maxPacked+size)).Close()
			written += int64(maxPacked)
		} else {
			put(t, s, key, "", "h", 1, make([]byte, size))
		}
		written += int64(size)
		s.reclaim(t.Context())
		if i%1000 == 0 {
			if n := onDisk(t, s.cfg.Dir); n > limit {
				t.Fatalf("%d bytes after %d", n, i)
			}
		}
	}
	stats := s.Stats()
	t.Logf("hits %.1f %%, wrote %d MB, moved %d MB, %d evictions, %d records in %d MB", 100*float64(hits)/float64(asked), written>>20, stats.Moved>>20, stats.Evictions, stats.Records, stats.Bytes>>20)
	if int64(stats.Moved) > written || stats.Evictions == 0 || stats.Bytes < limit*3/4 {
		t.Errorf("%+v, %d bytes written", stats, written)
	}
	if hits < asked/2 {
		t.Errorf("%d hits of %d", hits, asked)
	}
	var live int64
	for i := range 32 {
		for _, e := range s.index.Snapshot(i, nil) {
			live += e.RecordSize()
		}
	}
	for _, g := range s.segments.all() {
		live -= g.live.Load()
	}
	if live != 0 {
		t.Errorf("the segments' counts differ from the index by %d bytes", live)
	}
	s = reopen(t, s)
	if now := s.Stats(); now.Bytes > limit || now.Records < stats.Records {
		t.Errorf("opened again: %+v", now)
	}
}

func TestTooFastIsRefused(t *testing.T) {
	s := open(t, t.TempDir(), func(c *Config) { c.Limit = minLimit; c.Records = 100 })
	var err error
	n := 0
	for ; err == nil; n++ {
		err = s.Put(fmt.Sprint(n), "", nil, version(1), make([]byte, 100))
	}
	if !errors.Is(err, ErrFull) || n != 101 {
		t.Errorf("record %d: %v", n, err)
	}
	s.reclaim(t.Context())
	put(t, s, "a", "", "h", 1, nil)
	for err = nil; err == nil; n++ {
		if err = s.Put("a", "", nil, version(1), make([]byte, MaxPacked)); onDisk(t, s.cfg.Dir) > minLimit+minLimit/100 { // files take whole blocks
			t.Fatal("beyond the limit")
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	s.reclaim(t.Context())
	put(t, s, "a", "", "h", 1, make([]byte, MaxPacked))
}

// TestFullDiskIsNoObstacleToMakingRoom: what cannot be moved is evicted.
func TestFullDiskIsNoObstacleToMakingRoom(t *testing.T) {
	f := &faultFS{}
	s := open(t, t.TempDir(), func(c *Config) { c.FS = f; c.Limit = minLimit })
	for i := range 60 {
		put(t, s, fmt.Sprint(i), "", "h", 1, make([]byte, 60_000))
		s.reclaim(t.Context())
	}
	f.fail = full
	if err := s.Put("k", "", nil, version(1), nil); err == nil {
		t.Fatal("not full")
	}
	before := s.Stats()
	s.reclaim(t.Context())
	if now := s.Stats(); now.Bytes > now.Limit || now.Bytes >= before.Bytes || now.Records == 0 {
		t.Errorf("%+v, before %+v", now, before)
	}
}

// checked returns a record's body if it is what its head says.
func checked(r *Record) error {
	var key string
	var n int
	if _, err := fmt.Sscanf(strings.Replace(strings.TrimRight(string(r.Head()), "+"), "/", " ", 1), "%s %d", &key, &n); err != nil || key != r.Key() {
		return fmt.Errorf("under %q is %q", r.Key(), r.Head())
	}
	_, data := value(key, n)
	if r.Sliced() {
		_, data = largeValue(key, n)
	}
	for off := int64(0); ; {
		f, at, length, err := r.Section(off, math.MaxInt64)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, ErrAbsent) && r.Sliced() {
			off += SliceSize
			continue
		}
		if err != nil {
			return fmt.Errorf("Section: %w", err)
		}
		got := make([]byte, length)
		if _, err := f.ReadAt(got, at); err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		if string(got) != string(data[off:off+length]) {
			return fmt.Errorf("%s: wrong bytes at %d", r.Head(), off)
		}
		off += length
	}
}

// TestEverythingAtOnce runs all that a store does beside one another, in a folder too small for it.
func TestEverythingAtOnce(t *testing.T) {
	s := open(t, t.TempDir(), func(c *Config) {
		c.Limit, c.CheckpointEvery, c.ScrubRate, c.OpenFiles = 16<<20, 50*time.Millisecond, 1<<30, 3
	})
	ctx, cancel := context.WithCancel(t.Context())
	var background, wg sync.WaitGroup
	background.Go(func() { _ = s.Run(ctx) })
	steps := 1500
	if testing.Short() {
		steps = 300
	}
	for g := range 6 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 7))
			for i := range steps {
				if err := anyStep(s, r, g*steps+i); err != nil && !errors.Is(err, ErrFull) && !errors.Is(err, ErrGone) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	cancel()
	background.Wait()
	stats := s.Stats()
	if stats.Corrupt != 0 || stats.WriteErrors != 0 || stats.Evictions == 0 {
		t.Errorf("%+v", stats)
	}
	if n := onDisk(t, s.cfg.Dir); n > s.cfg.Limit {
		t.Errorf("%d bytes", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, s.cfg.Dir, func(c *Config) { c.Limit = s.cfg.Limit })
	if n := again.Stats().Records; n != stats.Records {
		t.Errorf("%d records, were %d", n, stats.Records)
	}
	if n := again.Stats(); n.Bytes > stats.Bytes+1<<20 {
		t.Errorf("%+v, were %+v", n, stats)
	}
}

func anyStep(s *Store, r *rand.Rand, n int) error {
	key := fmt.Sprint("k", r.IntN(500))
	switch r.IntN(10) {
	case 0, 1, 2:
		head, data := value(key, n)
		return s.Put(key, fmt.Sprint(r.IntN(2)), head, version(1), data)
	case 3:
		key = fmt.Sprint("l", r.IntN(15))
		head, data := largeValue(key, n)
		w, err := s.Create(key, "", head, version(1), large)
		if err != nil {
			return err
		}
		if err := w.WriteSlice(r.IntN(2), nil); err == nil {
			return errors.New("an empty slice was taken")
		}
		if err := w.WriteSlice(1, slice(data, 1)); err != nil || r.IntN(5) == 0 {
			w.Abort()
			return err
		}
		rec, err := w.Commit()
		if err != nil {
			return err
		}
		defer rec.Close()
		return errors.Join(rec.WriteSlice(0, slice(data, 0)), checked(rec))
	case 4:
		return s.Remove(key, fmt.Sprint(r.IntN(2)))
	case 5:
		return s.RemoveKey(fmt.Sprint("l", r.IntN(15)))
	}
	if r.IntN(3) == 0 {
		key = fmt.Sprint("l", r.IntN(15))
	}
	rec, err := s.Find(key, all)
	if rec == nil || err != nil {
		return err
	}
	defer rec.Close()
	if r.IntN(4) == 0 {
		if err := s.SetHead(rec, append(rec.Head(), '+'), version(2)); err != nil {
			return err
		}
	}
	return checked(rec)
}

func TestRunWritesCheckpoints(t *testing.T) {
	s := open(t, t.TempDir(), func(c *Config) { c.CheckpointEvery = time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	put(t, s, "k", "", "h", 1, nil)
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := os.Stat(filepath.Join(s.cfg.Dir, "checkpoint")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no checkpoint")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
