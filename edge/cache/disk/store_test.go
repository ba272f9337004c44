package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

func open(t testing.TB, dir string, change ...func(*Config)) *Store {
	t.Helper()
	cfg := Config{Dir: dir, Limit: 64 << 20, ScrubRate: -1}
	for _, c := range change {
		c(&cfg)
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// reopen opens what another store left behind, as after a crash: without its last checkpoint.
func reopen(t testing.TB, s *Store, change ...func(*Config)) *Store {
	t.Helper()
	if !s.closed.Swap(true) {
		_ = s.lock.Close()
	}
	return open(t, s.cfg.Dir, change...)
}

func pattern(n int, seed byte) []byte {
	p := make([]byte, n)
	x := uint32(seed) + 1
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
	return p
}

func version(n uint64) cdn.Version { return cdn.Version{Epoch: 7, Number: n} }

func all([]byte) bool { return true }

// body reads a record's body in both ways.
func body(t testing.TB, r *Record) []byte {
	t.Helper()
	got := make([]byte, r.Size())
	if n, err := r.ReadAt(got, 0); n != len(got) || err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("ReadAt: %d bytes of %d, %v", n, len(got), err)
	}
	var sent []byte
	for off := int64(0); ; {
		f, at, n, err := r.Section(off, 3<<20)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || n <= 0 {
			t.Fatalf("Section(%d): %d bytes, %v", off, n, err)
		}
		part := make([]byte, n)
		if _, err := f.ReadAt(part, at); err != nil {
			t.Fatal(err)
		}
		sent, off = append(sent, part...), off+n
	}
	if !bytes.Equal(got, sent) {
		t.Fatal("ReadAt and Section differ")
	}
	return got
}

// want checks what is found under a key; a nil head means nothing is.
func want(t testing.TB, s *Store, key string, head, data []byte) {
	t.Helper()
	r, err := s.Find(key, all)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	if r == nil || head == nil {
		if r != nil || head != nil {
			t.Fatalf("%s: found %v, want head %q", key, r, head)
		}
		return
	}
	defer r.Close()
	if !bytes.Equal(r.Head(), head) || !bytes.Equal(body(t, r), data) {
		t.Fatalf("%s: head %q and %d bytes, want %q and %d", key, r.Head(), r.Size(), head, len(data))
	}
}

func put(t testing.TB, s *Store, key, variant, head string, birth uint64, data []byte) {
	t.Helper()
	if err := s.Put(key, variant, []byte(head), version(birth), data); err != nil {
		t.Fatalf("Put %s: %v", key, err)
	}
}

// create stores a large body, the given slices of it, or all.
func create(t testing.TB, s *Store, key, variant, head string, birth uint64, data []byte, only ...int) *Record {
	t.Helper()
	w, err := s.Create(key, variant, []byte(head), version(birth), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if only == nil {
		for i := range sliceCount(int64(len(data))) {
			only = append(only, i)
		}
	}
	for _, i := range only {
		if err := w.WriteSlice(i, slice(data, i)); err != nil || !w.HasSlice(i) {
			t.Fatal(err)
		}
	}
	r, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func slice(data []byte, i int) []byte { return data[i*SliceSize : min((i+1)*SliceSize, len(data))] }

func TestWhatIsPutIsFound(t *testing.T) {
	s := open(t, t.TempDir())
	bodies := map[string][]byte{}
	for _, size := range []int{0, 1, 63, 64, 65, 4000, blockSize - 1, blockSize, blockSize + 1, maxPacked - 1, maxPacked} {
		key := fmt.Sprint("packed", size)
		bodies[key] = pattern(size, byte(size))
		put(t, s, key, "", "head of "+key, 3, bodies[key])
	}
	for _, size := range []int{1, blockSize, SliceSize - 1, SliceSize, SliceSize + 1, 3*SliceSize + 5} {
		key := fmt.Sprint("large", size)
		bodies[key] = pattern(size, byte(size))
		create(t, s, key, "", "head of "+key, 4, bodies[key]).Close()
	}
	check := func(s *Store) {
		t.Helper()
		for key, data := range bodies {
			want(t, s, key, []byte("head of "+key), data)
		}
		want(t, s, "nothing", nil, nil)
		if n := s.Stats().Records; n != int64(len(bodies)) {
			t.Fatalf("%d records", n)
		}
	}
	check(s)
	used := s.Stats().Bytes
	s = reopen(t, s) // a full scan
	check(s)
	if now := s.Stats().Bytes; now != used {
		t.Errorf("takes %d bytes, scanned anew %d", used, now)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s) // from the checkpoint
	check(s)
	if s.Generation() != 4 { // with that of Close
		t.Errorf("generation %d", s.Generation())
	}
	r, _ := s.Find("large1", all)
	if r.Birth() != version(4) || r.Key() != "large1" || r.Variant() != "" || !r.Sliced() {
		t.Errorf("%v %q %q", r.Birth(), r.Key(), r.Variant())
	}
	r.Close()
}

func TestVariants(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "k", "de", "de1", 1, []byte("eins"))
	put(t, s, "k", "en", "en1", 1, []byte("one"))
	put(t, s, "k", "de", "de2", 2, []byte("zwei"))
	language := func(l string) func([]byte) bool {
		return func(h []byte) bool { return string(h[:2]) == l }
	}
	find := func(s *Store, accept func([]byte) bool) string {
		t.Helper()
		r, err := s.Find("k", accept)
		if err != nil || r == nil {
			return ""
		}
		defer r.Close()
		return string(r.Head()) + string(body(t, r))
	}
	for range 2 {
		if got := find(s, all) + " " + find(s, language("en")) + " " + find(s, language("fr")); got != "de2zwei en1one " {
			t.Errorf("found %q", got)
		}
		s = reopen(t, s)
	}
	if err := s.Remove("k", "de"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := find(s, all) + find(s, language("de")); got != "en1one" {
			t.Errorf("after Remove found %q", got)
		}
		s = reopen(t, s)
	}
	for i := range 3 * index.MaxVariants {
		put(t, s, "k", fmt.Sprint(i), fmt.Sprintf("%02d", i), 1, nil)
	}
	if n := s.Stats().Records; n != index.MaxVariants {
		t.Errorf("%d variants", n)
	}
	if got := find(s, all) + find(s, language("00")); got != "95" {
		t.Errorf("of too many found %q", got)
	}
	if err := s.RemoveKey("k"); err != nil {
		t.Fatal(err)
	}
	if got := find(reopen(t, s), all); got != "" {
		t.Errorf("after RemoveKey found %q", got)
	}
}

func TestSetHead(t *testing.T) {
	s := open(t, t.TempDir())
	small, large := pattern(100_000, 1), pattern(2*SliceSize, 2)
	put(t, s, "small", "v", "old", 1, small)
	create(t, s, "large", "v", "old", 1, large, 1).Close()
	for _, key := range []string{"small", "large"} {
		r, _ := s.Find(key, all)
		for _, head := range []string{"new", "newer"} {
			if err := s.SetHead(r, []byte(head), version(9)); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
		}
		r.Close()
	}
	for range 2 {
		want(t, s, "small", []byte("newer"), small)
		r, _ := s.Find("large", all)
		got := make([]byte, SliceSize)
		if _, err := r.ReadAt(got, SliceSize); err != nil || !bytes.Equal(got, slice(large, 1)) || r.Birth() != version(9) || string(r.Head()) != "newer" {
			t.Errorf("%v %q %v", r.Birth(), r.Head(), err)
		}
		r.Close()
		s = reopen(t, s)
	}
	r, _ := s.Find("small", all)
	defer r.Close()
	put(t, s, "small", "v", "another", 10, nil)
	if err := s.SetHead(r, []byte("late"), version(9)); !errors.Is(err, ErrGone) {
		t.Errorf("a record that was replaced: %v", err)
	}
	want(t, s, "small", []byte("another"), nil)
	want(t, reopen(t, s), "small", []byte("another"), nil)
}

func TestSlices(t *testing.T) {
	s := open(t, t.TempDir())
	data := pattern(5*SliceSize+10, 3)
	r := create(t, s, "k", "", "h", 1, data, 1, 5)
	defer r.Close()
	absent := func(r *Record, off, n int64) {
		t.Helper()
		if _, err := r.ReadAt(make([]byte, n), off); !errors.Is(err, ErrAbsent) {
			t.Errorf("ReadAt of what is not there: %v", err)
		}
		if _, _, _, err := r.Section(off, n); !errors.Is(err, ErrAbsent) {
			t.Errorf("Section of what is not there: %v", err)
		}
	}
	check := func(r *Record) {
		t.Helper()
		absent(r, 0, 10)
		absent(r, 2*SliceSize, 10)
		if r.HasSlice(0) || !r.HasSlice(1) || !r.HasSlice(5) || r.HasSlice(6) || r.HasSlice(-1) {
			t.Error("HasSlice")
		}
		if a, b, c := r.Available(0), r.Available(SliceSize+1), r.Available(5*SliceSize); a != 0 || b != SliceSize-1 || c != 10 {
			t.Errorf("available %d %d %d", a, b, c)
		}
		if f, at, n, err := r.Section(SliceSize+7, 3*SliceSize); err != nil || n > SliceSize-7 {
			t.Errorf("a section that reaches beyond what is there: %v %d %d %v", f, at, n, err)
		}
	}
	check(r)
	s = reopen(t, s)
	again, _ := s.Find("k", all)
	defer again.Close()
	check(again)
	before := s.Stats().Bytes
	for i := range 6 {
		if err := again.WriteSlice(i, slice(data, i)); err != nil {
			t.Fatal(err)
		}
	}
	if grown := s.Stats().Bytes - before; grown != 4*SliceSize {
		t.Errorf("counted %d bytes for four slices", grown)
	}
	want(t, s, "k", []byte("h"), data)
	want(t, reopen(t, s), "k", []byte("h"), data)
	for i, bad := range map[int][]byte{0: data[:1], -1: slice(data, 0), 6: nil, 5: slice(data, 0)} {
		if err := again.WriteSlice(i, bad); err == nil {
			t.Errorf("slice %d of %d bytes was taken", i, len(bad))
		}
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	w, err := s.Create("k", "", nil, version(1), 2*SliceSize)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteSlice(0, make([]byte, SliceSize)); err != nil {
		t.Fatal(err)
	}
	want(t, s, "k", nil, nil)
	w.Abort()
	w.Abort()
	if _, err := w.Commit(); err == nil {
		t.Error("committed after all")
	}
	if n := s.Stats().Bytes; n != 0 {
		t.Errorf("%d bytes are left", n)
	}
	if _, err := s.Create("k", "", nil, version(1), 2*SliceSize); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s) // in the middle
	want(t, s, "k", nil, nil)
	left := 0
	if err := s.files.list(func(uint64) { left++ }); err != nil || left != 0 {
		t.Errorf("%d files are left, %v", left, err)
	}
}

func TestWhatIsReadStays(t *testing.T) {
	s := open(t, t.TempDir())
	small, large := pattern(1000, 1), pattern(2*SliceSize, 2)
	put(t, s, "small", "", "h", 1, small)
	held := create(t, s, "large", "", "h", 1, large)
	heldSmall, _ := s.Find("small", all)
	if err := errors.Join(s.RemoveKey("small"), s.RemoveKey("large")); err != nil {
		t.Fatal(err)
	}
	for _, g := range s.segments.all() {
		if err := s.segments.drop(g); err != nil {
			t.Fatal(err)
		}
	}
	want(t, s, "small", nil, nil)
	want(t, s, "large", nil, nil)
	if !bytes.Equal(body(t, held), large) || !bytes.Equal(body(t, heldSmall), small) {
		t.Error("a record being read changed")
	}
	held.Close()
	heldSmall.Close()
	held.Close()
}

func TestTooLargeIsRefused(t *testing.T) {
	s := open(t, t.TempDir(), func(c *Config) { c.Limit = minLimit })
	long := string(make([]byte, maxKey+1))
	for name, err := range map[string]error{
		"key":     s.Put(long, "", nil, version(1), nil),
		"variant": s.Put("", long, nil, version(1), nil),
		"head":    s.Put("", "", []byte(long), version(1), nil),
		"body":    s.Put("", "", nil, version(1), make([]byte, MaxPacked+1)),
	} {
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("a large %s: %v", name, err)
		}
	}
	for _, size := range []int64{-1, 0, maxBody + 1} {
		if _, err := s.Create("k", "", nil, version(1), size); !errors.Is(err, ErrTooLarge) {
			t.Errorf("a body of %d: %v", size, err)
		}
	}
	w, err := s.Create("k", "", nil, version(1), maxBody)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	full := make([]byte, SliceSize)
	for i := range minLimit / 4 / SliceSize {
		if err := w.WriteSlice(100*i, full); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteSlice(7, full); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than a quarter of the limit: %v", err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := Open(s.cfg); err == nil {
		t.Fatal("opened twice")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Put("k", "", nil, version(1), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Put after Close: %v", err)
	}
	if _, err := s.Find("k", all); !errors.Is(err, ErrClosed) {
		t.Errorf("Find after Close: %v", err)
	}
	again := open(t, s.cfg.Dir)
	if again.Incarnation() != s.Incarnation() || len(s.Incarnation()) != 32 || again.Generation() != 3 {
		t.Errorf("%s %d", again.Incarnation(), again.Generation())
	}
	if other := open(t, t.TempDir()); other.Incarnation() == s.Incarnation() {
		t.Error("two folders have one incarnation")
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []Config{{Limit: 1 << 30}, {Dir: t.TempDir(), Limit: 1 << 20}} {
		if _, err := Open(cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

// TestCheckpointDoesNotPassWhatIsInFlight: a record that is written, but not in the index yet, when a checkpoint is
// taken, is read again after it.
func TestCheckpointDoesNotPassWhatIsInFlight(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "before", "", "h", 1, nil)
	h := header{birth: version(1), body: 4}
	g, err := s.write(&s.segments.fresh, &h, "k", "", []byte("h"), []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "after", "", "h", 1, nil)
	if err := s.checkpoint(); err != nil {
		t.Fatal(err)
	}
	if sealed := s.segments.sealed(); len(sealed) != 0 {
		t.Errorf("%d segments are sealed", len(sealed))
	}
	if err := s.link(h.entry()); err != nil {
		t.Fatal(err)
	}
	g.done(h.at)
	s = reopen(t, s)
	want(t, s, "before", []byte("h"), nil)
	want(t, s, "k", []byte("h"), []byte("body"))
	want(t, s, "after", []byte("h"), nil)
}
