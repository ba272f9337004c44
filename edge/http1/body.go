package http1

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// body is the body of one request. It is made anew for each, so that who still
// holds it when the request is over reads an error and not the next request.
type body struct {
	conn *conn

	// mu is held while somebody reads, who need not be the connection's goroutine.
	mu  sync.Mutex
	err error // what every Read returns from now on

	left    int64 // of the body, or of the chunk
	chunked bool
	begun   bool // a chunk has been read
	// spent is how many bytes of chunk sizes and extensions came beyond what the
	// data in them pays for.
	spent   int64
	trailer message.Header

	expected bool // the viewer waits for 100 (Continue)
	paced    bool // there is a deadline for what is read of it
	pace     stall
}

const (
	// maxChunkLine is how long the line of a chunk's size may be, its extensions
	// included; overheadAllowed is how much of all of them a body may have beyond
	// 16 bytes and twice the data a chunk (as net/http's).
	maxChunkLine    = 256
	overheadAllowed = 16 << 10
	maxChunkDigits  = 15
	maxTrailer      = 4 << 10
	maxTrailers     = 64
)

// open returns the reader of the request's body, nil if there is none.
func (c *conn) open(h *head, length int64) *body {
	if length == 0 {
		return nil
	}
	b := &body{conn: c, left: length, chunked: h.chunked, expected: h.expects && c.req.Minor == 1}
	if h.chunked {
		b.left = 0
		c.chunkRoom()
	}
	return b
}

// Read implements io.Reader. Its errors but io.EOF are refusals.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.read(p)
	if err != nil {
		b.err = err
		if err == io.EOF { //nolint:errorlint // our own
			b.conn.ctx.Load().bodyRead()
		}
	}
	return n, err
}

func (b *body) read(p []byte) (int, error) {
	if b.expected {
		b.expected = false
		if err := b.conn.proceed(); err != nil {
			return 0, err
		}
	}
	for b.chunked && b.left == 0 {
		if err := b.nextChunk(); err != nil {
			return 0, err
		}
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n := b.conn.take(p)
	if n == 0 {
		var err error
		if n, err = b.fetch(p); err != nil {
			return 0, err
		}
	}
	b.left -= int64(n)
	if b.left == 0 && !b.chunked {
		return n, io.EOF
	}
	return n, nil
}

// take moves bytes that have been read into p.
func (c *conn) take(p []byte) int {
	n := copy(p, c.unread())
	c.r += n
	return n
}

// fetch reads from the connection, as long as the viewer keeps sending.
func (b *body) fetch(p []byte) (int, error) {
	c := b.conn
	if c.err != nil {
		return 0, errShortBody
	}
	tick := c.srv.cfg.StreamTimeout / 4
	if !b.paced {
		if b.paced = true; !c.link.waits(time.Now().Add(tick)) {
			return 0, errSlowBody
		}
	}
	for {
		n, err := c.in.Read(p)
		if n > 0 {
			b.pace.moved += n
			return n, nil
		}
		switch {
		case err == nil:
			continue
		case !timedOut(err):
			c.err = err
			c.ctx.Load().cancel() // the viewer has left
			return 0, errShortBody
		case c.link.stop.Load() || !b.pace.again(tick) || !c.link.waits(time.Now().Add(tick)):
			return 0, errSlowBody
		}
	}
}

// nextChunk reads up to the data of the next chunk, or to the end of the body.
func (b *body) nextChunk() error {
	if b.begun {
		end, err := b.line(len("\r\n"), errChunkEnd)
		if err != nil {
			return err
		}
		if len(end) > 0 {
			return errChunkEnd
		}
	}
	b.begun = true
	line, err := b.line(maxChunkLine, errChunkExtension)
	if err != nil {
		return err
	}
	n := len(line)
	if b.left, err = chunkSize(line); err != nil {
		return err
	}
	if b.spent = max(b.spent+int64(n)-16-2*b.left, 0); b.spent > overheadAllowed {
		return errChunkExtension
	}
	if b.left == 0 {
		return b.readTrailer()
	}
	return nil
}

// chunkSize reads the line that begins a chunk: hexadecimal digits and nothing
// else, not even whitespace, up to an extension, which is ignored.
func chunkSize(line []byte) (int64, error) {
	n, digits := int64(0), 0
	for _, c := range line {
		d := hexDigit(c)
		if d == 16 {
			break
		}
		n = n<<4 | int64(d)
		if digits++; digits > maxChunkDigits {
			return 0, errChunkSize
		}
	}
	extension := line[digits:]
	if digits == 0 || len(extension) > 0 && (extension[0] != ';' || !printable(extension)) {
		return 0, errChunkSize
	}
	return n, nil
}

// line reads a line of at most limit bytes, its end included, and returns it
// without; what is longer is refused as too.
func (b *body) line(limit int, too *refusal) ([]byte, error) {
	c := b.conn
	for {
		have := c.unread()
		nl := bytes.IndexByte(have[:min(len(have), limit)], '\n')
		switch {
		case nl == 0 || nl > 0 && have[nl-1] != '\r':
			return nil, errBareLF
		case nl > 0:
			c.r += nl + 1
			return have[:nl-1], nil
		case len(have) >= limit:
			return nil, too
		}
		if c.w == len(c.work.buf) || c.r == c.w {
			c.w = c.floor + copy(c.work.buf[c.floor:], have)
			c.r = c.floor
		}
		n, err := b.fetch(c.work.buf[c.w:])
		if err != nil {
			return nil, err
		}
		c.w += n
	}
}

// chunkRoom sees to it that there is room in the buffer, behind the head, for the
// lines between chunks: where the head has filled it, what follows goes to a
// buffer of its own.
func (c *conn) chunkRoom() {
	c.floor = c.r
	if w := c.work; len(w.buf)-c.floor < maxTrailer+maxChunkLine {
		buf := make([]byte, max(readSize, c.w-c.r)+maxTrailer+maxChunkLine)
		c.w = copy(buf, w.buf[c.r:c.w])
		w.buf, c.r, c.floor = buf, 0, 0
	}
}

// readTrailer reads what follows the last chunk.
func (b *body) readTrailer() error {
	for size := 0; ; {
		line, err := b.line(maxTrailer-size, errTrailerSize)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return io.EOF
		}
		if size += len(line) + len("\r\n"); size >= maxTrailer || len(b.trailer) == maxTrailers {
			return errTrailerSize
		}
		name, value, bad := parseField(line)
		if bad != nil || forbiddenTrailer(name) {
			return errTrailer
		}
		b.trailer.Add(string(name), string(value))
	}
}

