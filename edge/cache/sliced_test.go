package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// origin brings slices of a content that can be told by its offset.
type origin struct {
	size    int64
	fetches atomic.Int64
	brought atomic.Int64
	fail    func(at int64) error
	pause   time.Duration
}

func contentAt(i int64) byte { return byte(i ^ i>>8 ^ i>>16 ^ i>>24) }

func (o *origin) Bring(f *Fill) {
	o.fetches.Add(1)
	go func() { f.Finish(o.run(f)) }()
}

func (o *origin) run(f *Fill) error {
	for {
		buf, err := f.Buffer(context.Background())
		if err != nil {
			return err
		}
		at, _ := f.Range()
		if o.fail != nil {
			if err := o.fail(at); err != nil {
				return err
			}
		}
		buf = buf[:min(len(buf), 100_000)]
		for i := range buf {
			buf[i] = contentAt(at + int64(i))
		}
		if o.pause > 0 {
			<-time.After(o.pause)
		}
		o.brought.Add(int64(len(buf)))
		f.Commit(len(buf))
	}
}

func reads(t *testing.T, b *Body, o *origin, offset, length int64) {
	t.Helper()
	var r Reader
	b.OpenFrom(t.Context(), &r, offset, length, o)
	defer func() { _ = r.Close() }()
	end := min(offset+length, o.size)
	for at := offset; at < end; {
		piece, err := r.Next()
		if err != nil || len(piece) == 0 {
			t.Errorf("at %d: %d bytes, %v", at, len(piece), err)
			return
		}
		for i, c := range piece {
			if c != contentAt(at+int64(i)) {
				t.Fatalf("the byte at %d is wrong", at+int64(i))
			}
		}
		at += int64(len(piece))
	}
	if piece, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %d bytes, %v", len(piece), err)
	}
}

func TestSlicesAreBroughtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{size: 10*SliceSize + 7}
		b := NewSliced(o.size)
		m := NewMemory(64 << 20)
		m.Put(&Object{Key: "k", Body: b, Length: o.size})
		reads(t, b, o, 3*SliceSize+5, 10)
		synctest.Wait()
		if o.fetches.Load() != 1 || o.brought.Load() != SliceSize {
			t.Errorf("%d fetches of %d bytes for ten", o.fetches.Load(), o.brought.Load())
		}
		if !b.Has(3*SliceSize, 1) || b.Has(4*SliceSize, 1) || b.Has(3*SliceSize-1, 2) {
			t.Error("not the one slice is there")
		}
		reads(t, b, o, 3*SliceSize, SliceSize)
		if o.fetches.Load() != 1 {
			t.Error("what is there was brought again")
		}
		reads(t, b, o, 0, o.size)
		synctest.Wait()
		if o.brought.Load() != o.size {
			t.Errorf("%d bytes brought of %d", o.brought.Load(), o.size)
		}
		before := o.fetches.Load()
		reads(t, b, o, 0, o.size)
		synctest.Wait()
		if o.fetches.Load() != before {
			t.Error("what is there was brought again")
		}
		if m.Bytes() < o.size {
			t.Errorf("%d bytes counted", m.Bytes())
		}
		m.RemoveKey("k")
		if m.Bytes() != 0 {
			t.Errorf("%d bytes counted of nothing", m.Bytes())
		}
	})
}

func TestManyReadersOfALargeBodyInLittleMemory(t *testing.T) {
	for _, stored := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			o := &origin{size: 40 * SliceSize, pause: time.Millisecond}
			b := NewSliced(o.size)
			m := NewMemory(8 << 20)
			if stored {
				m.Put(&Object{Key: "k", Body: b, Length: o.size})
			}
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(uint64(i), 1))
					for range 3 {
						from := r.Int64N(o.size)
						reads(t, b, o, from, r.Int64N(12*SliceSize))
					}
				})
			}
			wg.Wait()
			<-time.After(time.Second) // slices that were begun end
			held := int64(0)
			b.sliced.mu.Lock()
			defer b.sliced.mu.Unlock()
			for _, p := range b.sliced.slices {
				if p != nil {
					held += int64(cap(p.data))
				}
			}
			if held > 8<<20 || m.Bytes() > 8<<20 {
				t.Errorf("stored %v: %d bytes held, %d counted", stored, held, m.Bytes())
			}
		})
	}
}

func TestAFillEndsWithItsReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{size: 100 * SliceSize}
		b := NewSliced(o.size)
		var r Reader
		b.OpenFrom(t.Context(), &r, 0, -1, o)
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := o.brought.Load(); n > fillAhead+SliceSize {
			t.Errorf("%d bytes were brought ahead of a reader that stands still", n)
		}
		_ = r.Close()
		synctest.Wait()
		if len(b.sliced.fills) != 0 {
			t.Error("it is still being brought")
		}
	})
}

func TestABrokenFillIsToldAndTriedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		o := &origin{size: 3 * SliceSize, fail: func(at int64) error {
			if at >= SliceSize+400_000 {
				return broken
			}
			return nil
		}}
		b := NewSliced(o.size)
		NewMemory(64 << 20).Put(&Object{Key: "k", Body: b, Length: o.size})
		var r Reader
		b.OpenFrom(t.Context(), &r, 0, -1, o)
		n, err := io.Copy(io.Discard, &r)
		if n < SliceSize+400_000 || n > SliceSize+600_000 || !errors.Is(err, broken) {
			t.Errorf("%d bytes, %v", n, err)
		}
		o.fail = nil
		reads(t, b, o, 0, o.size)
		if o.brought.Load() != o.size {
			t.Errorf("%d bytes brought of %d: what had come was brought again", o.brought.Load(), o.size)
		}
		b.Fail(broken)
		if !b.Failed() {
			t.Error("not failed")
		}
	})
}

func TestASequentialFillLeavesWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{size: 6 * SliceSize}
		b := NewSliced(o.size)
		NewMemory(64 << 20).Put(&Object{Key: "k", Body: b, Length: o.size})
		reads(t, b, o, 2*SliceSize+9, 5)
		var r Reader
		b.OpenFrom(t.Context(), &r, 0, -1, o)
		go func() { f := b.Fill(0, o.size); f.Finish(o.run(f)) }()
		synctest.Wait()
		got, err := io.ReadAll(&r)
		want := make([]byte, o.size)
		for i := range want {
			want[i] = contentAt(int64(i))
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if o.fetches.Load() != 1 {
			t.Errorf("%d fetches", o.fetches.Load())
		}
	})
}
