package compression

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// pause is for how long nothing has to come from the origin before what it has
// sent is flushed: longer than between two packets of a burst, and not felt. A
// flush costs a few bytes, and the encoder a new beginning.
const pause = 5 * time.Millisecond

// body is an origin's body, compressed. One goroutine reads from the origin, so
// that its pauses are seen; the encoder works in the goroutine of whoever reads.
type body struct {
	encoders *Encoders
	encoding Encoding
	from     io.ReadCloser
	length   int64

	mu      sync.Mutex // held while reading
	machine *machine   // nil before the first Read, and after Close
	pieces  chan piece
	room    chan []byte // where pieces are read to
	ended   bool        // the last piece has come: nobody writes to room any more
	held    bool        // the encoder may hold bytes back
	timer   *time.Timer
	err     error // what follows the bytes that are compressed already

	stop   chan struct{} // closed by Close
	closed sync.Once
}

// piece is what one read from the origin brought; the last one has an error.
type piece struct {
	bytes []byte
	err   error
}

// start begins reading from the origin: not before somebody reads what comes of
// it, so that what is closed unread costs nothing.
func (b *body) start() {
	b.machine = b.encoders.take(b.encoding)
	b.pieces, b.room = make(chan piece), make(chan []byte, len(b.machine.input))
	for _, room := range b.machine.input {
		b.room <- room
	}
	go b.pump()
}

// pump reads what the origin declared, no more, and no less without an error.
func (b *body) pump() {
	for left := b.length; ; {
		var p piece
		select {
		case p.bytes = <-b.room:
		case <-b.stop:
			return
		}
		n, err := b.from.Read(p.bytes[:min(left, inputSize)])
		left -= int64(n)
		switch p.bytes = p.bytes[:n]; {
		case left == 0:
			p.err = io.EOF
		case errors.Is(err, io.EOF):
			p.err = io.ErrUnexpectedEOF
		default:
			p.err = err
		}
		select {
		case b.pieces <- p:
		case <-b.stop:
			return
		}
		if p.err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.machine == nil {
		if b.err != nil {
			return 0, b.err
		}
		b.start()
	}
	for b.machine.out.Len() == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.advance()
	}
	return b.machine.out.Read(p)
}

// advance compresses the next piece, or flushes what came if there is none yet.
func (b *body) advance() {
	var paused <-chan time.Time
	if b.held {
		if b.timer == nil {
			b.timer = time.NewTimer(pause)
		} else {
			b.timer.Reset(pause)
		}
		defer b.timer.Stop()
		paused = b.timer.C
	}
	select {
	case p := <-b.pieces:
		b.compress(p)
	case <-paused:
		b.held, b.err = false, b.machine.Flush()
	case <-b.stop:
		b.err = os.ErrClosed
	}
}

// compress takes a piece in. The encoder's own end is written behind a whole body
// alone: what broke off must not look whole.
func (b *body) compress(p piece) {
	if _, b.err = b.machine.Write(p.bytes); b.err != nil {
		return
	}
	b.held = b.held || len(p.bytes) > 0
	switch b.err = p.err; {
	case b.err == nil:
		b.room <- p.bytes[:inputSize]
		return
	case errors.Is(p.err, io.EOF):
		if err := b.machine.Close(); err != nil {
			b.err = err
		}
	}
	b.ended = true
}

// Close ends it, and the origin's body. It may be called while another goroutine
// reads.
func (b *body) Close() error {
	var err error
	b.closed.Do(func() {
		close(b.stop)
		err = b.from.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		// An encoder whose memory may still be read to is left to the collector.
		if b.machine != nil && b.ended {
			b.encoders.give(b.encoding, b.machine)
		}
		b.machine, b.err = nil, os.ErrClosed
		b.encoders.busy.Add(-1)
	})
	return err
}
