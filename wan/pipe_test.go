package wan

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

type fakeAddr string

func (a fakeAddr) Network() string { return "fake" }
func (a fakeAddr) String() string  { return string(a) }

func constant(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// since reports how much fake time passed; inside a bubble that is exact.
func within(t *testing.T, what string, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got < want || got > want+2*quantum {
		t.Errorf("%s after %v, want %v", what, got, want)
	}
}

func TestPipeDelaysEachChunkOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := Pipe(fakeAddr("a"), fakeAddr("b"), constant(100*ms))
		start := time.Now()
		go func() {
			for i := range byte(10) {
				_, _ = a.Write([]byte{i})
				<-time.After(10 * ms)
			}
			_ = a.CloseWrite()
		}()
		buf := make([]byte, 1)
		for i := range byte(10) {
			if _, err := io.ReadFull(b, buf); err != nil || buf[0] != i {
				t.Fatalf("byte %d: got %d, %v", i, buf[0], err)
			}
			within(t, "byte", start, 100*ms+time.Duration(i)*10*ms)
		}
		if _, err := b.Read(buf); err != io.EOF {
			t.Errorf("after CloseWrite: %v, want EOF", err)
		}
		within(t, "EOF", start, 200*ms)
		if _, err := b.Read(buf); err != io.EOF {
			t.Errorf("EOF does not stay: %v", err)
		}
		// The other direction is still open.
		if _, err := b.Write([]byte("x")); err != nil {
			t.Errorf("write against a half-closed end: %v", err)
		}
		if _, err := io.ReadFull(a, buf); err != nil || buf[0] != 'x' {
			t.Errorf("read on a half-closed end: %q, %v", buf, err)
		}
		if _, err := a.Write([]byte("y")); err == nil {
			t.Error("write after CloseWrite succeeds")
		}
	})
}

func TestPipeCloseDeliversWhatWasWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := Pipe(fakeAddr("a"), fakeAddr("b"), constant(80*ms))
		start := time.Now()
		_, _ = a.Write([]byte("last words"))
		_ = a.Close()
		within(t, "Close returns", start, 0)
		if _, err := a.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after Close: %v", err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after Close: %v", err)
		}
		got, err := io.ReadAll(b)
		if string(got) != "last words" || err != nil {
			t.Errorf("peer read %q, %v", got, err)
		}
		within(t, "peer at EOF", start, 80*ms)
		if _, err := b.Write([]byte("late")); err == nil {
			t.Error("write to a closed peer succeeds")
		}
	})
}

func TestPipeWindowStopsTheWriter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := Pipe(fakeAddr("a"), fakeAddr("b"), constant(100*ms))
		const total = 3 * defaultWindow
		start := time.Now()
		go func() {
			if n, err := a.Write(make([]byte, total)); n != total || err != nil {
				t.Errorf("Write = %d, %v", n, err)
			}
			_ = a.Close()
		}()
		synctest.Wait()
		if size := a.out.size; size < defaultWindow || size > defaultWindow+largeBuffer {
			t.Errorf("%d bytes under way, want one window of %d", size, defaultWindow)
		}
		n, err := io.Copy(io.Discard, struct{ io.Reader }{b})
		if n != total || err != nil {
			t.Errorf("read %d bytes, %v", n, err)
		}
		// Three windows, each one way apart.
		within(t, "all", start, 300*ms)
	})
}

func TestPipeDeadlines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := Pipe(fakeAddr("a"), fakeAddr("b"), constant(100*ms))
		_, _ = a.Write([]byte("hello"))
		start := time.Now()
		_ = b.SetReadDeadline(start.Add(30 * ms))
		buf := make([]byte, 5)
		_, err := b.Read(buf)
		var timeout net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("Read past its deadline: %v", err)
		}
		within(t, "deadline", start, 30*ms)

		// net/http interrupts a blocked read by a deadline in the past.
		_ = b.SetReadDeadline(time.Time{})
		done := make(chan error, 1)
		go func() { _, err := b.Read(buf); done <- err }()
		synctest.Wait()
		_ = b.SetReadDeadline(time.Unix(1, 0))
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("interrupted Read: %v", err)
		}
		within(t, "interruption", start, 30*ms)

		// Nothing of what was on its way is lost by either.
		_ = b.SetReadDeadline(time.Time{})
		if _, err := io.ReadFull(b, buf); err != nil || string(buf) != "hello" {
			t.Errorf("after the deadlines: %q, %v", buf, err)
		}
		within(t, "bytes", start, 100*ms)

		_ = a.SetWriteDeadline(time.Now().Add(40 * ms))
		start = time.Now()
		n, err := a.Write(make([]byte, 2*defaultWindow))
		if !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n > defaultWindow+largeBuffer {
			t.Errorf("Write into a full window = %d, %v", n, err)
		}
		within(t, "write deadline", start, 40*ms)
	})
}

func TestPipeHold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := Pipe(fakeAddr("a"), fakeAddr("b"), constant(10*ms))
		b.Hold(true)
		_, _ = a.Write([]byte("x"))
		start := time.Now()
		time.AfterFunc(5*time.Minute, func() { b.Hold(false) })
		if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
			t.Error(err)
		}
		within(t, "held byte", start, 5*time.Minute)
	})
}

// What comes out is what went in, whatever the sizes, delays, deadlines and
// bandwidth in between.
func TestPipeDifferential(t *testing.T) {
	for seed := range uint64(12) {
		bubble(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			delay := func() time.Duration { return time.Duration(rand.N(40)) * ms }
			a, b := Pipe(fakeAddr("a"), fakeAddr("b"), delay)
			if seed%3 == 0 {
				a.out.pacer.rate = 10e6
			}
			checkTransfer(t, r, a, b)
		})
	}
}

// checkTransfer writes random bytes into w in random pieces and reads them
// from r under random deadlines.
func checkTransfer(t *testing.T, rnd *rand.Rand, w, r net.Conn) {
	t.Helper()
	want := make([]byte, 1<<16+rnd.IntN(4<<20))
	for i := range want {
		want[i] = byte(rnd.Uint32())
	}
	writes, pauses := rand.New(rand.NewPCG(rnd.Uint64(), 2)), rand.New(rand.NewPCG(rnd.Uint64(), 3))
	go func() {
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+writes.IntN(1<<writes.IntN(19)))
			_ = w.SetWriteDeadline(time.Now().Add(time.Duration(1+writes.IntN(50)) * ms))
			done, err := w.Write(rest[:n])
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("write: %v", err)
				return
			}
			rest = rest[done:]
		}
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	var got bytes.Buffer
	buf := make([]byte, 1<<18)
	for {
		if pauses.IntN(4) == 0 {
			_ = r.SetReadDeadline(time.Now().Add(time.Duration(pauses.IntN(10)) * ms))
		} else {
			_ = r.SetReadDeadline(time.Time{})
		}
		n, err := r.Read(buf[:1+pauses.IntN(1<<pauses.IntN(18))])
		got.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read: %v", err)
		}
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d bytes written, %d read, not the same", len(want), got.Len())
	}
}

// bubble is synctest.Test on one P. On several, the race detector's runtime
// crashes now and then (golang.org/issue/78156, seen with Go 1.26.8): a timer
// that is due at once runs on the goroutine that set it, under the same race
// context as those the bubble's root runs at that moment.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, f)
}