// forbiddenTrailer tells the fields that say how a message is read or where it
// goes, which come too late behind it (RFC 9110 section 6.5.1).
func forbiddenTrailer(name []byte) bool {
	if message.HopByHop(string(name)) {
		return true
	}
	for _, f := range [...]string{"host", "content-length", "content-encoding", "content-type", "content-range", "authorization", "cookie", "expect"} {
		if same(name, f) {
			return true
		}
	}
	return false
}

// fields implements message.Request.Trailer.
func (b *body) fields() message.Header {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !errors.Is(b.err, io.EOF) {
		return nil
	}
	return b.trailer
}

const (
	// drainLimit is how much of a body nobody wanted is read in order to keep the
	// connection, and drainTime how long that may take.
	drainLimit = 256 << 10
	drainTime  = 2 * time.Second
)

// reusable reports whether another request may follow on the connection, as far as
// can be told before the answer is written.
func (b *body) reusable() bool {
	if !b.mu.TryLock() {
		return true // it is being read
	}
	defer b.mu.Unlock()
	return errors.Is(b.err, io.EOF) || b.err == nil && !b.expected && b.left <= drainLimit
}

// close ends reading by whoever had the body and reads what is left of it. It
// reports whether another request may follow.
func (b *body) close() bool {
	c := b.conn
	if !b.mu.TryLock() {
		// Somebody still reads, and maybe waits.
		c.link.interrupt()
		b.mu.Lock()
		c.link.resume(time.Now().Add(c.srv.cfg.IdleTimeout))
	}
	defer b.mu.Unlock()
	ended := errors.Is(b.err, io.EOF)
	if b.err == nil && !b.expected && b.left <= drainLimit && c.answer.keep {
		ended = b.drain()
	}
	b.err = errBodyOver
	return ended
}

func (b *body) drain() bool {
	c := b.conn
	timer := time.AfterFunc(drainTime, c.link.interrupt)
	buf := copies.Get().(*[copySize]byte)
	defer copies.Put(buf)
	for n := 0; n <= drainLimit; {
		m, err := b.read(buf[:])
		if n += m; err != nil {
			// Once the timer has fired nothing more is read.
			return timer.Stop() && err == io.EOF //nolint:errorlint // our own
		}
	}
	timer.Stop()
	return false
}
