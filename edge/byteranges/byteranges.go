// Package byteranges makes the body of an answer with several ranges (RFC 9110
// section 14.6): each range of the object with a header of its own, between
// boundaries. The bytes of the object are opened range by range, when their turn
// comes, and are handed out where they lie.
package byteranges

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// Part is the bytes of one range.
type Part interface {
	message.Pieces
	io.Closer
}

// Object is what there are ranges of.
type Object struct {
	// Type is its Content-Type, which may be empty, and Size its size.
	Type string
	Size int64
	// Open returns the bytes from offset on; nil if they are there no more. One Part
	// is open at a time.
	Open func(offset, length int64) Part
}

// Body is the body of an answer with several ranges.
type Body struct {
	object Object
	ranges []rfc9111.Range
	// texts go before each range and after the last.
	texts []string
	at    int  // the range or text that is next
	part  Part // whose bytes are being read; nil between two
	rest  []byte
}

// New makes the body of an answer with these ranges of an object, and says how long
// it is. The boundary must be one that nobody can have guessed and put into the
// object.
func New(o Object, ranges []rfc9111.Range, boundary string) (body *Body, length int64) {
	m := &Body{object: o, ranges: ranges}
	for i, r := range ranges {
		var b strings.Builder
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString("--" + boundary + "\r\n")
		if o.Type != "" {
			b.WriteString("Content-Type: " + o.Type + "\r\n")
		}
		b.WriteString("Content-Range: " + r.ContentRange(o.Size) + "\r\n\r\n")
		m.texts = append(m.texts, b.String())
		length += r.Length
	}
	m.texts = append(m.texts, "\r\n--"+boundary+"--\r\n")
	for _, t := range m.texts {
		length += int64(len(t))
	}
	return m, length
}

// Next implements message.Pieces.
func (m *Body) Next() ([]byte, error) {
	if m.part != nil {
		piece, err := m.part.Next()
		if !errors.Is(err, io.EOF) {
			return piece, err
		}
		_ = m.Close() // it has been read to its end
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
	if m.part = m.object.Open(r.Offset, r.Length); m.part == nil {
		return nil, errors.New("the range " + strconv.Itoa(m.at) + " is there no more")
	}
	return []byte(text), nil
}

// Read implements io.Reader.
func (m *Body) Read(p []byte) (int, error) {
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
func (m *Body) Close() error {
	if m.part == nil {
		return nil
	}
	part := m.part
	m.part = nil
	return part.Close()
}
