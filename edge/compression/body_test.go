package compression

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
)

func decoded(t testing.TB, e Encoding, r io.Reader) ([]byte, error) {
	t.Helper()
	if e == Brotli {
		return io.ReadAll(brotli.NewReader(r))
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// text is size bytes that compress about as prose does.
func text(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "<li id=%q>item %d of the list, %x</li>\n", fmt.Sprint("i", i*7919%997), i, i*i*2654435761)
	}
	return b.Bytes()[:size]
}

var encodings = [...]Encoding{Gzip, Brotli}

func TestRoundTrip(t *testing.T) {
	encoders := NewEncoders(4)
	for _, e := range encodings {
		for _, size := range []int{1000, inputSize - 1, inputSize, inputSize + 1, 300_000} {
			for name, reader := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "data with the end": iotest.DataErrReader,
			} {
				sent := text(size)
				b := encoders.Body(e, io.NopCloser(reader(bytes.NewReader(sent))), int64(size))
				compressed, err := io.ReadAll(b)
				if err != nil {
					t.Fatalf("%s %d %s: %v", e, size, name, err)
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				if got, err := decoded(t, e, bytes.NewReader(compressed)); err != nil || !bytes.Equal(got, sent) {
					t.Errorf("%s %d %s: %d bytes come back as %d, %v", e, size, name, len(sent), len(got), err)
				}
				if len(compressed) > size*3/4 {
					t.Errorf("%s %d: %d bytes compressed", e, size, len(compressed))
				}
			}
		}
	}
	if encoders.Busy() != 0 {
		t.Errorf("%d are still busy", encoders.Busy())
	}
}

// What is declared is what counts: less is an error, of more the rest is left.
func TestLengthDeclared(t *testing.T) {
	encoders := NewEncoders(1)
	for _, e := range encodings {
		sent := text(5000)
		b := encoders.Body(e, io.NopCloser(bytes.NewReader(sent)), 4000)
		if got, err := decoded(t, e, b); err != nil || !bytes.Equal(got, sent[:4000]) {
			t.Errorf("%s: %d bytes, %v", e, len(got), err)
		}
		_ = b.Close()
		b = encoders.Body(e, io.NopCloser(bytes.NewReader(sent)), 5001)
		compressed, err := io.ReadAll(b)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: one byte less than declared: %v", e, err)
		}
		if _, err := decoded(t, e, bytes.NewReader(compressed)); err == nil {
			t.Errorf("%s: what was broken off decodes as if it were whole", e)
		}
		_ = b.Close()
	}
}

func TestBrokenOff(t *testing.T) {
	broken := errors.New("the origin has gone")
	encoders := NewEncoders(1)
	for _, e := range encodings {
		for _, size := range []int{10, 200_000} {
			b := encoders.Body(e, io.NopCloser(io.MultiReader(bytes.NewReader(text(size)), iotest.ErrReader(broken))), 1_000_000)
			compressed, err := io.ReadAll(b)
			if !errors.Is(err, broken) {
				t.Errorf("%s: %v", e, err)
			}
			if _, err := decoded(t, e, bytes.NewReader(compressed)); err == nil {
				t.Errorf("%s: what was broken off after %d bytes decodes as if it were whole", e, size)
			}
			_ = b.Close()
		}
	}
}

// Each drop of a dripping origin can be decoded within the pause after it came.
func TestDrip(t *testing.T) {
	for _, e := range encodings {
		synctest.Test(t, func(t *testing.T) {
			from, origin := io.Pipe()
			b := NewEncoders(1).Body(e, from, 300)
			var decoder io.Reader = brotli.NewReader(b)
			if e == Gzip {
				decoder = gzipOf(b)
			}
			go func() {
				for i := range 3 {
					_, _ = fmt.Fprintf(origin, "%0100d", i)
					<-time.After(time.Second)
				}
			}()
			begun := time.Now()
			for i := range 3 {
				drop := make([]byte, 100)
				if _, err := io.ReadFull(decoder, drop); err != nil || string(drop) != fmt.Sprintf("%0100d", i) {
					t.Fatalf("%s: drop %d: %q, %v", e, i, drop, err)
				}
				if late := time.Since(begun) - time.Duration(i)*time.Second; late > pause {
					t.Errorf("%s: drop %d came %v after the origin sent it", e, i, late)
				}
			}
			if rest, err := io.ReadAll(decoder); err != nil || len(rest) != 0 {
				t.Errorf("%s: the end: %d bytes, %v", e, len(rest), err)
			}
			_ = b.Close()
			<-time.After(time.Second) // the origin ends
		})
	}
}

// gzipOf defers gzip.NewReader, which reads at once, to the first Read.
func gzipOf(r io.Reader) io.Reader { return &lateGzip{from: r} }

type lateGzip struct {
	from io.Reader
	z    *gzip.Reader
}

func (l *lateGzip) Read(p []byte) (n int, err error) {
	if l.z == nil {
		if l.z, err = gzip.NewReader(l.from); err != nil {
			return 0, err
		}
	}
	return l.z.Read(p)
}

func TestNoMoreThanTheLimit(t *testing.T) {
	encoders := NewEncoders(2)
	open := func() io.ReadCloser { return encoders.Body(Gzip, io.NopCloser(strings.NewReader("x")), 1) }
	a, b := open(), open()
	if a == nil || b == nil || open() != nil {
		t.Fatal("not two at once")
	}
	_, _ = a.Close(), a.Close() // twice counts once
	if c := open(); c == nil || open() != nil {
		t.Error("closing one does not make room for one")
	}
}

// Close ends a Read that waits for the origin, and the origin's body with it.
func TestCloseWhileReading(t *testing.T) {
	encoders := NewEncoders(1)
	from, origin := io.Pipe()
	b := encoders.Body(Brotli, from, 100)
	read := make(chan error)
	go func() {
		_, err := io.ReadAll(b)
		read <- err
	}()
	if _, err := origin.Write([]byte("some")); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, os.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the Read ends with %v", err)
	}
	if _, err := origin.Write([]byte("more")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the origin's body is still read: %v", err)
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// An encoder that was used before compresses as a new one does, whoever had it.
func TestEncodersAreUsedAgain(t *testing.T) {
	encoders := NewEncoders(8)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			e := encodings[i%2]
			for j := range 20 {
				sent := text(2000 + 1000*((i+j)%7))
				b := encoders.Body(e, io.NopCloser(bytes.NewReader(sent)), int64(len(sent)))
				if j%5 == 4 { // left half-way
					_, _ = b.Read(make([]byte, 10))
				} else if got, err := decoded(t, e, b); err != nil || !bytes.Equal(got, sent) {
					t.Errorf("%s: %d bytes come back as %d, %v", e, len(sent), len(got), err)
				}
				_ = b.Close()
			}
		})
	}
	all.Wait()
}

// BenchmarkEncoders is what compressing text costs, with the ratio that it gives.
func BenchmarkEncoders(b *testing.B) {
	for _, e := range encodings {
		for _, size := range []int{4 << 10, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", e, size>>10), func(b *testing.B) {
				encoders, sent := NewEncoders(1), text(size)
				var n int64
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					body := encoders.Body(e, io.NopCloser(bytes.NewReader(sent)), int64(size))
					n, _ = io.Copy(io.Discard, body)
					_ = body.Close()
				}
				b.ReportMetric(float64(n)/float64(size)*100, "%")
			})
		}
	}
}
