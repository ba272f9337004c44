package nethttp

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/warmfront/warmfront/edge/message"
)

// viewer is the other end of one request.
type viewer struct {
	http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration // for one piece
	request *http.Request

	mu       sync.Mutex // interim answers may come from other goroutines
	answered bool       // the header of the answer has been written, or is about to be

	live    bool
	length  int64 // what was announced, -1 if nothing was
	sent    int64 // of the body
	started time.Time
}

var (
	errTooShort = errors.New("the body ended before its announced length")
	errTooLong  = errors.New("the body is longer than announced")
)

// interim implements message.Request.Interim. 100 is the library's to send when
// the body is first read, and 101 is no interim answer.
func (v *viewer) interim(status int, h message.Header) {
	if status > 101 && status < 200 {
		v.interimNow(status, h)
	}
}

func (v *viewer) interimNow(status int, h message.Header) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.answered {
		return
	}
	v.addFields("", h)
	v.WriteHeader(status)
	clear(v.Header())
}

func (v *viewer) addFields(prefix string, h message.Header) {
	to := v.Header()
	for _, f := range h {
		name := prefix + http.CanonicalHeaderKey(f.Name)
		to[name] = append(to[name], f.Value)
	}
}

// deliver writes an answer.
func (v *viewer) deliver(resp *message.Response) message.Delivery {
	var err error
	if resp.Upgraded != nil {
		err = v.tunnel(resp)
	} else {
		v.writeHeader(resp)
		err = v.writeBody(resp)
	}
	if err == nil && resp.Trailer != nil {
		v.addTrailers(resp.Trailer())
	}
	if err == nil && v.request.ProtoMajor == 3 {
		err = v.control.Flush() // a short answer is held back: has it a taker?
	}
	v.renew() // for what the library still holds back
	head := len("HTTP/1.1 200 \r\n\r\n") + len(http.StatusText(resp.Status)) + resp.Header.Size()
	return message.Delivery{Bytes: int64(head) + v.sent, Body: v.sent, First: v.started, Ended: time.Now(), Err: err}
}

func (v *viewer) writeHeader(resp *message.Response) {
	v.mu.Lock()
	v.answered = true
	v.mu.Unlock()
	v.length, v.live = resp.Length, resp.Live
	v.addFields("", resp.Header)
	h := v.Header()
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // or the library guesses one
	}
	switch {
	case resp.Length >= 0 && resp.Status >= 200 && resp.Status != 204 && resp.Status != 304:
		h.Set("Content-Length", strconv.FormatInt(resp.Length, 10))
	case resp.Body != nil:
		h.Del("Content-Length")
	}
	v.renew()
	v.started = time.Now()
	v.WriteHeader(resp.Status)
}

// writeBody writes what the header announced.
func (v *viewer) writeBody(resp *message.Response) error {
	if resp.Body == nil || v.request.Method == http.MethodHead || resp.Status == 204 || resp.Status == 304 {
		return nil
	}
	// net/http measures a short body by itself; one of announced length has no
	// trailers over HTTP/1.1.
	if v.live || v.length < 0 && resp.Trailer != nil {
		if err := v.flush(); err != nil {
			return err
		}
	}
	if err := v.copyBody(resp.Body); err != nil {
		return err
	}
	if v.sent < v.length {
		return errTooShort
	}
	return nil
}

func (v *viewer) copyBody(body io.Reader) error {
	var next func() ([]byte, error)
	if pieces, ok := body.(message.Pieces); ok {
		next = pieces.Next
	} else {
		buf := make([]byte, maxWrite)
		next = func() ([]byte, error) {
			n, err := body.Read(buf)
			return buf[:n], err
		}
	}
	for {
		piece, err := next()
		if werr := v.writePiece(piece); werr != nil {
			return werr
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// maxWrite is what a viewer has one time limit for.
const maxWrite = 32 << 10

// writePiece writes p, and passes it on at once if the body is live.
func (v *viewer) writePiece(p []byte) error {
	if v.length >= 0 && v.sent+int64(len(p)) > v.length {
		return errTooLong
	}
	for len(p) > 0 {
		v.renew()
		n, err := v.Write(p[:min(len(p), maxWrite)])
		v.sent += int64(n)
		if err != nil {
			return err
		}
		if p = p[n:]; v.live {
			if err := v.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush passes on what was written. While the next piece is awaited no deadline
// may stand: HTTP/2 resets a stream whose deadline passes, whether or not something
// is being written.
func (v *viewer) flush() error {
	if err := v.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_ = v.control.SetWriteDeadline(time.Time{})
	return nil
}

func (v *viewer) renew() {
	_ = v.control.SetWriteDeadline(time.Now().Add(v.limit)) // not supported by a test's recorder
}

// addTrailers hands the library the fields that come after the body. It sends them
// where the protocol can: over HTTP/1.1, not after a body of announced length.
func (v *viewer) addTrailers(h message.Header) {
	h = h.Clone(0)
	h.Filter(func(f message.Field) bool { return httpguts.ValidTrailerHeader(f.Name) })
	v.addFields(http.TrailerPrefix, h)
}
