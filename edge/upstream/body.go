package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// body is the body of an answer over HTTP/1.1. Each read waits for the origin as
// long as its response time-out says; how long the reader takes between them is
// no matter.
type body struct {
	x       *exchange
	sending *sending    // nil where the request has no body
	stop    func() bool // ends the watch on the viewer's leaving

	framing  framing
	keep     bool          // the connection may be used again
	patience time.Duration // how long the origin keeps it, 0 if it did not say

	mu      sync.Mutex // held while reading
	hold    sync.Mutex // held while c is let go of or interrupted
	c       *conn      // nil once err is set
	left    int64      // of the body, or of the chunk
	within  bool       // a chunk has been begun: its CRLF is still to come
	err     error
	trailer message.Header
}

// Trailer returns the fields behind the body, once that has ended.
func (b *body) Trailer() message.Header {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trailer
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	n, err := b.read(p)
	switch {
	case errors.Is(err, errEnd):
		b.end(io.EOF)
	case err != nil:
		b.end(b.classify(err))
	}
	if n > 0 {
		return n, nil
	}
	return 0, b.err
}

// errEnd says that nothing comes any more, as it should be.
var errEnd = errors.New("the body has ended")

func (b *body) read(p []byte) (n int, err error) {
	if b.framing == untilClose {
		n, err = b.c.read(p, b.x.timeout)
		if errors.Is(err, io.EOF) {
			err = errEnd
		}
		return n, err
	}
	if b.framing == chunked && b.left == 0 {
		if err := b.nextChunk(); err != nil {
			return 0, err
		}
	}
	n, err = b.c.read(p[:min(int64(len(p)), b.left)], b.x.timeout)
	b.left -= int64(n)
	if b.left == 0 && b.framing == fixedLength {
		err = errEnd // at once: the connection is free before the reader asks again
	}
	return n, err
}

// maxChunkLine bounds a chunk's size with its extensions, which nobody reads.
const maxChunkLine = 256

// nextChunk reads up to the next chunk's data; errEnd behind the last.
func (b *body) nextChunk() error {
	if b.within {
		line, err := b.c.line(len("\r\n"), b.x.timeout)
		if err == nil && len(line) > 0 || errors.Is(err, errNoRoom) {
			return invalid("a chunk is longer than it says")
		}
		if err != nil {
			return err
		}
	}
	line, err := b.c.line(maxChunkLine, b.x.timeout)
	if err != nil {
		return err
	}
	size, _, _ := strings.Cut(string(line), ";")
	left, err := strconv.ParseUint(strings.TrimRight(size, " \t"), 16, 63)
	if err != nil {
		return invalid("a chunk's size %q is none", shortened(size))
	}
	b.left, b.within = int64(left), true
	if left > 0 {
		return nil
	}
	block, err := b.c.block()
	if err != nil {
		return err
	}
	fields, err := parseFields(block)
	if err != nil {
		return &Error{BadResponse, err}
	}
	b.trailer = trailer(fields)
	return errEnd
}

func invalid(format string, args ...any) error {
	return &Error{BadResponse, fmt.Errorf(format, args...)}
}

// classify says what went wrong.
func (b *body) classify(err error) error {
	var known *Error
	cause := context.Cause(b.x.ctx)
	switch {
	case cause != nil:
		return cause
	case errors.As(err, &known):
		return known
	case isTimeout(err):
		return &Error{ReadTimeout, errReadTimeout}
	case errors.Is(err, errNoRoom), errors.Is(err, errNoCRLF):
		return &Error{BadResponse, err}
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF // before all was there that was announced
	}
	return &Error{Read, err}
}

// end lets go of the connection: back into its pool if nothing is wrong with it.
func (b *body) end(err error) {
	b.hold.Lock()
	c := b.c
	b.err, b.c = err, nil
	b.hold.Unlock()
	s := b.sending
	// What came behind the answer belongs to no request.
	if watched := b.stop(); !errors.Is(err, io.EOF) || !watched || !b.keep || len(c.buffered()) > 0 {
		c.discard()
		return
	}
	if s == nil || s.ended() {
		b.release(c)
		return
	}
	// The answer may be here before the request has gone out whole.
	go func() {
		late := time.NewTimer(lastWord)
		defer late.Stop()
		select {
		case <-s.done:
			b.release(c)
		case <-late.C:
			c.discard()
		}
	}()
}

// release gives the connection back, if the request went out whole.
func (b *body) release(c *conn) {
	if s := b.sending; s != nil && s.err != nil {
		c.discard()
		return
	}
	b.x.pool.put(c, b.patience)
}

// interrupt ends a read that is waiting. The connection may just be let go of, and
// another exchange's already: then it is left alone.
func (b *body) interrupt() {
	b.hold.Lock()
	defer b.hold.Unlock()
	if b.c != nil {
		_ = b.c.Conn.Close() // the read says what there is to say
	}
}

// Close ends the exchange. It may be called while another goroutine reads.
func (b *body) Close() error {
	if !b.mu.TryLock() {
		b.interrupt()
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.sending != nil {
		b.sending.stopped.Store(true)
	}
	if b.err == nil {
		b.end(os.ErrClosed)
	}
	return nil
}
