package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/store"
)

func ver(epoch, number uint64) cdn.Version { return cdn.Version{Epoch: epoch, Number: number} }

// changes returns the changes of an epoch from one number to another.
func changes(epoch, from, to uint64) []cdn.Change {
	var all []cdn.Change
	for n := from; n <= to; n++ {
		all = append(all, cdn.Change{
			Version: ver(epoch, n), Time: time.Unix(int64(n), 0).UTC(), Kind: cdn.KindSetting, Schema: 1, Critical: true,
			Body: json.RawMessage(fmt.Sprintf(`{"name":"n","value":%d}`, n)),
		})
	}
	return all
}

func TestBoltConforms(t *testing.T) {
	conform(t, func(t *testing.T, dir string) store.Store {
		s, err := store.OpenBolt(filepath.Join(dir, "journal.db"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestMemoryConforms(t *testing.T) {
	var mu sync.Mutex
	disks := map[string]*store.Disk{}
	conform(t, func(_ *testing.T, dir string) store.Store {
		mu.Lock()
		defer mu.Unlock()
		if disks[dir] == nil {
			disks[dir] = &store.Disk{}
		}
		return disks[dir].Open()
	})
}

// A copy of a disk shares nothing with it.
func TestACopyOfADiskStays(t *testing.T) {
	disk := &store.Disk{}
	s := disk.Open()
	must(t, s.Compact(cdn.Snapshot{Version: ver(1, 0)}))
	must(t, s.Append(changes(1, 1, 3)))
	must(t, s.Put(store.Meta, "a", []byte("1")))
	before := disk.Copy()
	must(t, s.Append(changes(1, 4, 5)))
	must(t, s.Put(store.Meta, "a", []byte("2")))
	must(t, s.Compact(cdn.Snapshot{Version: ver(1, 4)}))
	old := before.Open()
	wantLoad(t, old, ver(1, 0), changes(1, 1, 3))
	if got, err := old.Get(store.Meta, "a"); string(got) != "1" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, old.Append(changes(1, 4, 4)))
	wantLoad(t, s, ver(1, 4), changes(1, 5, 5))
}

// conform is what every Store must do; open opens the one in dir, again and
// again.
func conform(t *testing.T, open func(t *testing.T, dir string) store.Store) {
	for name, test := range map[string]func(*testing.T, *subject){
		"an empty store":            testEmpty,
		"appending":                 testAppend,
		"gaps":                      testGaps,
		"positions":                 testPositions,
		"compaction":                testCompaction,
		"a new epoch":               testNewEpoch,
		"named values":              testValues,
		"many at once":              testConcurrent,
		"nothing of what is closed": testClosed,
	} {
		t.Run(name, func(t *testing.T) {
			s := &subject{dir: t.TempDir(), open: open}
			s.Store = open(t, s.dir)
			t.Cleanup(func() { _ = s.Close() })
			test(t, s)
		})
	}
}

type subject struct {
	store.Store
	dir  string
	open func(*testing.T, string) store.Store
}

func (s *subject) reopen(t *testing.T) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Store = s.open(t, s.dir)
}

// begin starts epoch 1, as control does.
func (s *subject) begin(t *testing.T) {
	t.Helper()
	must(t, s.Compact(cdn.Snapshot{Version: ver(1, 0)}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantLoad(t *testing.T, s store.Store, snap cdn.Version, tail []cdn.Change) {
	t.Helper()
	gotSnap, gotTail, err := s.Load()
	must(t, err)
	if gotSnap.Version != snap || !reflect.DeepEqual(gotTail, tail) {
		t.Errorf("loaded a snapshot of %v and %d changes, want %v and %d", gotSnap.Version, len(gotTail), snap, len(tail))
	}
}

func testEmpty(t *testing.T, s *subject) {
	wantLoad(t, s, cdn.Version{}, nil)
	if got, err := s.Get(store.Meta, "x"); got != nil || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func testAppend(t *testing.T, s *subject) {
	s.begin(t)
	must(t, s.Append(changes(1, 1, 3)))
	must(t, s.Append(nil))
	must(t, s.Append(changes(1, 4, 4)))
	wantLoad(t, s, ver(1, 0), changes(1, 1, 4))
	s.reopen(t)
	wantLoad(t, s, ver(1, 0), changes(1, 1, 4))
	must(t, s.Append(changes(1, 5, 5)))
}

func testGaps(t *testing.T, s *subject) {
	if err := s.Append(changes(1, 1, 1)); !errors.Is(err, store.ErrGap) {
		t.Errorf("before the first epoch: %v", err)
	}
	s.begin(t)
	must(t, s.Append(changes(1, 1, 3)))
	for name, bad := range map[string][]cdn.Change{
		"one left out":          changes(1, 5, 5),
		"one repeated":          changes(1, 3, 3),
		"another epoch":         changes(2, 4, 4),
		"one left out later on": append(changes(1, 4, 5), changes(1, 7, 7)...),
	} {
		if err := s.Append(bad); !errors.Is(err, store.ErrGap) {
			t.Errorf("%s: %v", name, err)
		}
		wantLoad(t, s, ver(1, 0), changes(1, 1, 3))
	}
}

func testPositions(t *testing.T, s *subject) {
	s.begin(t)
	must(t, s.Append(changes(1, 1, 9)))
	for _, test := range []struct {
		after cdn.Version
		limit int
		want  []cdn.Change
	}{
		{ver(1, 0), 100, changes(1, 1, 9)}, {ver(1, 4), 3, changes(1, 5, 7)}, {ver(1, 9), 3, nil},
	} {
		got, err := s.After(test.after, test.limit)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("after %v: %d changes, %v", test.after, len(got), err)
		}
	}
	for _, v := range []cdn.Version{{}, ver(1, 10), ver(2, 1)} {
		if _, err := s.After(v, 3); !errors.Is(err, store.ErrCompacted) {
			t.Errorf("after %v: %v", v, err)
		}
	}
}

func testCompaction(t *testing.T, s *subject) {
	s.begin(t)
	must(t, s.Append(changes(1, 1, 9)))
	must(t, s.Compact(cdn.Snapshot{Version: ver(1, 6), Changes: changes(1, 6, 6)}))
	for range 2 {
		wantLoad(t, s, ver(1, 6), changes(1, 7, 9))
		if _, err := s.After(ver(1, 5), 9); !errors.Is(err, store.ErrCompacted) {
			t.Errorf("before the snapshot: %v", err)
		}
		if got, err := s.After(ver(1, 6), 9); err != nil || len(got) != 3 {
			t.Errorf("at the snapshot: %d changes, %v", len(got), err)
		}
		s.reopen(t)
	}
	for _, v := range []cdn.Version{ver(1, 5), ver(1, 10)} {
		if err := s.Compact(cdn.Snapshot{Version: v}); !errors.Is(err, store.ErrOutdated) {
			t.Errorf("a snapshot of %v: %v", v, err)
		}
	}
	must(t, s.Compact(cdn.Snapshot{Version: ver(1, 9)}))
	wantLoad(t, s, ver(1, 9), nil)
	must(t, s.Append(changes(1, 10, 10)))
	wantLoad(t, s, ver(1, 9), changes(1, 10, 10))
}

func testNewEpoch(t *testing.T, s *subject) {
	s.begin(t)
	must(t, s.Append(changes(1, 1, 9)))
	must(t, s.Compact(cdn.Snapshot{Version: ver(4, 0), Changes: changes(1, 9, 9)}))
	wantLoad(t, s, ver(4, 0), nil)
	if err := s.Append(changes(1, 10, 10)); !errors.Is(err, store.ErrGap) {
		t.Errorf("a change of the old epoch: %v", err)
	}
	must(t, s.Append(changes(4, 1, 2)))
	s.reopen(t)
	wantLoad(t, s, ver(4, 0), changes(4, 1, 2))
	if _, err := s.After(ver(1, 9), 9); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("a position of the old epoch: %v", err)
	}
}

func testValues(t *testing.T, s *subject) {
	must(t, s.Put(store.Meta, "a", []byte("1")))
	must(t, s.Put(store.Secrets, "a", []byte("secret")))
	must(t, s.Put(store.Meta, "b", []byte("2")))
	must(t, s.Put(store.Meta, "b", nil))
	must(t, s.Put(store.Meta, "never there", nil))
	s.reopen(t)
	if got, err := s.Get(store.Secrets, "a"); string(got) != "secret" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	got, err := s.All(store.Meta)
	if want := map[string][]byte{"a": []byte("1")}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

// testConcurrent reads positions while others append and compact: each answer is
// contiguous or says that the position is gone.
func testConcurrent(t *testing.T, s *subject) {
	s.begin(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := uint64(1); n <= 60; n += 3 {
			if err := s.Append(changes(1, n, n+2)); err != nil {
				t.Error(err)
				return
			}
			if n%15 == 1 {
				if err := s.Compact(cdn.Snapshot{Version: ver(1, n)}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 2 {
		wg.Go(func() {
			for v := ver(1, 0); v.Number < 60; {
				got, err := s.After(v, 2)
				if errors.Is(err, store.ErrCompacted) {
					snap, _, err := s.Load()
					if err != nil {
						t.Error(err)
						return
					}
					v = v.Max(snap.Version)
					continue
				}
				for _, c := range got {
					if c.Version != v.Next() {
						t.Errorf("after %v came %v", v, c.Version)
						return
					}
					v = c.Version
				}
				if err := s.Put(store.Meta, "position", []byte(v.String())); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func testClosed(t *testing.T, s *subject) {
	s.begin(t)
	must(t, s.Close())
	if err := s.Append(changes(1, 1, 1)); err == nil {
		t.Error("appended to a closed store")
	}
	s.Store = s.open(t, s.dir)
	wantLoad(t, s, ver(1, 0), nil)
}
