package http1

import (
	"errors"
	"io"
	"strconv"

	"github.com/warmfront/warmfront/edge/message"
)

// send writes an answer. What goes wrong is in c.answer.
func (c *conn) send(resp *message.Response) {
	a := &c.answer
	if resp == nil || resp.Status < 200 || resp.Status > 999 {
		if resp != nil && resp.Upgraded != nil {
			if resp.Status == 101 && c.req.Upgrade != "" {
				c.upgrade(resp)
				return
			}
			_ = resp.Upgraded.Close() // nobody asked for it
		}
		a.err = errNoAnswer
		c.refuse(errNoAnswer)
		return
	}
	if a.keep && (c.srv.closing.Load() || c.srv.cfg.Draining() || c.body != nil && !c.body.reusable()) {
		a.keep = false
	}
	length := c.frame(resp)
	o := a.output()
	o.b = c.appendHead(o.b, resp)
	err := error(nil)
	if length != 0 {
		err = c.sendBody(resp, length)
	}
	if err == nil && a.chunked {
		err = c.sendEnd(resp)
	}
	if err == nil {
		err = c.flush()
	}
	if err != nil {
		c.breakOff(err)
	}
	a.release()
}

// breakOff ends an answer of which a part is missing. What there is goes out: the
// viewer is to see an answer that broke off, and not none, which it might ask for
// again by itself.
func (c *conn) breakOff(err error) {
	a := &c.answer
	a.keep = false
	if a.err == nil {
		a.err = err
		_ = c.flush() // the first error is the one to tell
	}
	// TLS says goodbye when it is closed, and TCP too: where the end of the
	// connection is the end of the body, neither may.
	if a.delimited {
		c.link.reset()
		return
	}
	_ = c.link.Conn.Close() // the viewer is to lose it
}

