package http2

import (
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/http2/hpack"
	"github.com/warmfront/warmfront/edge/message"
)

// appendAnswer appends an answer's HEADERS.
func (c *conn) appendAnswer(st *stream, resp *message.Response, last bool, now time.Time) {
	out := c.room()
	start := c.startHeaders(out)
	out.b = c.encoder.Status(out.b, resp.Status)
	dated := false
	for i := range resp.Header {
		f := &resp.Header[i]
		switch kindOf(f.Name) {
		case fieldForbidden:
			continue
		case fieldDate:
			dated = true
		}
		out.b = c.encoder.Field(out.b, f.Name, f.Value)
	}
	if resp.Length >= 0 && resp.Status != 204 && resp.Status != 304 {
		out.b = hpack.AppendContentLength(out.b, resp.Length)
	}
	if !dated {
		// An origin server with a clock sends one, and so must who answers for it
		// (RFC 9110 section 6.6.1).
		out.b = c.encoder.Field(out.b, "date", c.dateAt(now))
	}
	st.began = true
	c.endHeaders(st, out, start, last)
}

// appendInterim appends an interim answer (RFC 9110 section 15.2).
func (c *conn) appendInterim(st *stream, status int, h message.Header) {
	if st.began || st.ended || st.err != nil || c.err != nil {
		return
	}
	out := c.room()
	start := c.startHeaders(out)
	out.b = c.encoder.Status(out.b, status)
	c.appendFields(out, h)
	c.endHeaders(st, out, start, false)
}

// interim implements message.Request's Interim. HTTP/2 has no 101 (RFC 9113
// section 8.6).
func (st *stream) interim(status int, h message.Header) {
	if status <= 101 || status > 199 {
		return
	}
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	st.c.appendInterim(st, status, h)
	st.c.push()
}

// sendTrailer ends an answer with the fields that come after its body, if there
// may be any.
func (st *stream) sendTrailer(resp *message.Response) error {
	if resp.Trailer == nil {
		return nil
	}
	h := resp.Trailer()
	if len(h) == 0 {
		return st.send(nil, true)
	}
	c := st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.failure(st); err != nil {
		return err
	}
	out := c.room()
	start := c.startHeaders(out)
	c.appendFields(out, h)
	c.endHeaders(st, out, start, true)
	c.push()
	return nil
}

func (c *conn) appendFields(out *buffer, h message.Header) {
	for i := range h {
		if kindOf(h[i].Name) != fieldForbidden {
			out.b = c.encoder.Field(out.b, h[i].Name, h[i].Value)
		}
	}
}

// startHeaders begins a header block and returns where its frame lies.
func (c *conn) startHeaders(out *buffer) int {
	start := len(out.b)
	out.b = c.encoder.Begin(appendFrameHeader(out.b, 0, frameHeaders, 0, 0))
	return start
}

// endHeaders writes the header of the frame that lies at start. A block larger
// than the viewer's frames is cut into CONTINUATIONs.
func (c *conn) endHeaders(st *stream, out *buffer, start int, last bool) {
	flags := byte(flagEndHeaders)
	if last {
		flags |= flagEndStream
	}
	body := start + frameHeaderLen
	if len(out.b)-body <= c.maxFrame {
		appendFrameHeader(out.b[:start], len(out.b)-body, frameHeaders, flags, st.id)
	} else {
		block := append([]byte(nil), out.b[body:]...)
		out.b = out.b[:start]
		kind := byte(frameHeaders)
		flags &^= flagEndHeaders
		for len(block) > 0 {
			n := min(len(block), c.maxFrame)
			if n == len(block) {
				flags |= flagEndHeaders
			}
			out.b = append(appendFrameHeader(out.b, n, kind, flags, st.id), block[:n]...)
			kind, flags, block = frameContinuation, 0, block[n:]
		}
	}
	st.sent.Bytes += int64(len(out.b) - start)
	if last {
		c.end(st)
	}
}

// What HTTP/2 makes of an answer's field.
type fieldKind byte

const (
	fieldPlain fieldKind = iota
	fieldDate
	// fieldForbidden is what belongs to connections of HTTP/1.1 (RFC 9113 section
	// 8.2.2), and Content-Length, which is written from the answer's own length.
	fieldForbidden
)

func kindOf(name string) fieldKind {
	switch len(name) {
	case len("Date"):
		if strings.EqualFold(name, "date") {
			return fieldDate
		}
	case len("Upgrade"):
		if strings.EqualFold(name, "upgrade") {
			return fieldForbidden
		}
	case len("Connection"):
		if strings.EqualFold(name, "connection") || strings.EqualFold(name, "keep-alive") {
			return fieldForbidden
		}
	case len("Content-Length"):
		if strings.EqualFold(name, "content-length") {
			return fieldForbidden
		}
	case len("Proxy-Connection"):
		if strings.EqualFold(name, "proxy-connection") {
			return fieldForbidden
		}
	case len("Transfer-Encoding"):
		if strings.EqualFold(name, "transfer-encoding") {
			return fieldForbidden
		}
	}
	return fieldPlain
}

// dateLayout is IMF-fixdate (RFC 9110 section 5.6.7).
const dateLayout = "Mon, 02 Jan 2006 15:04:05 GMT"

// dateAt returns a Date, made once a second.
func (c *conn) dateAt(now time.Time) string {
	if s := now.Unix(); s != c.dateSecond {
		c.date, c.dateSecond = now.UTC().Format(dateLayout), s
	}
	return c.date
}
