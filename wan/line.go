package wan

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// chunk is what travels on a line: bytes, or the end of them.
type chunk struct {
	due  time.Duration // offset from line.start
	data []byte
	off  int   // bytes of data already read
	err  error // io.EOF, net.ErrClosed or a failure: nothing comes after it but a Close
}

// line is one direction of a connection: push puts bytes in at one end, and
// when their time has come pop, or flush, takes them out at the other.
//
// The timer is armed for the chunk at the head whenever there is one that is
// not due; due times never fall, so no other chunk can come first.
type line struct {
	bufs   *buffers
	delay  func() time.Duration // one way; asked for every push
	window int                  // bytes under way before push waits
	start  time.Time

	// flush, where set, is called on a goroutine of its own when something is
	// due and no flush is running; it calls take until that returns nothing.
	flush func()

	mu       sync.Mutex
	readable sync.Cond
	writable sync.Cond
	pacer    pacer
	queue    []chunk
	size     int // bytes of buffer in queue, and in chunks taken and not yet released
	flushing bool
	held     bool

	readClosed  bool
	writeErr    error // what push returns from now on
	readBy      deadline
	writeBy     deadline
	timer       *time.Timer
	timerArmed  bool
	popsWaiting int
}

func (l *line) init(bufs *buffers, o Options, delay func() time.Duration) {
	l.bufs, l.delay, l.window, l.start = bufs, delay, o.window(), time.Now()
	l.pacer.rate = o.BytesPerSecond
	l.readable.L, l.writable.L = &l.mu, &l.mu
}

// push copies b into the line and returns how much of it went in. It waits
// while the window is full.
func (l *line) push(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	done := 0
	for {
		if err := l.waitWritable(); err != nil {
			return done, err
		}
		n := min(len(b)-done, l.piece())
		l.enqueue(b[done:done+n], false)
		if done += n; done == len(b) {
			return done, nil
		}
	}
}

// pushBuffer is push for a buffer that came from l.bufs and now belongs to the
// line.
func (l *line) pushBuffer(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.waitWritable(); err != nil {
		l.bufs.put(b)
		return err
	}
	l.enqueue(b, true)
	return nil
}

// finish puts the end into the line, behind all that was pushed: err is what
// pop returns for ever once it is due. Later pushes fail with writeErr.
func (l *line) finish(err, writeErr error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writeErr = writeErr
	l.writeBy.stop()
	l.append(chunk{due: l.pacer.due(time.Since(l.start), 0, l.delay()), err: err})
	l.writable.Broadcast()
}

// pop reads what is due, and waits for it.
func (l *line) pop(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case l.readClosed:
			return 0, net.ErrClosed
		case l.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		}
		if l.headDue() {
			if err := l.queue[0].err; err != nil {
				return 0, err
			}
			return l.copyDue(b), nil
		}
		l.popsWaiting++
		l.arm()
		l.readable.Wait()
		l.popsWaiting--
	}
}

// take removes everything that is due, for flush to write. Nothing due ends
// the flush. The caller gives the chunks back by release.
func (l *line) take() []chunk {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for now := time.Since(l.start); n < len(l.queue) && l.queue[n].due <= now; {
		n++
	}
	if n == 0 {
		l.flushing = false
		l.arm()
		return nil
	}
	due := append([]chunk(nil), l.queue[:n]...)
	l.drop(n)
	return due
}

// release frees the window that chunks taken by take occupied. A failure
// becomes what push returns.
func (l *line) release(chunks []chunk, failure error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range chunks {
		l.size -= cap(c.data)
		l.bufs.put(c.data)
	}
	if failure != nil && l.writeErr == nil {
		l.writeErr = failure
	}
	l.writable.Broadcast()
}

// closeRead makes pop fail and push discard, and forgets what is under way.
func (l *line) closeRead() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readClosed = true
	for _, c := range l.queue {
		l.size -= cap(c.data)
		l.bufs.put(c.data)
	}
	l.queue = nil
	l.readBy.stop()
	l.readable.Broadcast()
	l.writable.Broadcast()
}

// hold stops delivery until it is lifted, as a cut cable would: nothing is
// lost, nothing arrives.
func (l *line) hold(held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = held
	l.readable.Broadcast()
}

// reset drops what is under way and ends the line for both its ends at once.
func (l *line) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.queue {
		l.size -= cap(c.data)
		l.bufs.put(c.data)
	}
	l.held = false
	l.queue = append(l.queue[:0], chunk{err: syscall.ECONNRESET})
	if l.writeErr == nil {
		l.writeErr = syscall.ECONNRESET
	}
	l.readable.Broadcast()
	l.writable.Broadcast()
}

