package http2

import (
	"errors"
	"io"
	"time"
)

// drainStep is how far a connection has come in ending gracefully (RFC 9113
// section 6.8): first a GOAWAY that refuses nothing, for requests are under way;
// once a PING that followed it has come back, one that names the last request
// which is answered.
type drainStep byte

const (
	drainNot drainStep = iota
	drainTold
	drainFinal
)

const (
	drainPing = "draining"
	// drainPatience is how long an answer to PING is waited for.
	drainPatience = time.Second
	// goodbye is how long a connection is read after its last GOAWAY: were it closed
	// with something unread, the kernel would take back what the viewer has not read
	// yet.
	goodbye     = 500 * time.Millisecond
	goodbyeSize = 1 << 20
	// goodbyeLong is the same where an answer was sent of late, which may still be on
	// its way: a viewer that has it all closes the connection itself.
	goodbyeLong = 5 * time.Second
	lastWrite   = 5 * time.Second
)

// nudge has the reader look up from its reading, for what set asks.
func (c *conn) nudge(set func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	set()
	c.lookUp()
}

func (c *conn) lookUp() {
	c.nudged = true
	_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // a closed connection needs none
}

// drained goes a step further in draining, and says when the end is reached.
func (c *conn) drained() error {
	draining := c.srv.cfg.Draining
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nudged = false
	switch c.drain {
	case drainNot:
		if !c.settled || !c.drainAsked && (draining == nil || !draining()) {
			return nil
		}
		c.drain, c.final = drainTold, c.now.Add(drainPatience)
		out := c.room()
		out.b = appendGoAway(out.b, largestStreamID, codeNo, "")
		out.b = append(appendFrameHeader(out.b, 8, framePing, 0, 0), drainPing...)
	case drainTold:
		if c.now.Before(c.final) {
			return nil
		}
		c.drain = drainFinal
		out := c.room()
		out.b = appendGoAway(out.b, c.lastID, codeNo, "")
	}
	c.push()
	if c.drain == drainFinal && c.running == 0 {
		return errDrained
	}
	return c.err
}

// close ends the connection for a reason, of which the viewer is told, and waits
// for the goroutines of its streams.
func (c *conn) close(why error) {
	var broken connError
	c.mu.Lock()
	switch {
	case c.err != nil:
	case errors.As(why, &broken):
		out := c.room()
		out.b = appendGoAway(out.b, c.lastID, broken.code, broken.reason)
	case errors.Is(why, errIdle):
		out := c.room()
		out.b = appendGoAway(out.b, c.lastID, codeNo, "")
	case !errors.Is(why, errDrained):
		c.fail(why)
	}
	_ = c.nc.SetWriteDeadline(time.Now().Add(lastWrite))
	for c.flushing && c.err == nil {
		c.flushed.Wait()
	}
	if c.err == nil {
		c.writeDue = time.Now().Add(time.Hour) // the deadline set above stays
		c.push()
	}
	linger, patience := c.err == nil, goodbye
	if errors.Is(why, errDrained) && time.Since(c.idle) < goodbyeLong {
		patience = goodbyeLong
	}
	c.mu.Unlock()
	if linger {
		c.linger(patience)
	}
	c.mu.Lock()
	c.fail(why)
	for c.running > 0 {
		c.flushed.Wait()
	}
	c.mu.Unlock()
	if len(c.answered) > 0 {
		c.deliver(why)
	}
}

// linger lets the viewer read what was sent last.
func (c *conn) linger(patience time.Duration) {
	_ = c.nc.SetReadDeadline(time.Now().Add(patience))
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c.nc, goodbyeSize)
	}
	_ = c.nc.Close()
}
