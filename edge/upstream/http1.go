package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// maxInterim bounds the interim answers before an answer.
const maxInterim = 32

// exchange is one request to an origin.
type exchange struct {
	ctx     context.Context
	pool    *pool
	req     *message.Request
	timeout time.Duration // the origin's response time-out
	// timeouts is how often it has been over.
	timeouts int
}

// staleError says that a connection that had been idle was closed by the origin
// before the request came to it, as far as can be known.
type staleError struct {
	error
	unsent bool // it was closed on our side too: no byte was sent
}

func (e staleError) Unwrap() error { return e.error }

// http1 asks over c, which is given up on an error and belongs to the answer
// otherwise.
func (x *exchange) http1(c *conn) (*message.Response, error) {
	c.awake()
	stop := context.AfterFunc(x.ctx, func() { _ = c.Conn.Close() })
	resp, err := x.ask(c, stop)
	if err != nil {
		stop()
		c.discard()
		if cause := context.Cause(x.ctx); cause != nil {
			err = cause
		}
	}
	return resp, err
}

func (x *exchange) ask(c *conn, stop func() bool) (*message.Response, error) {
	line, err := appendRequest(c.buf[:0], x.req)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	_ = c.SetDeadline(now.Add(x.timeout)) // fails on closed connections only, as the write will
	if n, err := c.Write(line); err != nil {
		if n == 0 && c.used {
			return nil, staleError{broken(Write, err), true}
		}
		return nil, broken(Write, err)
	}
	var s *sending
	if hasBody(x.req) {
		_ = c.SetReadDeadline(time.Time{}) // runs once the body is sent
		s = send(c, x.req, x.timeout)
	}
	a, err := x.await(c, s)
	if err != nil {
		return nil, x.unsent(s, err)
	}
	if a.status == 101 {
		return x.upgraded(c, a, stop)
	}
	return x.answer(c, a, s, stop)
}

// unsent is why there is no answer, err, or why the request's body did not arrive:
// then the viewer's failure stays what it is.
func (x *exchange) unsent(s *sending, err error) error {
	if s == nil {
		return err
	}
	s.stopped.Store(true)
	if errors.Is(err, net.ErrClosed) { // by whoever sends, or for the viewer's leaving
		select {
		case <-s.done:
		case <-x.ctx.Done():
		}
	}
	var viewer errOfViewer
	switch {
	case !s.ended(), s.err == nil, errors.Is(s.err, errStopped):
		return err
	case errors.As(s.err, &viewer):
		return viewer.error
	}
	return broken(Write, s.err)
}

// await reads answers up to the first that is not interim.
func (x *exchange) await(c *conn, s *sending) (answer, error) {
	for n, size := 0, 0; n <= maxInterim; n++ {
		block, err := c.block()
		if err != nil {
			return answer{}, x.unanswered(c, n, err)
		}
		a, err := parseAnswer(block)
		switch {
		case err != nil:
			return a, &Error{BadResponse, err}
		case a.status == 101 && x.req.Upgrade == "":
			return a, &Error{BadResponse, errors.New("the origin changes to a protocol that nobody asked for")}
		case a.status == 101 || a.status >= 200:
			return a, nil
		}
		if size += len(block); size > MaxHeader {
			return a, &Error{HeaderTooBig, errHeaderTooBig}
		}
		if a.status != 100 && x.req.Interim != nil {
			a.header.DropHopByHop()
			x.req.Interim(a.status, a.header)
		}
		if s == nil || s.ended() {
			_ = c.SetReadDeadline(time.Now().Add(x.timeout)) // an origin that says it is at work is waited for
		}
	}
	return answer{}, &Error{BadResponse, fmt.Errorf("more than %d interim answers", maxInterim)}
}

// unanswered is why no header came, n interim answers apart.
func (x *exchange) unanswered(c *conn, n int, err error) error {
	fresh := !c.used || n > 0 || c.r != c.w
	switch {
	case isTimeout(err):
		return &Error{ReadTimeout, errReadTimeout}
	case errors.Is(err, errHeaderTooBig):
		return &Error{HeaderTooBig, err}
	case errors.Is(err, io.EOF): // closed without a word: no end of anything
		closed := &Error{BadResponse, errClosed}
		if fresh || c.tookRequest() {
			return closed
		}
		return staleError{closed, false}
	case fresh:
		return &Error{BadResponse, err}
	}
	return staleError{&Error{BadResponse, err}, false}
}

// answer makes the response of what has been read of it.
func (x *exchange) answer(c *conn, a answer, s *sending, stop func() bool) (*message.Response, error) {
	framing, length, err := a.framing(x.req.Method)
	if err != nil {
		if s != nil {
			s.stopped.Store(true)
		}
		return nil, &Error{BadResponse, err}
	}
	b := &body{
		x: x, c: c, sending: s, stop: stop, framing: framing, left: max(length, 0),
		keep: a.persistent() && framing != untilClose, patience: a.patience(),
	}
	a.header.DropHopByHop()
	resp := &message.Response{Status: a.status, Header: a.header, Length: length, Live: true}
	switch {
	case framing == noBody || framing == fixedLength && length == 0:
		b.left = 0
		b.end(io.EOF)
	case framing == chunked:
		resp.Trailer = b.Trailer
	}
	resp.Body = b
	return resp, nil
}
