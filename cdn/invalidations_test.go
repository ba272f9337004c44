package cdn

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/cdn/paths"
)

// naive is the definition that the index is held to: of all invalidations whose path
// is the URI, or whose path without its final "*" is how the URI begins, the newest.
type naive []struct {
	path string
	v    Version
}

func (l *naive) add(path string, v Version) {
	*l = append(*l, struct {
		path string
		v    Version
	}{path, v})
}

func (l naive) newest(uri string) (v Version) {
	for _, e := range l {
		if p, ok := strings.CutSuffix(e.path, "*"); e.path == uri || ok && strings.HasPrefix(uri, p) {
			v = v.Max(e.v)
		}
	}
	return v
}

func randomPath(r *rand.Rand) string {
	b := []byte("/")
	for range r.IntN(5) {
		b = append(b, "ab/?"[r.IntN(4)])
	}
	return string(b)
}

func TestInvalidationsAgreeWithAList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var list naive
	var index, old Invalidations
	oldLen := 0
	for n := range 4000 {
		v := Version{1 + uint64(n/1500), uint64(n + 1)}
		var paths []string
		for range 1 + r.IntN(3) {
			p := randomPath(r)
			switch {
			case r.IntN(300) == 0:
				p = everything
			case r.IntN(8) == 0 && p != "/":
				p += "*"
			}
			paths = append(paths, p)
			list.add(p, v)
		}
		index = index.With(paths, v)
		if n == 1000 {
			old, oldLen = index, len(list)
		}
		for range 5 {
			if u := randomPath(r); index.Newest(u) != list.newest(u) {
				t.Fatalf("after %d: %q: %v, want %v", n, u, index.Newest(u), list.newest(u))
			}
		}
	}
	for range 100 {
		if u := randomPath(r); old.Newest(u) != list[:oldLen].newest(u) {
			t.Error("an older index changed under its holder")
		}
	}
	if len(index.segments) > 16 {
		t.Errorf("%d segments for 4,000 invalidations", len(index.segments))
	}
	floor := Version{9, 1}
	if raised := index.WithFloor(floor); raised.Newest("/zzz") != floor || len(raised.segments) != 0 {
		t.Errorf("under a floor above all: %v, %d segments", raised.Newest("/zzz"), len(raised.segments))
	}
}

func TestAnInvalidationOfEverythingForgetsWhatIsOlder(t *testing.T) {
	for _, path := range []string{"/*", "*"} {
		var index Invalidations
		for n := range 5000 {
			index = index.With([]string{fmt.Sprintf("/%d", n), fmt.Sprintf("/%d*", n)}, Version{1, uint64(n + 1)})
		}
		v := Version{1, 5001}
		index = index.With([]string{"/1", path}, v)
		if len(index.segments) != 0 || index.Newest("/7") != v || index.Newest("/other") != v {
			t.Errorf("%s: %d segments are kept, /7 was invalidated at %v", path, len(index.segments), index.Newest("/7"))
		}
		if !index.Floor().IsZero() {
			t.Errorf("%s: the floor is raised to %v: what it matches is fetched whole, not confirmed", path, index.Floor())
		}
		if index = index.With([]string{"/8"}, v.Next()); index.Newest("/8") != v.Next() || index.Newest("/7") != v {
			t.Errorf("%s: one path after it: %v and %v", path, index.Newest("/8"), index.Newest("/7"))
		}
	}
}

