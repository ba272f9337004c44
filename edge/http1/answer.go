package http1

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// answer is what is being written, and how it went.
type answer struct {
	// keep is set while another request may follow.
	keep bool
	// chunked and delimited are how a body of unknown length ends: by its last
	// chunk, or with the connection.
	chunked, delimited bool

	// out waits to be written, alone or with the pieces the link has gathered; nil
	// while it has nothing. waiting is how much of all that is body, gathers whether
	// large pieces may wait.
	out     *output
	waiting int
	gathers bool

	bytes, body int64
	began       time.Time
	first, last time.Time
	writes      int
	large       bool // writing took longer than the clock's reading after it tells
	err         error
}

func (a *answer) begin(now time.Time, keep bool) {
	*a = answer{keep: keep, began: now, last: now}
}

// delivery is what the Exchange is told. The clock is read once where there was
// one write.
func (a *answer) delivery() message.Delivery {
	if a.writes != 1 || a.large || a.err != nil {
		a.last = time.Now()
	}
	if a.writes == 0 {
		a.first = time.Time{}
	}
	return message.Delivery{Bytes: a.bytes, Body: a.body, First: a.first, Ended: a.last, Err: a.err}
}

// output returns what waits to be written.
func (a *answer) output() *output {
	if a.out == nil {
		a.out = outputs.Get().(*output)
	}
	return a.out
}

// enlarge notes that a write comes that may wait for the viewer: its first byte
// leaves now, and not when it returns.
func (a *answer) enlarge() {
	a.large = true
	if a.writes == 0 {
		a.first = time.Now()
	}
}

// written notes what became of n bytes, of which the last body are the body's.
func (a *answer) written(n int64, body int, all int, err error) {
	if n > 0 {
		if a.writes++; a.writes == 1 && !a.large {
			a.first = time.Now()
			a.last = a.first
		}
	}
	a.bytes += n
	a.body += max(n-int64(all-body), 0)
	if err != nil && a.err == nil {
		a.err = err
	}
}

// release gives the output back.
func (a *answer) release() {
	a.waiting = 0
	if o := a.out; o != nil {
		a.out = nil
		if cap(o.b) == writeSize {
			o.b = o.b[:0]
			outputs.Put(o)
		}
	}
}

// flush writes what waits.
func (c *conn) flush() error {
	a := &c.answer
	if c.link.gathered > 0 {
		all := c.link.size
		n, err := c.link.sendGathered()
		a.written(n, a.waiting, all, err)
		a.release()
		return err
	}
	if a.out == nil || len(a.out.b) == 0 {
		return a.err
	}
	n, err := c.in.Write(a.out.b)
	a.written(int64(n), a.waiting, len(a.out.b), err)
	a.release()
	return err
}

// frame decides how the body ends (RFC 9112 section 6.3), and returns its length,
// -1 if not known; 0 for no body at all.
func (c *conn) frame(resp *message.Response) int64 {
	a := &c.answer
	switch {
	case c.req.Method == "HEAD" || resp.Status == 204 || resp.Status == 304 || resp.Body == nil:
		return 0
	case resp.Length >= 0:
		return resp.Length
	case c.req.Minor == 1:
		a.chunked = true
	default:
		a.delimited, a.keep = true, false
	}
	return -1
}

// declared is the Content-Length to be sent, -1 for none.
func (c *conn) declared(resp *message.Response) int64 {
	switch {
	case resp.Status == 204 || resp.Status == 304 || c.answer.chunked || c.answer.delimited:
		return -1
	case resp.Body == nil && c.req.Method != "HEAD":
		return 0
	}
	return resp.Length
}

// statusLines has the line of every status that there is a phrase for.
var statusLines = makeStatusLines()

func makeStatusLines() (lines [600]string) {
	for status := range lines {
		if text := http.StatusText(status); text != "" {
			lines[status] = "HTTP/1.1 " + strconv.Itoa(status) + " " + text + "\r\n"
		}
	}
	return lines
}

func appendStatusLine(b []byte, status int) []byte {
	if status >= 0 && status < len(statusLines) && statusLines[status] != "" {
		return append(b, statusLines[status]...)
	}
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	return append(b, " \r\n"...) // the phrase may be empty, its space may not (RFC 9112 section 4)
}

// appendFields appends header fields, but those that say how this message is
// framed or what becomes of its connection: they are ours. It reports whether a
// Date was among them.
//
// No value may end a line and begin another (response splitting). That is checked
// for all of them at once: as many line ends as lines, and no NUL.
func appendFields(b []byte, h message.Header) (_ []byte, dated bool) {
	start, lines, bad := len(b), 0, false
	for i := range h {
		f := &h[i]
		switch len(f.Name) {
		case 0:
			continue
		case len("Date"):
			dated = dated || same(f.Name, "date")
		case len("Trailer"), len("Connection"), len("Content-Length"), len("Proxy-Connection"), len("Transfer-Encoding"):
			if ours(f.Name) {
				continue
			}
		}
		bad = bad || !isToken(f.Name)
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
		b = append(b, "\r\n"...)
		lines++
	}
	if added := b[start:]; bad || bytes.Count(added, []byte{'\n'}) != lines || bytes.Count(added, []byte{'\r'}) != lines || bytes.IndexByte(added, 0) >= 0 {
		b = appendClean(b[:start], h)
	}
	return b, dated
}

// ours tells the fields that the connection's own side writes.
func ours(name string) bool {
	switch len(name) {
	case len("Trailer"):
		return same(name, "trailer") || same(name, "upgrade")
	case len("Connection"):
		return same(name, "connection") || same(name, "keep-alive")
	case len("Content-Length"):
		return same(name, "content-length")
	case len("Proxy-Connection"):
		return same(name, "proxy-connection")
	case len("Transfer-Encoding"):
		return same(name, "transfer-encoding")
	}
	return false
}

func isToken(name string) bool {
	for i := range len(name) {
		if !token[name[i]] {
			return false
		}
	}
	return true
}

// appendClean appends fields of which some would break the message: a value's
// line ends become spaces (RFC 9110 section 5.5), a field whose name is no token
// is left out.
func appendClean(b []byte, h message.Header) []byte {
	for _, f := range h {
		if f.Name == "" || !isToken(f.Name) || ours(f.Name) {
			continue
		}
		b = append(b, f.Name...)
		b = append(b, ": "...)
		for i := range len(f.Value) {
			v := f.Value[i]
			if v == '\r' || v == '\n' || v == 0 {
				v = ' '
			}
			b = append(b, v)
		}
		b = append(b, "\r\n"...)
	}
	return b
}

// appendHead appends the head of an answer.
func (c *conn) appendHead(b []byte, resp *message.Response) []byte {
	a := &c.answer
	b = appendStatusLine(b, resp.Status)
	b, dated := appendFields(b, resp.Header)
	if !dated {
		b = append(b, c.srv.date(a.began)...)
	}
	if n := c.declared(resp); n >= 0 {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, n, 10)
		b = append(b, "\r\n"...)
	} else if a.chunked {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case !a.keep:
		b = append(b, "Connection: close\r\n"...)
	case c.req.Minor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(b, "\r\n"...)
}
