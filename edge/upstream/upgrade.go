package upstream

import (
	"fmt"
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// upgraded gives the connection over to whoever asked for the protocol.
func (x *exchange) upgraded(c *conn, a answer, stop func() bool) (*message.Response, error) {
	if !hasToken(a.header.Joined("Connection"), "upgrade") || !strings.EqualFold(a.header.Get("Upgrade"), x.req.Upgrade) {
		return nil, &Error{BadResponse, fmt.Errorf("the origin changes to %q, not to %s", shortened(a.header.Get("Upgrade")), x.req.Upgrade)}
	}
	_ = c.SetDeadline(time.Time{}) // from here on the two sides have rules of their own
	a.header.DropHopByHop()
	a.header.Del("Content-Length")
	return &message.Response{Status: a.status, Header: a.header, Live: true, Upgraded: &tunnel{conn: c, stop: stop}}, nil
}

// tunnel is a connection that has been given over. Its reads, and its writes, are
// one at a time.
type tunnel struct {
	conn *conn
	stop func() bool // ends the watch on the viewer's leaving
}

// Read begins with what came behind the answer's header.
func (t *tunnel) Read(p []byte) (int, error) {
	if c := t.conn; c.buf != nil {
		if there := c.buffered(); len(there) > 0 {
			n := copy(p, there)
			c.r += n
			return n, nil
		}
		c.rest()
	}
	return t.conn.Conn.Read(p)
}

func (t *tunnel) Write(p []byte) (int, error) { return t.conn.Conn.Write(p) }

// CloseWrite says that nothing more is sent, where the connection can.
func (t *tunnel) CloseWrite() error {
	if half, ok := t.conn.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (t *tunnel) Close() error {
	t.stop()
	return t.conn.Conn.Close()
}
