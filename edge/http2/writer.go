package http2

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/warmfront/warmfront/edge/http2/hpack"
)

const (
	// writeSize is what one write is filled up to with bodies: two records of TLS.
	writeSize = 32 << 10
	// maxPending is how much may be waiting behind a write before the reader, which
	// adds to it, waits as well.
	maxPending = 256 << 10
	// keepBuffer is the largest output buffer that is used again.
	keepBuffer = 128 << 10
)

// writer is the part of a connection that its mutex guards for the sake of what is
// sent.
type writer struct {
	encoder *hpack.Encoder
	out     *buffer // what is to be written next, nil if nothing is
	// flushing is set while someone writes, without the mutex; flushed is told
	// each time that ends, and when the last goroutine of a stream has.
	flushing bool
	flushed  sync.Cond
	writeDue time.Time // the deadline for writing; whoever is flushing has it

	window   int64     // what the viewer still takes on the connection
	opened   time.Time // when it last said so
	initial  int64     // what it takes on a new stream
	maxFrame int
	// queue are the streams that have a piece to send and a window for it, in the
	// order of their turns.
	queue []*stream

	date       string // of answers that have none
	dateSecond int64
}

type buffer struct{ b []byte }

func (w *writer) init(mu *sync.Mutex) {
	w.flushed.L = mu
	w.encoder, w.window, w.initial, w.maxFrame = hpack.NewEncoder(), defaultWindow, defaultWindow, maxWriteFrame
}

// room returns where to append what is to be sent.
func (c *conn) room() *buffer {
	if c.out == nil {
		c.out = c.srv.buffers.Get().(*buffer)
		c.out.b = c.out.b[:0]
	}
	return c.out
}

// flush writes what is ready, then reports the answers in it as delivered. Only
// the reader calls it.
func (c *conn) flush() error {
	c.mu.Lock()
	c.push()
	for c.flushing && c.out != nil && len(c.out.b) > maxPending && c.err == nil {
		c.flushed.Wait()
	}
	err := c.err
	c.budget.refund(refundAnswer * c.answers)
	c.answers = 0
	c.mu.Unlock()
	if len(c.answered) > 0 {
		c.deliver(err)
	}
	return err
}

// push writes what is ready unless someone else is writing, who will take it
// along.
func (c *conn) push() {
	for !c.flushing && c.out != nil && c.err == nil {
		c.write()
	}
	if !c.flushing && len(c.queue) > 0 && c.window > 0 {
		wake(c.queue[0].wake)
	}
}

// write writes what is ready. The mutex is given up meanwhile.
func (c *conn) write() {
	out := c.out
	c.out, c.flushing = nil, true
	c.mu.Unlock()
	err := c.renewWriting()
	if err == nil {
		_, err = c.nc.Write(out.b)
	}
	if cap(out.b) <= keepBuffer {
		c.srv.buffers.Put(out)
	}
	c.mu.Lock()
	c.flushing = false
	if err != nil {
		c.fail(err)
	}
	c.flushed.Broadcast()
}

// renewWriting moves the deadline for writing once less than a time-out is left.
func (c *conn) renewWriting() error {
	timeout, now := c.srv.cfg.StreamTimeout, time.Now()
	if c.writeDue.Sub(now) >= timeout {
		return nil
	}
	c.writeDue = now.Add(timeout + timeout/4)
	return c.nc.SetWriteDeadline(c.writeDue)
}

var (
	errStalled = errors.New("http2: the viewer takes nothing more")
	errEnded   = errors.New("http2: the connection has ended")
)

// send sends a piece of a stream's body, and returns once it lies in the output
// buffer or the stream has ended. Frames of other streams are sent in between.
func (st *stream) send(p []byte, last bool) error {
	c := st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.push()
	if err := c.failure(st); err != nil {
		return err
	}
	if len(p) == 0 {
		if last {
			c.appendData(st, nil, true)
		}
		return nil
	}
	st.piece, st.last = p, last
	c.enqueue(st)
	for len(st.piece) > 0 {
		if err := c.failure(st); err != nil {
			c.dequeue(st)
			return err
		}
		if !c.flushing && c.compose() {
			c.write()
			continue
		}
		if err := c.wait(st); err != nil {
			c.dequeue(st)
			return err
		}
	}
	return nil
}

