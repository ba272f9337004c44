package http1

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// tunnel carries bytes both ways between a viewer and an origin that speak
// another protocol now.
type tunnel struct {
	conn   *conn
	origin io.ReadWriteCloser
	// moved is when something last went either way, in nanoseconds since began.
	began time.Time
	moved atomic.Int64
	ended chan struct{} // the origin's side has ended
}

// upgrade answers 101 and gives the connection over (RFC 9110 section 7.8). It
// returns when one side has closed and the other has had its last words.
func (c *conn) upgrade(resp *message.Response) {
	a := &c.answer
	a.keep = false
	o := a.output()
	b := appendStatusLine(o.b, resp.Status)
	b, _ = appendFields(b, resp.Header)
	b = append(b, "Connection: Upgrade\r\nUpgrade: "...)
	b = append(b, c.req.Upgrade...)
	o.b = append(b, "\r\n\r\n"...)
	err := c.flush()
	a.release()
	if err == nil {
		// The viewer's bytes are the origin's now: nobody else may take them.
		c.unwatch(c.ctx.Load())
		t := &tunnel{conn: c, origin: resp.Upgraded, began: time.Now(), ended: make(chan struct{})}
		go t.down()
		t.up()
		_ = t.origin.Close() // it has ended, or is to end
		<-t.ended
	}
	_ = resp.Upgraded.Close() // once more is no harm
}

// up carries what the viewer sends. It is what notices that nothing moves any
// more: it waits with a deadline.
func (t *tunnel) up() {
	c := t.conn
	if early := c.unread(); len(early) > 0 {
		c.r = c.w
		if _, err := t.origin.Write(early); err != nil {
			return
		}
	}
	if c.err != nil {
		return
	}
	// Of its own: the request lies in the connection's until it is delivered.
	w := works.Get().(*work)
	defer works.Put(w)
	for {
		n, err := c.in.Read(w.buf)
		if n > 0 {
			t.touch()
			if _, err := t.origin.Write(w.buf[:n]); err != nil {
				return
			}
		}
		switch {
		case err == nil:
		case timedOut(err) && t.patient():
		case errors.Is(err, io.EOF) && closeWrite(t.origin):
			t.hear()
			return
		default:
			return
		}
	}
}

func (t *tunnel) touch() { t.moved.Store(int64(time.Since(t.began))) }

// quietUntil is when both sides will have been silent for too long.
func (t *tunnel) quietUntil() time.Time {
	return t.began.Add(time.Duration(t.moved.Load()) + t.conn.srv.cfg.UpgradeTimeout)
}

// patient sets how long the viewer is waited for; false if that was long enough.
func (t *tunnel) patient() bool {
	until := t.quietUntil()
	if !time.Now().Before(until) || !t.conn.link.waits(until) {
		return false
	}
	select {
	case <-t.ended:
		return false // the viewer has had time to end its own side
	default:
		return true
	}
}

// hear waits for the origin's last words.
func (t *tunnel) hear() {
	for wait := time.Until(t.quietUntil()); wait > 0; wait = time.Until(t.quietUntil()) {
		select {
		case <-t.ended:
			return
		case <-time.After(wait):
		}
	}
}

// closeWrite ends one side of a connection, if it can be ended alone.
func closeWrite(c io.Writer) bool {
	half, ok := c.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// down carries what the origin sends. When that ends the viewer is told, and has
// a while to end its own side.
func (t *tunnel) down() {
	c := t.conn
	a := &c.answer
	o := outputs.Get().(*output)
	defer outputs.Put(o)
	buf := o.b[:cap(o.b)]
	for {
		n, err := t.origin.Read(buf)
		if n > 0 {
			t.touch()
			m, failed := c.in.Write(buf[:n])
			a.written(int64(m), n, n, failed)
			if failed != nil {
				err = failed
			}
		}
		if err != nil {
			break
		}
	}
	close(t.ended)
	if c.tls != nil {
		closeWrite(c.tls)
	}
	closeWrite(c.link.Conn)
	// Set after ended is closed: what passes it finds that so.
	_ = c.link.SetReadDeadline(time.Now().Add(c.srv.cfg.StreamTimeout)) // a failure shows where it is read
}
