package http2

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"
)

const (
	// maxStreams is how many requests a viewer may have in flight; CloudFront's too.
	maxStreams = 128
	// streamWindow and connWindow are how much of request bodies may lie here unread.
	streamWindow = 256 << 10
	connWindow   = 1 << 20
	// maxBlock is the most a header block may take, as it comes; decoded it is held
	// to maxHeaderList.
	maxBlock = 64 << 10

	smallReadBuffer = 4 << 10
	largeReadBuffer = frameHeaderLen + maxReadFrame
)

// conn is one connection.
type conn struct {
	srv    *Server
	nc     net.Conn
	ctx    context.Context
	cancel context.CancelFunc
	shared shared

	// These belong to the goroutine that reads.
	in       []byte // what was read
	from     int    // the part of in that is not used yet
	to       int
	now      time.Time // when the last of it was read
	deadline time.Time // of reading
	settled  bool      // the first SETTINGS came
	decoder  *hpack.Decoder
	head     head
	block    block
	budget   budget
	answered []*stream // inline, and not reported yet
	spare    []*stream // used once, for later requests
	final    time.Time // when a drain's last GOAWAY is sent without an answer to PING

	mu sync.Mutex
	// lastID is the newest stream of the viewer; written by the reader.
	lastID uint32
	// streams are those in work; running counts their goroutines, which may outlive
	// them for a while.
	streams map[uint32]*stream
	running int
	// exchanges are those that workers gave back, answers how many requests they
	// have answered since the reader looked.
	exchanges []Exchange
	answers   int
	// idle is since when no request is in work.
	idle time.Time
	// nudged asks the reader to look up; drainAsked says what for.
	nudged, drainAsked bool
	drain              drainStep // written by the reader
	err                error     // why nothing can be read or written any more
	// resets are the streams that were reset here lately: what the viewer had sent
	// before it heard of that is no mistake. past are all that ended lately.
	resets, past lately
	leftovers    []leftover

	received   int64 // how much the viewer may still send
	unreported int64 // of what was received and used, not yet told in a WINDOW_UPDATE

	writer
}

// shared is what all requests of a connection have in common.
type shared struct {
	scheme, serverName, tlsVersion, cipher string
	viewer                                 netip.AddrPort
}

// block is a header block whose CONTINUATION frames are still to come.
type block struct {
	stream    uint32
	endStream bool
	bytes     []byte
	since     time.Time
}

// lately are the last few streams of which something happened.
type lately struct {
	ids  [32]uint32
	next uint
}

func (l *lately) add(id uint32) {
	l.ids[l.next%uint(len(l.ids))] = id
	l.next++
}

func (l *lately) has(id uint32) bool { return slices.Contains(l.ids[:], id) }

func newConn(ctx context.Context, s *Server, nc net.Conn, state *tls.ConnectionState) *conn {
	c := &conn{srv: s, nc: nc, now: time.Now(), received: connWindow}
	c.ctx, c.cancel = context.WithCancel(ctx)
	c.shared.scheme = "http"
	c.shared.viewer, _ = netip.ParseAddrPort(nc.RemoteAddr().String()) // zero where it is none: a test's
	if state != nil {
		c.shared.scheme, c.shared.serverName, c.shared.cipher = "https", state.ServerName, tls.CipherSuiteName(state.CipherSuite)
		c.shared.tlsVersion = tlsVersionName(state.Version)
	}
	c.in = make([]byte, smallReadBuffer)
	c.idle, c.budget = c.now, budget{fullBudget, c.now}
	c.streams = map[uint32]*stream{}
	c.decoder = hpack.NewDecoder(defaultTableSize, c.head.add)
	c.writer.init(&c.mu)
	return c
}

