package http1

import (
	"net/http"
	"strconv"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// quiet says whether only the answer may be written from now on.
func (c *conn) quiet(on bool) {
	c.speaking.Lock()
	c.answering = on
	c.speaking.Unlock()
}

// say writes what is no answer, unless the answer has begun.
func (c *conn) say(b []byte) error {
	c.speaking.Lock()
	defer c.speaking.Unlock()
	if c.answering {
		return errBodyOver
	}
	n, err := c.in.Write(b)
	c.answer.bytes += int64(n)
	return err
}

// proceed asks for the body that the viewer holds back (RFC 9110 section 10.1.1).
func (c *conn) proceed() error {
	if err := c.say(continueLine); err != nil {
		return errShortBody
	}
	return nil
}

var continueLine = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// interim implements message.Request.Interim. 100 is the connection's own to say,
// and 101 an answer.
func (c *conn) interim(status int, h message.Header) {
	if status < 102 || status > 199 {
		return
	}
	o := outputs.Get().(*output)
	b, _ := appendFields(appendStatusLine(o.b[:0], status), h)
	b = append(b, crlf...)
	_ = c.say(b) // a viewer that is gone shows in the answer
	outputs.Put(o)
}

// refuse answers what is no request, and closes the connection: where one ended
// and the next begins is not known any more.
func (c *conn) refuse(why *refusal) {
	c.srv.cfg.Logger.Debug("refused", "viewer", c.viewer, "status", why.status, "why", why.sentence)
	c.lingers = true
	c.answer.keep = false
	b := make([]byte, 0, 512)
	b = appendStatusLine(b, why.status)
	b = append(b, "Server: CloudFront\r\n"...)
	b = append(b, c.srv.date(time.Now())...)
	if why == errConnect {
		b = append(b, "Allow: GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE\r\n"...) // RFC 9110 section 15.5.6
	}
	text := strconv.Itoa(why.status) + " " + http.StatusText(why.status) + "\n" + why.sentence + "\n"
	b = append(b, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(text)), 10)
	b = append(b, "\r\nConnection: close\r\n\r\n"...)
	_, _ = c.in.Write(append(b, text...)) // there is nobody else to tell
}

const (
	// lingerTime is how long a viewer may take to notice that the connection was
	// closed.
	lingerTime  = time.Second
	lingerBytes = 1 << 20
)

// linger ends our side and waits for the viewer to end its own, or for a moment:
// were the connection closed with something unread, the kernel would tell the
// viewer that it was reset, before it has read our last words (RFC 9112 section
// 9.6).
func (c *conn) linger() {
	if c.tls != nil {
		closeWrite(c.tls)
	}
	if !closeWrite(c.link.Conn) || c.link.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	buf := c.workspace().buf
	for n := 0; n < lingerBytes; {
		m, err := c.link.Read(buf)
		if n += m; err != nil {
			return
		}
	}
}
