package nethttp

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// attachBody gives the request the body that the viewer sends, if any.
func (v *viewer) attachBody(req *message.Request) {
	r := v.request
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	body := &requestBody{viewer: v, rest: r.Body, waits: r.ProtoMajor == 3 && strings.EqualFold(r.Header.Get("Expect"), "100-continue")}
	if !announcesBody(r) {
		if err := body.peek(); err != nil {
			if errors.Is(err, io.EOF) {
				req.Length = 0
				return
			}
			panic(http.ErrAbortHandler) // more came than was announced, or nothing and no end either
		}
	}
	req.Body, req.Trailer = body, func() message.Header { return appendFields(nil, r.Trailer) }
}

// announcesBody reports whether a request has said that it has a body. Over HTTP/2
// and HTTP/3 the end of a request may be a frame of its own: whether a GET without
// Content-Length has a body shows when the next frame comes. For the methods that
// are there to send one it is not waited for, because the sender may be waiting
// for the answer.
func announcesBody(r *http.Request) bool {
	if r.ProtoMajor < 2 || r.ContentLength > 0 {
		return true
	}
	switch r.Method {
	case "POST", "PUT", "PATCH", "CONNECT":
		return r.ContentLength < 0
	}
	return false
}

// requestBody gives a viewer a time limit for each piece of its body. At its end
// the libraries take the deadline away themselves.
type requestBody struct {
	viewer *viewer
	rest   io.Reader
	first  []byte // what peek has read and Read has not yet handed out
	ended  error  // what came with it
	// waits is set while the viewer waits for 100 (Continue), which only the
	// library for HTTP/3 leaves to the handler.
	waits bool
}

// peek waits for the first byte, and returns io.EOF if there is none.
func (b *requestBody) peek() error {
	first := make([]byte, 1)
	n := 0
	for n == 0 && b.ended == nil {
		n, b.ended = b.read(first)
	}
	if b.first = first[:n]; n == 0 {
		return b.ended
	}
	return nil
}

func (b *requestBody) Read(p []byte) (int, error) {
	if len(b.first) > 0 {
		n := copy(p, b.first)
		b.first = b.first[n:]
		return n, nil
	}
	if b.ended != nil {
		return 0, b.ended
	}
	return b.read(p)
}

func (b *requestBody) read(p []byte) (int, error) {
	if b.waits {
		b.waits = false
		b.viewer.interimNow(http.StatusContinue, nil)
	}
	_ = b.viewer.control.SetReadDeadline(time.Now().Add(b.viewer.limit)) // not supported by a test's recorder
	return b.rest.Read(p)
}