func (l *line) setReadDeadline(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readBy.set(t, &l.mu, &l.readable)
}

func (l *line) setWriteDeadline(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writeBy.set(t, &l.mu, &l.writable)
}

// lag returns how long it takes until all that is in the line is due.
func (l *line) lag() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, l.pacer.last-time.Since(l.start))
}

func (l *line) waitWritable() error {
	for {
		switch {
		case l.writeErr != nil:
			return l.writeErr
		case l.writeBy.passed():
			return os.ErrDeadlineExceeded
		case l.readClosed:
			return errReaderGone
		case l.size < l.window:
			return nil
		}
		l.writable.Wait()
	}
}

// piece is the most that goes in as one chunk: a slow line delivers in steps of
// a hundredth of a second, not in lumps of the largest buffer.
func (l *line) piece() int {
	if l.pacer.rate > 0 {
		return int(min(largeBuffer, max(1400, l.pacer.rate/100)))
	}
	return largeBuffer
}

// enqueue puts b behind the rest: into the last chunk where that has room and
// is due at the same instant, else into a chunk of its own. An owned b came
// from l.bufs. The window counts whole buffers, so that a sender of single
// bytes cannot hold a thousand times what it sent.
func (l *line) enqueue(b []byte, owned bool) {
	if len(b) == 0 {
		return
	}
	due := l.pacer.due(time.Since(l.start), len(b), l.delay())
	if n := len(l.queue); n > 0 {
		last := &l.queue[n-1]
		if last.due == due && last.err == nil && cap(last.data)-len(last.data) >= len(b) {
			last.data = append(last.data, b...)
			if owned {
				l.bufs.put(b)
			}
			return
		}
	}
	if !owned {
		b = append(l.bufs.get(len(b)), b...)
	}
	l.append(chunk{due: due, data: b})
}

func (l *line) append(c chunk) {
	l.queue = append(l.queue, c)
	l.size += cap(c.data)
	if len(l.queue) > 1 {
		return
	}
	if l.flush == nil && c.due <= time.Since(l.start) {
		l.readable.Broadcast()
		return
	}
	l.arm()
}

func (l *line) headDue() bool {
	return !l.held && len(l.queue) > 0 && l.queue[0].due <= time.Since(l.start)
}

// copyDue fills b from the chunks that are due; the first is.
func (l *line) copyDue(b []byte) int {
	now, n, gone := time.Since(l.start), 0, 0
	for i := range l.queue {
		c := &l.queue[i]
		if n == len(b) || c.due > now || c.err != nil {
			break
		}
		m := copy(b[n:], c.data[c.off:])
		n, c.off = n+m, c.off+m
		if c.off == len(c.data) {
			l.size -= cap(c.data)
			l.bufs.put(c.data)
			c.data = nil
			gone++
		}
	}
	l.drop(gone)
	l.writable.Broadcast()
	return n
}

// drop removes the first n chunks and lets an empty queue keep its array.
func (l *line) drop(n int) {
	rest := copy(l.queue, l.queue[n:])
	clear(l.queue[rest:])
	l.queue = l.queue[:rest]
}

// arm sets the timer for the head, where someone waits for it. It never wakes
// anybody itself: a pop calls it before it waits, and would miss that.
func (l *line) arm() {
	if len(l.queue) == 0 || l.timerArmed || l.flushing || l.held {
		return
	}
	if l.flush == nil && l.popsWaiting == 0 {
		return // the next pop looks for itself
	}
	wait := max(0, l.queue[0].due-time.Since(l.start))
	l.timerArmed = true
	if l.timer == nil {
		l.timer = time.AfterFunc(wait, l.fire)
	} else {
		l.timer.Reset(wait)
	}
}

func (l *line) fire() {
	l.mu.Lock()
	l.timerArmed = false
	if l.flush == nil {
		l.readable.Broadcast()
		l.mu.Unlock()
		return
	}
	start := !l.flushing
	l.flushing = true
	l.mu.Unlock()
	if start {
		l.flush()
	}
}

// deadline is a point in time that wakes those who wait on a condition.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) set(t time.Time, mu *sync.Mutex, waiting *sync.Cond) {
	d.at = t
	if t.IsZero() {
		d.stop()
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.stop()
		waiting.Broadcast()
		return
	}
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, func() {
			mu.Lock()
			waiting.Broadcast()
			mu.Unlock()
		})
		return
	}
	d.timer.Reset(wait)
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}