// sendBody writes the body: length bytes of it, or all if that is -1.
func (c *conn) sendBody(resp *message.Response, length int64) error {
	if resp.Live {
		if err := c.flush(); err != nil {
			return err
		}
	}
	pieces, _ := resp.Body.(message.Pieces)
	var sections message.Sections
	if sendsFiles && c.tls == nil && c.link.raw != nil {
		sections, _ = resp.Body.(message.Sections)
	}
	// Pieces lie where they are until the body is closed. A chunk is written at once,
	// since its framing lies in what is used for the next.
	a := &c.answer
	a.gathers = pieces != nil && sections == nil && !resp.Live && !a.chunked
	for left := length; left != 0; {
		n, err := int64(0), error(nil)
		if sections != nil {
			n, err = c.sendSection(sections, left)
		}
		if n == 0 && err == nil {
			n, err = c.sendPiece(resp.Body, pieces, left)
		}
		if left > 0 {
			left -= n
		}
		if resp.Live && n > 0 && (err == nil || errors.Is(err, io.EOF)) {
			if err := c.flush(); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF) && left <= 0:
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return nil
}

// sendPiece writes the piece that comes next, at most limit bytes of it if that is
// not negative.
func (c *conn) sendPiece(body io.Reader, pieces message.Pieces, limit int64) (int64, error) {
	var piece []byte
	var err error
	if pieces != nil {
		piece, err = pieces.Next()
	} else {
		buf := copies.Get().(*[copySize]byte)
		defer copies.Put(buf)
		var n int
		n, err = body.Read(buf[:])
		piece = buf[:n]
	}
	if limit >= 0 && int64(len(piece)) > limit {
		piece = piece[:limit]
	}
	if len(piece) == 0 {
		return 0, err
	}
	if failed := c.put(piece); failed != nil {
		return 0, failed
	}
	return int64(len(piece)), err
}

// put adds a piece of the body: to what waits where it fits in, and else by
// writing both.
func (c *conn) put(piece []byte) error {
	const framing = len("\r\n") + 16 + len("\r\n")
	a := &c.answer
	o := a.output()
	if a.chunked {
		if len(o.b)+framing > cap(o.b) {
			if err := c.flush(); err != nil {
				return err
			}
			o = a.output()
		}
		o.b = appendChunkSize(o.b, int64(len(piece)))
	}
	if len(o.b)+len(piece)+framing > cap(o.b) || c.link.gathered > 0 {
		return c.putLarge(piece)
	}
	o.b = append(o.b, piece...)
	a.waiting += len(piece)
	if a.chunked {
		o.b = append(o.b, crlf...)
	}
	return nil
}

const crlf = "\r\n"

var crlfBytes = []byte(crlf)

func appendChunkSize(b []byte, n int64) []byte {
	b = strconv.AppendInt(b, n, 16)
	return append(b, crlf...)
}

// putLarge writes what waits and a piece, without copying that: at once where the
// kernel takes both, and else what waits filled up with as much of the piece as
// makes a full TLS record, and then the rest.
func (c *conn) putLarge(piece []byte) error {
	a := &c.answer
	a.enlarge()
	o := a.output()
	if c.tls == nil && c.link.tcp != nil {
		if c.link.gathered == 0 && len(o.b) > 0 {
			c.link.gather(o.b)
		}
		a.waiting += len(piece)
		room := c.link.gather(piece)
		if a.chunked {
			c.link.gather(crlfBytes)
		}
		if a.gathers && room {
			return nil
		}
		return c.flush()
	}
	fill := min(cap(o.b)-len(o.b), len(piece))
	o.b = append(o.b, piece[:fill]...)
	a.waiting += fill
	c.link.corks(c.tls != nil)
	err := c.flush()
	if rest := piece[fill:]; err == nil && len(rest) > 0 {
		var n int
		n, err = c.in.Write(rest)
		a.written(int64(n), len(rest), len(rest), err)
	}
	if failed := c.link.uncork(); err == nil && failed != nil {
		err = failed
		a.written(0, 0, 0, err)
	}
	if err == nil && a.chunked {
		a.output().b = append(a.output().b, crlf...)
	}
	return err
}

// smallSection is how much of a file is rather read and sent with what waits, in
// two system calls, than sent by the kernel in two.
const smallSection = 8 << 10

// sendSection writes the bytes that come next if they lie in a file; 0 if not.
func (c *conn) sendSection(s message.Sections, limit int64) (int64, error) {
	a := &c.answer
	f, at, n, err := s.Section()
	if err != nil || n == 0 {
		return 0, err
	}
	if limit >= 0 {
		n = min(n, limit)
	}
	if n <= smallSection {
		buf := copies.Get().(*[copySize]byte)
		defer copies.Put(buf)
		if m, err := f.ReadAt(buf[:n], at); int64(m) < n {
			return 0, unexpected(err)
		}
		return n, c.put(buf[:n])
	}
	o := a.output()
	if a.chunked {
		o.b = appendChunkSize(o.b, n)
	}
	a.enlarge()
	head := len(o.b) - a.waiting
	all := int64(len(o.b)) + n
	sent, err := c.link.sendFile(o.b, f, at, n)
	a.written(sent, int(all)-head, int(all), err)
	a.release()
	if err != nil {
		return 0, unexpected(err)
	}
	if a.chunked {
		a.output().b = append(a.output().b, crlf...)
	}
	return n, nil
}

// unexpected keeps the end of a file from being taken for the end of the body.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// sendEnd adds the last chunk and the trailer.
func (c *conn) sendEnd(resp *message.Response) error {
	a := &c.answer
	if len(a.output().b)+len("0\r\n\r\n") > writeSize {
		if err := c.flush(); err != nil {
			return err
		}
	}
	o := a.output()
	o.b = append(o.b, "0\r\n"...)
	if resp.Trailer != nil {
		o.b, _ = appendFields(o.b, resp.Trailer())
	}
	o.b = append(o.b, crlf...)
	return nil
}