// failure is why nothing more may be sent on a stream.
func (c *conn) failure(st *stream) error {
	if c.err != nil {
		return c.err
	}
	return st.err
}

// compose fills the output buffer with DATA, a frame of each stream in turn, and
// reports whether there is something to write.
func (c *conn) compose() bool {
	for len(c.queue) > 0 && (c.out == nil || len(c.out.b) < writeSize) {
		st := c.queue[0]
		if st.window <= 0 { // SETTINGS took it away
			c.dequeue(st)
			continue
		}
		n := min(int64(len(st.piece)), st.window, c.window, int64(c.maxFrame))
		if n <= 0 {
			break
		}
		p := st.piece[:n]
		st.piece = st.piece[n:]
		done := len(st.piece) == 0
		c.appendData(st, p, done && st.last)
		switch {
		case done:
			c.dequeue(st)
			wake(st.wake)
		case st.window <= 0:
			c.dequeue(st)
		default:
			copy(c.queue, c.queue[1:])
			c.queue[len(c.queue)-1] = st
		}
	}
	return c.out != nil
}

// appendData appends one DATA frame, for which the windows have room.
func (c *conn) appendData(st *stream, p []byte, last bool) {
	flags := byte(0)
	if last {
		flags = flagEndStream
	}
	out := c.room()
	out.b = append(appendFrameHeader(out.b, len(p), frameData, flags, st.id), p...)
	c.window -= int64(len(p))
	st.window -= int64(len(p))
	st.sent.Body += int64(len(p))
	st.sent.Bytes += int64(frameHeaderLen + len(p))
	if last {
		c.end(st)
	}
}

// enqueue gives a stream turns, if it has something to send and a window for it.
func (c *conn) enqueue(st *stream) {
	if !st.queued && len(st.piece) > 0 && st.window > 0 {
		st.queued = true
		c.queue = append(c.queue, st)
	}
}

func (c *conn) dequeue(st *stream) {
	if st.queued {
		st.queued = false
		c.queue = slices.Delete(c.queue, slices.Index(c.queue, st), slices.Index(c.queue, st)+1)
	}
}

// wait waits until it may be a stream's turn. A viewer that opens no window for as
// long as the time-out ends it; that the stream's turn has not come does not: the
// deadline for writing sees to that.
func (c *conn) wait(st *stream) error {
	timeout := c.srv.cfg.StreamTimeout
	timer := st.timer
	if timer == nil {
		timer = time.NewTimer(timeout)
		st.timer = timer
	} else {
		timer.Reset(timeout)
	}
	c.mu.Unlock()
	select {
	case <-st.wake:
		c.mu.Lock()
		return nil
	case <-timer.C:
	}
	c.mu.Lock()
	if len(st.piece) > 0 && (st.window <= 0 || c.window <= 0 && time.Since(c.opened) >= timeout) {
		return errStalled
	}
	return nil
}

// wake wakes who waits for it, now or next.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// fail ends the connection and whatever waits for it. The first reason stays.
func (c *conn) fail(err error) {
	if c.err != nil {
		return
	}
	if err == nil {
		err = errEnded
	}
	c.err = err
	hangUp(c.nc)
	for _, st := range c.streams {
		st.interrupt()
	}
	c.flushed.Broadcast()
}

// hangUp closes a connection without a word: TLS would try to say goodbye, and
// wait for that.
func hangUp(nc net.Conn) {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	_ = nc.Close() // there is nothing left to lose
}

// abort is fail for who does not hold the mutex.
func (c *conn) abort(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		err = context.Canceled
	}
	c.fail(err)
}
