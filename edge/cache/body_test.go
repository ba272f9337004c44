package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
)

// write appends data the way a fetch does.
func write(t *testing.T, b *Body, data []byte) {
	t.Helper()
	for len(data) > 0 {
		buf, err := b.Buffer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := copy(buf, data)
		b.Commit(n)
		data = data[n:]
	}
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
}

func TestBodyIsReadWholeHoweverItIsCut(t *testing.T) {
	for _, declared := range []int64{-1, 0, 1, 5000, smallBody, smallBody + 1, 3*largeChunk + 7} {
		size := declared
		if size < 0 {
			size = 3*unknownChunk + 5
		}
		data := pattern(int(size))
		b := NewBody(declared)
		write(t, b, data)
		b.Finish(nil)
		for _, part := range [][2]int64{{0, -1}, {0, size}, {size / 2, -1}, {size / 3, size / 3}, {size, -1}} {
			r, ok := open(t.Context(), b, part[0], part[1])
			if !ok {
				t.Fatal("no reader")
			}
			want := data[part[0]:]
			if part[1] >= 0 {
				want = want[:part[1]]
			}
			var viaWriteTo bytes.Buffer
			if _, err := r.WriteTo(&viaWriteTo); err != nil || !bytes.Equal(viaWriteTo.Bytes(), want) {
				t.Errorf("declared %d, part %v: %d bytes, %v", declared, part, viaWriteTo.Len(), err)
			}
			r, _ = open(t.Context(), b, part[0], part[1])
			got, err := io.ReadAll(io.LimitReader(r, size+1))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("declared %d, part %v by Read: %d bytes, %v", declared, part, len(got), err)
			}
		}
		if fp := b.footprint(declared); fp > size+largeChunk {
			t.Errorf("declared %d: takes %d bytes", declared, fp)
		}
	}
}

func TestReadersSeeEachPieceAsItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBody(-1)
		const readers = 50
		var mu sync.Mutex
		got := make([][]byte, readers)
		var wg sync.WaitGroup
		for i := range readers {
			r, _ := open(t.Context(), b, 0, -1)
			wg.Go(func() {
				buf := make([]byte, 10)
				for {
					n, err := r.Read(buf)
					mu.Lock()
					got[i] = append(got[i], buf[:n]...)
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
		for i := range 3 {
			write(t, b, []byte("drip"))
			synctest.Wait()
			for _, g := range got {
				if len(g) != 4*(i+1) {
					t.Fatalf("after piece %d a reader has %d bytes", i+1, len(g))
				}
			}
		}
		b.Finish(nil)
		wg.Wait()
	})
}

func TestReaderGetsTheErrorAfterTheLastByte(t *testing.T) {
	broken := errors.New("broken")
	b := NewBody(-1)
	write(t, b, []byte("half"))
	b.Finish(broken)
	r, _ := open(t.Context(), b, 0, -1)
	got, err := io.ReadAll(r)
	if string(got) != "half" || !errors.Is(err, broken) {
		t.Errorf("%q %v", got, err)
	}
	if b.Complete() {
		t.Error("a broken body counts as complete")
	}
	short := NewBody(-1)
	write(t, short, []byte("half"))
	short.Finish(nil)
	r, _ = open(t.Context(), short, 2, 10)
	if _, err := io.ReadAll(r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a part beyond the end: %v", err)
	}
}

func TestReaderLeavesWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		b := NewBody(-1)
		r, _ := open(ctx, b, 0, -1)
		errs := make(chan error, 1)
		go func() { _, err := r.Read(make([]byte, 1)); errs <- err }()
		synctest.Wait()
		cancel(gone)
		if err := <-errs; !errors.Is(err, gone) {
			t.Error(err)
		}
	})
}

// TestOverflowedBodyIsAPipe: memory stays bounded by the window, nobody loses a
// byte, late comers are refused, and the writer stops when the last has left.
func TestOverflowedBodyIsAPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBody(-1)
		data := pattern(20 * unknownChunk)
		const window = 2 * unknownChunk
		slow, _ := open(t.Context(), b, 0, -1)
		fast, _ := open(t.Context(), b, 0, -1)
		write(t, b, data[:window])
		b.Overflow(window)
		go func() {
			write(t, b, data[window:])
			b.Finish(nil)
		}()
		var fastGot []byte
		go func() { fastGot, _ = io.ReadAll(fast) }()
		synctest.Wait()
		if n := b.Size(); n > window+unknownChunk {
			t.Fatalf("the writer is %d bytes ahead of the slowest reader", n)
		}
		slowGot, err := io.ReadAll(slow)
		synctest.Wait()
		if err != nil || !bytes.Equal(slowGot, data) || !bytes.Equal(fastGot, data) {
			t.Errorf("%d and %d bytes of %d, %v", len(slowGot), len(fastGot), len(data), err)
		}
		if _, ok := open(t.Context(), b, 0, -1); ok {
			t.Error("a late comer got a reader at bytes that were let go")
		}
		if fp := b.footprint(-1); fp > window+2*unknownChunk {
			t.Errorf("%d bytes are held", fp)
		}
	})
}

func TestOverflowedBodyWithoutReadersStops(t *testing.T) {
	b := NewBody(-1)
	r, _ := open(t.Context(), b, 0, -1)
	write(t, b, []byte("x"))
	b.Overflow(1)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Buffer(t.Context()); !errors.Is(err, errUnread) {
		t.Error(err)
	}
}

// open makes a reader of a body.
func open(ctx context.Context, b *Body, offset, length int64) (*Reader, bool) {
	r := new(Reader)
	return r, b.Open(ctx, r, offset, length)
}