func tlsVersionName(v uint16) string {
	switch v {
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return tls.VersionName(v)
}

var (
	errIdle    = errors.New("http2: nothing was asked for too long")
	errDrained = errors.New("http2: the viewer was told to go elsewhere")
)

// serve reads the connection to its end.
func (c *conn) serve() {
	defer context.AfterFunc(c.ctx, func() { c.abort(context.Cause(c.ctx)) })()
	err := c.read()
	c.close(err)
	if err != nil && !errors.Is(err, io.EOF) && c.ctx.Err() == nil {
		c.srv.cfg.Logger.Debug("connection ended", "viewer", c.shared.viewer, "err", err)
	}
	c.cancel()
}

// read returns why the connection ends. A panic of the core costs the connection
// it happened on, as with net/http.
func (c *conn) read() (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.srv.cfg.Logger.Error("panic", "viewer", c.shared.viewer, "panic", p, "stack", string(debug.Stack()))
			err = connError{codeInternal, "a fault of ours"}
		}
	}()
	if err := c.greet(); err != nil {
		return err
	}
	for {
		if err := c.frames(); err != nil {
			return err
		}
		if err := c.flush(); err != nil {
			return err
		}
		if err := c.drained(); err != nil {
			return err
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
}

// greet sends our SETTINGS and reads the viewer's preface (RFC 9113 section 3.4).
func (c *conn) greet() error {
	c.mu.Lock()
	out := c.room()
	out.b = appendSettings(out.b,
		setting{settingMaxConcurrentStreams, maxStreams},
		setting{settingInitialWindowSize, streamWindow},
		setting{settingMaxHeaderListSize, maxHeaderList},
		setting{settingNoPriorities, 1})
	out.b = appendNumber(out.b, frameWindowUpdate, 0, connWindow-defaultWindow)
	c.mu.Unlock()
	if err := c.flush(); err != nil {
		return err
	}
	for c.to < len(preface) {
		if err := c.fill(); err != nil {
			return err
		}
		if n := min(c.to, len(preface)); string(c.in[:n]) != preface[:n] {
			return connError{codeProtocol, "this is no preface of HTTP/2"}
		}
	}
	c.from = len(preface)
	return nil
}

// frames takes all whole frames that have been read.
func (c *conn) frames() error {
	for c.to-c.from >= frameHeaderLen {
		f := parseFrame(c.in[c.from:])
		if f.length > maxReadFrame {
			return connError{codeFrameSize, "a frame larger than SETTINGS_MAX_FRAME_SIZE"}
		}
		whole := frameHeaderLen + f.length
		if c.to-c.from < whole {
			break
		}
		payload := c.in[c.from+frameHeaderLen : c.from+whole]
		c.from += whole
		if err := c.take(f, payload); err != nil {
			return err
		}
	}
	return nil
}

// fill waits for more to read.
func (c *conn) fill() error {
	c.makeRoom()
	for {
		if c.deadline.IsZero() || !c.block.since.IsZero() || c.drain == drainTold {
			if err := c.expect(); err != nil {
				return err
			}
		}
		n, err := c.nc.Read(c.in[c.to:])
		c.now = time.Now()
		if c.to += n; n > 0 {
			return nil // an error comes again
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		c.deadline = time.Time{}
		if err := c.flush(); err != nil {
			return err
		}
		if err := c.drained(); err != nil {
			return err
		}
	}
}

// makeRoom moves what is left of a frame to the front, and makes the buffer large
// once a frame does not fit.
func (c *conn) makeRoom() {
	if c.from == c.to {
		c.from, c.to = 0, 0
		return
	}
	rest := c.in[c.from:c.to]
	if len(c.in) < largeReadBuffer && c.settled && len(rest) >= frameHeaderLen && frameHeaderLen+parseFrame(rest).length > len(c.in) {
		c.in = make([]byte, largeReadBuffer)
	}
	if c.from > 0 || &rest[0] != &c.in[0] {
		c.to, c.from = copy(c.in, rest), 0
	}
}

// expect sets the deadline for reading to when something must have happened. It is
// only moved when it has passed or must come sooner: on a connection that is used
// it costs nothing.
func (c *conn) expect() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nudged {
		return nil // the deadline has passed already, and has to
	}
	due := c.idle.Add(c.srv.cfg.IdleTimeout)
	if !c.settled {
		due = c.idle.Add(c.srv.cfg.HeaderTimeout)
	} else if c.running > 0 {
		due = c.now.Add(c.srv.cfg.IdleTimeout) // to look again
	}
	if !c.block.since.IsZero() {
		due = earlier(due, c.block.since.Add(c.srv.cfg.HeaderTimeout))
	}
	if !due.After(c.now) {
		return errIdle
	}
	if c.drain == drainTold {
		due = earlier(due, c.final)
	}
	if c.deadline.IsZero() || due.Before(c.deadline) {
		c.deadline = due
		return c.nc.SetReadDeadline(due)
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
