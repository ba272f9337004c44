package edge

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// byteRanges is the body of a 206 of several ranges (RFC 9110 section 14.6): each
// with a header of its own between boundaries.
type byteRanges struct {
	ctx    context.Context
	x      *exchange
	object *cache.Object
	ranges []rfc9111.Range
	// texts go before each range and after the last.
	texts []string
	at    int  // the range or text that is next
	open  bool // the range's bytes are being read
	rest  []byte
}

// manyRanges makes an answer one of several ranges.
func (x *exchange) manyRanges(ctx context.Context, resp *message.Response, o *cache.Object, ranges []rfc9111.Range) {
	m := &byteRanges{ctx: ctx, x: x, object: o, ranges: ranges}
	boundary := strings.TrimRight(x.id, "=") // nobody can have guessed it and put it into the object
	for i, r := range ranges {
		var b strings.Builder
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString("--" + boundary + "\r\n")
		if t := o.Header.Get("Content-Type"); t != "" {
			b.WriteString("Content-Type: " + t + "\r\n")
		}
		b.WriteString("Content-Range: " + r.ContentRange(size(o)) + "\r\n\r\n")
		m.texts = append(m.texts, b.String())
	}
	m.texts = append(m.texts, "\r\n--"+boundary+"--\r\n")
	resp.Status, resp.Length = 206, 0
	for _, t := range m.texts {
		resp.Length += int64(len(t))
	}
	for _, r := range ranges {
		resp.Length += r.Length
	}
	resp.Header.Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	resp.Body, resp.Live = m, o.Body.Sliced()
}

// Next implements message.Pieces.
func (m *byteRanges) Next() ([]byte, error) {
	for {
		if m.open {
			piece, err := m.x.reader.Next()
			if !errors.Is(err, io.EOF) {
				return piece, err
			}
			_ = m.x.reader.Close()
			m.open = false
			m.at++
		}
		if m.at == len(m.texts) {
			return nil, io.EOF
		}
		text := m.texts[m.at]
		if m.at == len(m.ranges) {
			m.at++
			return []byte(text), nil
		}
		r := m.ranges[m.at]
		if !m.object.Body.OpenFrom(&m.x.reader, m.ctx, r.Offset, r.Length, m.x) {
			return nil, errors.New("the range " + strconv.Itoa(m.at) + " is there no more")
		}
		m.open = true
		return []byte(text), nil
	}
}

// Read implements io.Reader.
func (m *byteRanges) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		var err error
		if m.rest, err = m.Next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (m *byteRanges) Close() error { return m.x.reader.Close() }
