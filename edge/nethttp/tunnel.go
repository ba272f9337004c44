package nethttp

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// bootstraps reports whether r asks for another protocol on its stream, over HTTP/3
// (extended CONNECT, RFC 9220); the library has the protocol's name in Proto. To
// the edge it is what a GET with Upgrade is over HTTP/1.1.
func bootstraps(r *http.Request) bool {
	return r.Method == http.MethodConnect && r.ProtoMajor == 3 && r.Proto != "HTTP/3.0"
}

// tunnelTimeout is how long a stream that was given over may be silent: as
// CloudFront's WebSocket connections.
const tunnelTimeout = 10 * time.Minute

// tunnel carries bytes both ways between a stream and what the origin has given
// over. It returns when one side has ended and the other has had its last words.
func (v *viewer) tunnel(resp *message.Response) error {
	// What proves to a client of HTTP/1.1 that it speaks to a WebSocket server has no
	// meaning here, where 200 does (RFC 8441 section 5.1).
	resp.Header.Del("Sec-WebSocket-Accept")
	v.writeHeader(&message.Response{Status: http.StatusOK, Header: resp.Header, Length: -1, Live: true})
	if err := v.flush(); err != nil {
		return errors.Join(err, resp.Upgraded.Close())
	}
	end := sync.OnceFunc(func() {
		_ = resp.Upgraded.Close()
		_ = v.control.SetReadDeadline(time.Now())
	})
	defer end()
	quiet := time.AfterFunc(tunnelTimeout, end)
	defer quiet.Stop()
	down := make(chan error, 1)
	go func() {
		_, err := io.Copy(writing(func(p []byte) error { quiet.Reset(tunnelTimeout); return v.writePiece(p) }), resp.Upgraded)
		_ = v.control.SetReadDeadline(time.Now()) // the viewer's last words would have nobody to go to
		down <- err
	}()
	_, err := io.Copy(writing(func(p []byte) error {
		quiet.Reset(tunnelTimeout)
		_, err := resp.Upgraded.Write(p)
		return err
	}), struct{ io.Reader }{v.request.Body})
	if half, ok := resp.Upgraded.(interface{ CloseWrite() error }); err != nil || !ok || half.CloseWrite() != nil {
		end()
	}
	return <-down
}

// writing is an io.Writer of a function that writes all or fails.
type writing func([]byte) error

func (w writing) Write(p []byte) (int, error) {
	if err := w(p); err != nil {
		return 0, err
	}
	return len(p), nil
}