// TestTheIndexIsBounded invalidates far more paths than are held: what is held is
// known exactly, and all that is older is below the floor.
func TestTheIndexIsBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		name        string
		paths, size int
		batch       int
	}{
		{"one at a time", 150_000, 8, 1},
		{"in batches", 200_000, 8, 3000},
		{"long ones", 30_000, 2000, 500},
		{"more than is held at once", 150_000, 8, 150_000},
	} {
		var index Invalidations
		at := map[string]Version{}
		for n := 0; n < c.paths; n += c.batch {
			v := Version{1, uint64(n + 1)}
			var batch []string
			for i := range c.batch {
				p := fmt.Sprintf("/%0*d", c.size, n+i)
				batch = append(batch, p)
				at[p] = v
			}
			index = index.With(batch, v)
			if c.batch == 1 && n%100 > 0 {
				continue
			}
			if paths, bytes := held(index); paths > maxInvalidated || bytes > maxInvalidatedBytes {
				t.Fatalf("%s: %d paths of %d bytes are held", c.name, paths, bytes)
			}
		}
		if paths, bytes := held(index); c.batch < maxInvalidated && paths < maxInvalidated/2 && bytes < maxInvalidatedBytes/2 {
			t.Errorf("%s: only %d paths are still known one by one", c.name, paths)
		}
		if index.Floor().IsZero() {
			t.Errorf("%s: the floor is not raised", c.name)
		}
		for n := range c.paths {
			if r.IntN(50) > 0 {
				continue
			}
			p := fmt.Sprintf("/%0*d", c.size, n)
			if want := at[p].Max(index.Floor()); index.Newest(p) != want {
				t.Fatalf("%s: %s: %v, want %v", c.name, p, index.Newest(p), want)
			}
		}
		if len(index.segments) > 40 {
			t.Errorf("%s: %d segments", c.name, len(index.segments))
		}
	}
}

func held(x Invalidations) (paths, bytes int) {
	for _, s := range x.segments {
		paths, bytes = paths+s.size(), bytes+s.bytes
	}
	return paths, bytes
}

func TestRecordsAreBoundedAndOutliveASnapshot(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	s := NewState(1)
	for n := range 2*keptInvalidations + 100 {
		path := randomPath(r) + fmt.Sprint(n)
		switch r.IntN(2000) {
		case 0:
			path = everything
		case 1, 2, 3, 4:
			path += "*"
		}
		s = change(t, s, KindInvalidation, Invalidation{ID: fmt.Sprintf("I%d", n), Distribution: "E1", Paths: []string{path}})
	}
	many := make([]string, 3000)
	for n := range 50 {
		for i := range many {
			many[i] = fmt.Sprintf("/many/%d/%d", n, i)
		}
		s = change(t, s, KindInvalidation, Invalidation{ID: fmt.Sprintf("M%d", n), Distribution: "E1", Paths: many})
		records, paths := 0, 0
		for inv := range s.InvalidationRecords("E1") {
			records, paths = records+1, paths+len(inv.Paths)
		}
		if records > 2*keptInvalidations || paths > maxInvalidated || paths < 3015 {
			t.Fatalf("%d records of %d paths are kept", records, paths)
		}
	}
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(snap)
	if err != nil {
		t.Fatal(err)
	}
	var read Snapshot
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	got, err := Restore(read)
	if err != nil {
		t.Fatal(err)
	}
	live, restored := s.Invalidations("E1"), got.Invalidations("E1")
	for n := range 50 {
		for _, uri := range []string{fmt.Sprintf("/many/%d/%d", n, r.IntN(3000)), randomPath(r) + fmt.Sprint(r.IntN(9000)), randomPath(r)} {
			if was, is := live.Newest(uri), restored.Newest(uri); is.Before(was) {
				t.Errorf("%s: invalidated at %v, restored %v: what was invalidated would be served", uri, was, is)
			}
		}
	}
	var want, have []string
	for inv := range s.InvalidationRecords("E1") {
		want = append(want, inv.ID)
	}
	for inv := range got.InvalidationRecords("E1") {
		have = append(have, inv.ID)
	}
	if want = want[:min(len(want), keptInvalidations)]; fmt.Sprint(have) != fmt.Sprint(want) {
		t.Errorf("%d records, restored %d", len(want), len(have))
	}
}

func FuzzInvalidations(f *testing.F) {
	f.Add("/a*\n/b\n/*\n/a/c", "/a/c")
	f.Fuzz(func(t *testing.T, items, uri string) {
		var index Invalidations
		var list naive
		for n, p := range strings.Split(items, "\n") {
			if CheckInvalidationPath(p) != nil {
				continue
			}
			v := Version{1, uint64(n + 1)}
			index = index.With([]string{p}, v)
			if p == "*" {
				p = everything
			}
			if !NamesCacheTag(p) {
				list.add(p, v)
				list.add(paths.NormalInvalidation(p), v)
			}
		}
		if strings.HasPrefix(uri, "/") && index.Newest(uri) != list.newest(uri) {
			t.Errorf("%q after %q: %v, want %v", uri, items, index.Newest(uri), list.newest(uri))
		}
	})
}
