package compression

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
)

// What compressing costs and saves (BenchmarkEncoders). On 570 KB of prose and 48 KB
// of code, gzip leaves 31.7 and 28.6 % at level 6, 32.2 and 28.9 % at level 5, which
// is no faster; Brotli 31.0 and 28.9 % at quality 4, and 29.0 and 26.9 % at quality
// 5, in about twice the time: only there is it worth preferring, and an object is
// compressed once. A window of 256 KiB loses 0.2 % to one of 4 MiB and takes less
// than half the memory.
const (
	gzipLevel     = 6
	brotliQuality = 5
	brotliWindow  = 18
)

// Encoders are the encoders of one edge. They are used again: one takes one to
// seven megabytes.
type Encoders struct {
	limit  int64
	busy   atomic.Int64
	gzip   sync.Pool
	brotli sync.Pool
}

// NewEncoders makes a set of which as many as limit work at one time.
func NewEncoders(limit int) *Encoders { return &Encoders{limit: int64(limit)} }

// Busy is how many bodies are being compressed.
func (e *Encoders) Busy() int64 { return e.busy.Load() }

// Body returns a body that brings what comes from from, length bytes of it,
// compressed. It is to be closed, and closes from. Nil, and from is left alone, if
// as many bodies as may be are being compressed already: the answer then goes out
// as it is (developer guide: "CloudFront skips compression" where a host has no
// capacity).
func (e *Encoders) Body(encoding Encoding, from io.ReadCloser, length int64) io.ReadCloser {
	if e.busy.Add(1) > e.limit {
		e.busy.Add(-1)
		return nil
	}
	return &body{encoders: e, encoding: encoding, from: from, length: length, stop: make(chan struct{})}
}

// machine is an encoder with the memory it works in.
type machine struct {
	encoder
	out   bytes.Buffer
	input [2][]byte
}

type encoder interface {
	io.WriteCloser
	Reset(io.Writer)
	Flush() error
}

// inputSize is how much of the origin's bytes is read at once.
const inputSize = 32 << 10

func (e *Encoders) pool(encoding Encoding) *sync.Pool {
	if encoding == Brotli {
		return &e.brotli
	}
	return &e.gzip
}

func (e *Encoders) take(encoding Encoding) *machine {
	m, ok := e.pool(encoding).Get().(*machine)
	if !ok {
		m = &machine{input: [2][]byte{make([]byte, inputSize), make([]byte, inputSize)}}
		if encoding == Brotli {
			m.encoder = brotli.NewWriterOptions(&m.out, brotli.WriterOptions{Quality: brotliQuality, LGWin: brotliWindow})
		} else {
			m.encoder, _ = gzip.NewWriterLevel(&m.out, gzipLevel) // fails on levels that are none
		}
		return m
	}
	m.out.Reset()
	m.Reset(&m.out)
	return m
}

func (e *Encoders) give(encoding Encoding, m *machine) { e.pool(encoding).Put(m) }
