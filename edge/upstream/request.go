package upstream

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/warmfront/warmfront/edge/message"
)

// appendRequest appends the request line and the fields of r as HTTP/1.1 has
// them. It refuses what would end a line early: viewers' adapters and the
// configuration are trusted with meaning, not with framing.
func appendRequest(b []byte, r *message.Request) ([]byte, error) {
	method := r.Method
	if r.Upgrade != "" {
		method = http.MethodGet // an HTTP/2 viewer's is CONNECT (RFC 8441)
	}
	if !httpguts.ValidHeaderFieldName(method) || !visible(r.Path) || !visible(r.Query) || !visible(r.Host) {
		return nil, errors.New("the request's first line has bytes that are not allowed")
	}
	b = append(append(b, method...), ' ')
	b = append(b, r.Path...)
	if r.Query != "" {
		b = append(append(b, '?'), r.Query...)
	}
	b = append(append(b, " HTTP/1.1\r\nHost: "...), r.Host...)
	switch {
	case r.Upgrade != "":
		b = appendField(append(b, "\r\nConnection: Upgrade"...), "Upgrade", r.Upgrade)
		if r.Upgrade == webSocket && !r.Header.Has("Sec-WebSocket-Key") {
			b = appendField(b, "Sec-WebSocket-Key", webSocketKey())
		}
	default:
		b = append(b, "\r\nConnection: Keep-Alive"...)
	}
	switch {
	case r.Upgrade != "":
	case hasBody(r) && r.Length < 0:
		b = appendField(b, "Transfer-Encoding", "chunked")
	case hasBody(r):
		b = appendField(b, "Content-Length", strconv.FormatInt(r.Length, 10))
	case method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch:
		b = appendField(b, "Content-Length", "0")
	}
	for _, f := range r.Header {
		if ours(f.Name) {
			continue
		}
		if !validField(f) {
			return nil, fmt.Errorf("the field %q has bytes that are not allowed", f.Name)
		}
		b = appendField(b, f.Name, f.Value)
	}
	return append(b, "\r\n\r\n"...), nil
}

// appendField appends a field before the end of the line that was before it.
func appendField(b []byte, name, value string) []byte {
	b = append(append(b, "\r\n"...), name...)
	return append(append(b, ": "...), value...)
}

func validField(f message.Field) bool {
	return httpguts.ValidHeaderFieldName(f.Name) && httpguts.ValidHeaderFieldValue(f.Value)
}

// visible reports whether s can stand in a request line.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// ours reports whether a field is said by the connection, not by the request.
func ours(name string) bool {
	switch len(name) {
	case len("te"), len("host"), len("expect"), len("upgrade"), len("connection"), len("content-length"), len("proxy-connection"), len("transfer-encoding"):
		for _, n := range [...]string{"TE", "Host", "Expect", "Upgrade", "Trailer", "Connection", "Keep-Alive", "Content-Length", "Proxy-Connection", "Transfer-Encoding"} {
			if strings.EqualFold(name, n) {
				return true
			}
		}
	}
	return false
}

func hasBody(r *message.Request) bool { return r.Body != nil && r.Length != 0 && r.Upgrade == "" }

const webSocket = "websocket"

// webSocketKey makes the key that a viewer over HTTP/2 does not send (RFC 8441
// section 5).
func webSocketKey() string {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	return base64.StdEncoding.EncodeToString(key[:])
}

// sending is a request body on its way, beside the answer: either may end first.
type sending struct {
	c       *conn
	r       *message.Request
	timeout time.Duration
	stopped atomic.Bool   // nothing more is to be read from the viewer
	done    chan struct{} // closed once err is there and the viewer's body is left alone
	err     error
}

// errOfViewer marks an error of reading the viewer's body.
type errOfViewer struct{ error }

func (e errOfViewer) Unwrap() error { return e.error }

var errStopped = errors.New("the answer ended before the request did")

// lastWord is how long an answer is waited for once the origin takes no more of
// the request: it may have refused it, and said so.
const lastWord = time.Second

func send(c *conn, r *message.Request, timeout time.Duration) *sending {
	s := &sending{c: c, r: r, timeout: timeout, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		var viewer errOfViewer
		switch s.err = s.copy(); {
		case s.err == nil:
			_ = c.SetReadDeadline(time.Now().Add(timeout)) // the answer's time begins
		case errors.As(s.err, &viewer):
			_ = c.Conn.Close() // the origin must not take what it has for the whole
		default:
			_ = c.SetReadDeadline(time.Now().Add(min(lastWord, timeout)))
		}
	}()
	return s
}

// ended reports whether the body has been sent, or cannot be.
func (s *sending) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Pieces of a body leave room around them for the framing of a chunk.
const (
	chunkHead = len("12345678\r\n")
	chunkTail = len("\r\n")
)

func (s *sending) copy() error {
	buf := s.c.buffers.get()
	defer s.c.buffers.pool.Put(buf)
	for left := s.r.Length; left != 0; {
		if s.stopped.Load() {
			return errStopped
		}
		piece := buf[chunkHead : bufferSize-chunkTail]
		if left > 0 {
			piece = piece[:min(int64(len(piece)), left)]
		}
		n, err := s.r.Body.Read(piece)
		if n > 0 {
			if err := s.write(buf, n); err != nil {
				return err
			}
		}
		switch {
		case left > 0:
			left -= int64(n)
		case errors.Is(err, io.EOF):
			return s.last(buf)
		}
		if err != nil && left != 0 {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return errOfViewer{fmt.Errorf("the viewer's body: %w", err)}
		}
	}
	return nil
}

// write sends the n bytes that lie behind the room for a chunk's head.
func (s *sending) write(buf *[bufferSize]byte, n int) error {
	from, to := chunkHead, chunkHead+n
	if s.r.Length < 0 {
		var head [chunkHead]byte
		h := append(strconv.AppendInt(head[:0], int64(n), 16), "\r\n"...)
		from -= copy(buf[chunkHead-len(h):], h)
		to += copy(buf[to:], "\r\n")
	}
	return s.writeAll(buf[from:to])
}

// last ends a chunked body, with the fields that came behind it.
func (s *sending) last(buf *[bufferSize]byte) error {
	b := append(buf[:0], '0')
	for _, f := range trailerOf(s.r) {
		b = appendField(b, f.Name, f.Value)
	}
	return s.writeAll(append(b, "\r\n\r\n"...))
}

func (s *sending) writeAll(b []byte) error {
	_ = s.c.SetWriteDeadline(time.Now().Add(s.timeout)) // fails on closed connections only, as the write will
	_, err := s.c.Write(b)
	return err
}

// trailerOf returns what of a request's trailer may be sent on.
func trailerOf(r *message.Request) message.Header {
	if r.Trailer == nil {
		return nil
	}
	return trailer(r.Trailer())
}

// trailer leaves out of a trailer what must not be in one (RFC 9110 section
// 6.5.1): framing, routing, and what belongs to a connection.
func trailer(h message.Header) message.Header {
	h = h.Clone(0)
	h.Filter(func(f message.Field) bool { return validField(f) && !ours(f.Name) && !message.HopByHop(f.Name) })
	return h
}
