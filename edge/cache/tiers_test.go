package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache/disk"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// onDisk opens a store over dir; close writes what waits and closes both.
func onDisk(t *testing.T, dir string, memory int64) (s *Store, stop func()) {
	t.Helper()
	d, err := disk.Open(disk.Config{Dir: dir, Limit: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s = NewStore(memory, d, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			running.Wait()
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return s, stop
}

func withBody(key, content string) *Object {
	b := NewBody(int64(len(content)))
	for rest := content; rest != ""; {
		buf, _ := b.Buffer(context.Background())
		n := copy(buf, rest)
		b.Commit(n)
		rest = rest[n:]
	}
	b.Finish(nil)
	return &Object{
		Key: key, Status: 200, Header: message.Header{{Name: "ETag", Value: `"a"`}, {Name: "X", Value: "\x80\xff"}}, Body: b, Length: int64(len(content)),
		Birth: cdn.Version{Epoch: 3, Number: 7}, Received: time.Unix(1e9, 5), InitialAge: time.Second, URIs: []string{"/a", "/b"},
		Lifetime: rfc9111.Lifetime{Store: true, Fresh: time.Hour, Source: rfc9111.SourceMaxAge, OnFailure: rfc9111.Forever},
	}
}

func content(t *testing.T, o *Object) string {
	t.Helper()
	var r Reader
	o.Body.Open(t.Context(), &r, 0, -1)
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(&r)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func TestObjectsComeBackFromTheDisk(t *testing.T) {
	dir := t.TempDir()
	s, stop := onDisk(t, dir, 4<<20)
	sizes := map[string]int{"empty": 0, "small": 10, "packed": 200_000, "large": 1 << 20}
	for key, size := range sizes {
		s.Put(withBody(key, strings.Repeat(key[:1], size)))
	}
	variant := withBody("small", "variant")
	variant.Vary, variant.Variant, variant.Order = []string{"accept"}, "accept\x00x\x00", 9
	variant.Compressed, variant.OriginTag, variant.Length = true, `"a"`, -1
	s.Put(variant)
	head := &Object{Key: "head", Status: 200, Length: 1234}
	s.Put(head)
	s.Put(withBody("gone", "gone"))
	s.RemoveKey("gone")
	stop()

	s, _ = onDisk(t, dir, 4<<20)
	for key, size := range sizes {
		o := s.Get(key, func(o *Object) bool { return o.Variant == "" })
		if o == nil {
			t.Errorf("%s is not there", key)
			continue
		}
		want := withBody(key, strings.Repeat(key[:1], size))
		if content(t, o) != strings.Repeat(key[:1], size) {
			t.Errorf("%s has other bytes", key)
		}
		if o.Birth != want.Birth || !reflect.DeepEqual(o.Header, want.Header) || !reflect.DeepEqual(o.URIs, want.URIs) || o.Lifetime != want.Lifetime ||
			!o.Received.Equal(want.Received) || o.InitialAge != want.InitialAge || o.Length != want.Length || o.Order != 0 || o.Compressed || o.OriginTag != "" {
			t.Errorf("%s: %+v", key, o)
		}
	}
	if o := s.Get("small", func(o *Object) bool { return o.Variant == variant.Variant }); o == nil || content(t, o) != "variant" || !reflect.DeepEqual(o.Vary, variant.Vary) ||
		!o.Compressed || o.OriginTag != variant.OriginTag || o.Length != int64(len("variant")) {
		t.Errorf("the variant: %+v", o)
	}
	if o := s.Get("head", anyVariant); o == nil || o.Body != nil || o.Length != 1234 {
		t.Errorf("the answer to a HEAD: %+v", o)
	}
	if s.Get("gone", anyVariant) != nil {
		t.Error("what was removed is back")
	}
}

func TestWhatIsReplacedOrConfirmedIsSoOnTheDisk(t *testing.T) {
	dir := t.TempDir()
	s, stop := onDisk(t, dir, 4<<20)
	first := withBody("replaced", "old")
	s.Put(first)
	s.Put(withBody("replaced", "new"))
	s.Put(withBody("confirmed", "same"))
	was := s.Get("confirmed", anyVariant)
	again := &Object{Key: was.Key, Status: 200, Header: was.Header, Body: was.Body, Length: was.Length, Birth: cdn.Version{Epoch: 3, Number: 9}, Order: 5, URIs: was.URIs}
	s.Put(again)
	stop()
	s, _ = onDisk(t, dir, 4<<20)
	if o := s.Get("replaced", anyVariant); o == nil || content(t, o) != "new" {
		t.Error("replaced")
	}
	if o := s.Get("confirmed", anyVariant); o == nil || content(t, o) != "same" || o.Birth != again.Birth {
		t.Errorf("confirmed: %+v", o)
	}
}

func TestSlicesComeBackFromTheDisk(t *testing.T) {
	dir := t.TempDir()
	o := &origin{size: 12*SliceSize + 77}
	film := func(b *Body) *Object {
		return &Object{Key: "film", Status: 200, Header: message.Header{{Name: "ETag", Value: `"v"`}}, Body: b, Length: o.size}
	}
	s, stop := onDisk(t, dir, 4<<20) // too little for all of it
	b := NewSliced(o.size)
	s.Put(film(b))
	for range 3 { // what the disk was too slow for comes again
		reads(t, b, o, 0, o.size)
	}
	stop()

	s, _ = onDisk(t, dir, 4<<20)
	got := s.Get("film", anyVariant)
	if got == nil || !got.Body.Sliced() || got.Length != o.size {
		t.Fatalf("%+v", got)
	}
	before := o.fetches.Load()
	reads(t, got.Body, o, 5*SliceSize+3, 2*SliceSize)
	var r Reader
	got.Body.Open(t.Context(), &r, 5*SliceSize, SliceSize)
	f, offset, length, err := r.Section()
	if err != nil || length == 0 {
		t.Fatalf("%v %d", err, length)
	}
	piece := make([]byte, length)
	if _, err := f.ReadAt(piece, offset); err != nil || piece[9] != contentAt(5*SliceSize+9) {
		t.Error(err, "the section is of other bytes")
	}
	for err == nil {
		_, _, _, err = r.Section()
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	_ = r.Close()
	if o.fetches.Load() != before {
		t.Error("what is on the disk was brought again")
	}
	reads(t, got.Body, o, 0, o.size)
	s.Remove(got)
	if s.Get("film", anyVariant) != nil {
		t.Error("removed, and found on the disk")
	}
}

func TestAStoreUnderConcurrentUse(t *testing.T) {
	s, stop := onDisk(t, t.TempDir(), 1<<20)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 300 {
				key := fmt.Sprint("k", (i*7+g)%40)
				switch i % 5 {
				case 0, 1:
					s.Put(withBody(key, strings.Repeat(key, 1000)))
				case 2:
					s.RemoveKey(key)
				default:
					if o := s.Get(key, anyVariant); o != nil && content(t, o) != strings.Repeat(key, 1000) {
						t.Error("wrong bytes under", key)
					}
				}
			}
		})
	}
	wg.Wait()
	stop()
}

func TestAHeadThatIsNoneIsRefused(t *testing.T) {
	good := encodeHead(withBody("k", "x"))
	for i := range good {
		if _, err := decodeHead(good[:i]); err == nil {
			t.Errorf("cut to %d bytes", i)
		}
	}
	if _, err := decodeHead(append(good, 0)); err == nil {
		t.Error("with something behind it")
	}
}
