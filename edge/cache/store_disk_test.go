package cache

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache/disk"
	"github.com/warmfront/warmfront/edge/message"
)

// byHand is a store whose jobs are run by hand.
func byHand(t *testing.T, dir string, memory int64) (*Store, func()) {
	t.Helper()
	d, err := disk.Open(disk.Config{Dir: dir, Limit: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	s := NewStore(memory, d, slog.New(slog.DiscardHandler))
	return s, func() {
		for {
			select {
			case j := <-s.jobs:
				j()
			default:
				return
			}
		}
	}
}

func tagged(o *Object, tag string, order, number uint64) *Object {
	o.Header = message.Header{{Name: "ETag", Value: tag}}
	o.Order, o.Birth = order, cdn.Version{Epoch: 3, Number: number}
	return o
}

func confirmationOf(o *Object, order, number uint64) *Object {
	return &Object{Key: o.Key, Status: o.Status, Header: o.Header, Body: o.Body, Length: o.Length, Birth: cdn.Version{Epoch: 3, Number: number},
		Received: o.Received, Lifetime: o.Lifetime, URIs: o.URIs, Order: order}
}

// evict drops what memory has, as the policy would.
func evictAll(s *Store, key string) {
	for _, o := range s.variants(key) {
		o.evicted(s.Memory)
	}
}

// a confirmation of A (asked later) lands after B: A's head is put on B's body.
func TestAConfirmationNeverPutsItsHeadOnAnothersBody(t *testing.T) {
	s, run := byHand(t, t.TempDir(), 4<<20)
	a := tagged(withBody("k", "aaaa"), `"A"`, 1, 1)
	s.Put(a)
	run()
	b := tagged(withBody("k", "bbbbbbbb"), `"B"`, 10, 2)
	s.Put(b)
	s.Put(confirmationOf(a, 11, 2)) // a 304 to a question asked later than B's
	run()
	evictAll(s, "k")
	o := s.Get("k", anyVariant)
	if o == nil {
		return
	}
	if got := content(t, o); o.Header.Get("ETag") == `"A"` && got != "aaaa" {
		t.Errorf("header of A (length %d) with body %q", o.Length, got)
	}
}

// an object that was refused by Put (asked before what is stored) is written to the disk when its body ends, over the
// newer one; the newer one's next confirmation then gives it its head and birth.
func TestALateBodyDoesNotReplaceANewerOneOnTheDisk(t *testing.T) {
	s, run := byHand(t, t.TempDir(), 4<<20)
	old := tagged(withBody("k", "invalidated"), `"1"`, 10, 1)
	newer := tagged(withBody("k", "fresh bytes"), `"2"`, 11, 5)
	s.Put(newer)
	run()
	if s.Put(old) {
		t.Fatal("put")
	}
	s.Resize(old) // what fillWhole does when the body has come
	run()
	s.Put(confirmationOf(newer, 12, 9))
	run()
	evictAll(s, "k")
	if o := s.Get("k", anyVariant); o != nil && o.Birth.Number == 9 {
		if got := content(t, o); got != "fresh bytes" {
			t.Errorf("birth %v, ETag %s, body %q", o.Birth, o.Header.Get("ETag"), got)
		}
	}
}

// a damaged slice closes the file that another reader is being sent.
func TestADamagedSliceLeavesOthersTheirFile(t *testing.T) {
	dir := t.TempDir()
	s, run := byHand(t, dir, 16<<20)
	o := withBody("k", "")
	o.Body, o.Length = NewSliced(3*SliceSize), 3*SliceSize
	f := o.Body.Fill(0, 3*SliceSize)
	s.Put(o)
	keep := &Reader{}
	o.Body.Open(t.Context(), keep, 0, -1)
	for {
		buf, err := f.Buffer(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Commit(len(buf))
		keep.at = f.at
	}
	f.Finish(nil)
	_ = keep.Close()
	run()
	evictAll(s, "k")
	o = s.Get("k", anyVariant)
	if o == nil || !o.Body.Sliced() {
		t.Fatal("not on the disk")
	}
	var one, two Reader
	o.Body.Open(t.Context(), &one, 0, -1)
	o.Body.Open(t.Context(), &two, 2*SliceSize, -1)
	file, at, n, err := one.Section()
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	// The last slice rots: whatever the file's name, its bytes are in the only large file.
	_ = filepath.Walk(dir, func(p string, i os.FileInfo, _ error) error {
		if i != nil && !i.IsDir() && i.Size() >= 3*SliceSize && i.Size() < 4*SliceSize {
			g, _ := os.OpenFile(p, os.O_RDWR, 0)
			_, _ = g.WriteAt([]byte("rot"), i.Size()-100)
			_ = g.Close()
		}
		return nil
	})
	_, _ = io.ReadAll(&two)
	var b [10]byte
	if _, err := file.ReadAt(b[:], at); err != nil {
		t.Errorf("the file a reader is being sent from is closed under it (its descriptor may be another file's by now): %v", err)
	}
	_ = one.Close()
}

// evicted A gives up the slices that its confirmation A' shares.
func TestAnEvictedObjectLeavesItsConfirmationTheSlices(t *testing.T) {
	m := NewMemory(16 << 20)
	a := withBody("k", "")
	a.Body, a.Length = NewSliced(3*SliceSize), 3*SliceSize
	m.Put(a)
	// The policy has chosen a (account, the lock given back), then:
	a2 := confirmationOf(a, 5, 9)
	m.Put(a2)
	a.evicted(m)
	if o := m.Get("k", anyVariant); o == a2 && a2.Body.sliced.store == nil {
		t.Error("a stored object whose slices no store counts: each viewer has them brought anew")
	}
}

// bodies above 16 MiB are never written, whatever the disk does.
func TestLargeWholeBodiesAreWritten(t *testing.T) {
	s, run := byHand(t, t.TempDir(), 1<<30)
	s.Put(withBody("k", strings.Repeat("x", 20<<20)))
	run()
	if s.Skipped.Load() != 0 {
		t.Error("skipped because 'the disk was behind', which had nothing to do")
	}
}

func TestAClosedReaderHoldsNothing(t *testing.T) {
	b := NewBody(-1)
	var r Reader
	b.Open(context.Background(), &r, 0, -1)
	_ = r.Close()
	if r.body != nil || r.ctx != nil {
		t.Error("a closed reader holds its body and context")
	}
}

// who read a body while it grew is held by it for as long as it is cached: exchange, context, connection.
func TestABodyHoldsNobodyWhoHasReadIt(t *testing.T) {
	b := NewBody(1)
	var r Reader
	b.Open(context.Background(), &r, 0, -1)
	buf, _ := b.Buffer(context.Background())
	buf[0] = 'x'
	b.Commit(1)
	b.Finish(nil)
	_, _ = io.ReadAll(&r)
	_ = r.Close()
	if len(b.readers) != 0 {
		t.Error("a closed reader, and with it the viewer's exchange and connection, lives as long as the object")
	}
}

// The disk evicts the file of an object without a validator whose record is not open: it cannot be read any more.
func TestWhatTheDiskEvictedIsAFragment(t *testing.T) {
	dir := t.TempDir()
	s, run := byHand(t, dir, 16<<20)
	o := withBody("k", strings.Repeat("x", 600<<10))
	o.Header = nil
	s.Put(o)
	run()
	evictAll(s, "k")
	s.Get("k", anyVariant)
	_ = s.disk.Remove("k", "") // evicted
	o = s.Get("k", anyVariant)
	if o == nil {
		return
	}
	var r Reader
	o.Body.Open(context.Background(), &r, 0, -1)
	if _, err := io.ReadAll(&r); err != nil && !o.Fragment {
		t.Errorf("found, not a fragment, nothing can bring it: %v", err)
	}
}
