package edge

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// adapter is the first way in: net/http, for HTTP/1.1 and HTTP/2. It turns
// net/http's types into the edge's own and back, and does nothing else.
type adapter struct {
	edge   *Edge
	scheme string
}

const (
	headerTimeout = 10 * time.Second // for a request's header
	idleTimeout   = 75 * time.Second // between requests of a connection
	// maxRequestBytes is where reading a header stops; checkLimits refuses less
	// with the right status.
	maxRequestBytes = 64 << 10
)

// netHTTP serves an adapter.
type netHTTP struct {
	*http.Server
	scheme string
}

func newNetHTTP(e *Edge, scheme string) netHTTP {
	return netHTTP{&http.Server{
		Handler:           adapter{e, scheme},
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxRequestBytes,
		TLSConfig:         e.tlsConfig(),
		ErrorLog:          quietLog(e.cfg.Logger),
		// "OPTIONS *" is ours to refuse.
		DisableGeneralOptionsHandler: true,
	}, scheme}
}

// Serve implements server.
func (s netHTTP) Serve(ln net.Listener) error {
	serve := s.Server.Serve
	if s.scheme == "https" {
		serve = func(ln net.Listener) error { return s.ServeTLS(ln, "", "") }
	}
	if err := serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// streamTimeout is how long a viewer may take for one piece of a body, either way.
const streamTimeout = 60 * time.Second

// ServeHTTP implements http.Handler.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	// HTTP/1.1 keeps the deadline of the answer before on its connection.
	_ = control.SetWriteDeadline(time.Time{})
	req := a.request(r, control)
	x := a.edge.newExchange()
	resp := x.Handle(r.Context(), req)
	sent, err := send(w, control, resp)
	resp.Close()
	x.Delivered(message.Delivery{Body: sent, Ended: time.Now(), Err: err})
	if err != nil {
		// The header has promised more than came: only breaking the connection
		// (or the stream) tells the viewer.
		panic(http.ErrAbortHandler)
	}
}

// request makes the edge's own request of net/http's.
func (a adapter) request(r *http.Request, control *http.ResponseController) *message.Request {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") && r.RequestURI != "*" { // absolute form
		path, query = r.URL.EscapedPath(), r.URL.RawQuery
		if path == "" {
			path = "/"
		}
	}
	req := &message.Request{
		Received: time.Now(),
		Method:   r.Method, Scheme: a.scheme, Host: Host(r.Host), Path: path, Query: query,
		Major: r.ProtoMajor, Minor: r.ProtoMinor, Header: fields(r.Header), Length: r.ContentLength,
	}
	if r.Body != nil && r.Body != http.NoBody {
		req.Body = renewingReader{r.Body, control}
	}
	req.Viewer, _ = netip.ParseAddrPort(r.RemoteAddr) // zero where it is none: a test's
	if r.TLS != nil {
		req.ServerName = r.TLS.ServerName
	}
	return req
}

func fields(h http.Header) message.Header {
	out := make(message.Header, 0, len(h))
	for name, values := range h {
		for _, v := range values {
			out = append(out, message.Field{Name: name, Value: v})
		}
	}
	return out
}

// renewingReader gives a viewer streamTimeout for each piece of its body. At its
// end net/http takes the deadline away itself.
type renewingReader struct {
	io.Reader
	control *http.ResponseController
}

func (r renewingReader) Read(p []byte) (int, error) {
	_ = r.control.SetReadDeadline(time.Now().Add(streamTimeout)) // not supported by a test's recorder
	return r.Reader.Read(p)
}

// renewingWriter gives a viewer streamTimeout for each piece of the answer, and
// passes pieces of a live body on at once. While the next piece of one is
// awaited no deadline may stand: HTTP/2 resets a stream whose deadline passes,
// whether or not something is being written.
type renewingWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	live    bool
	sent    int64
}

func (w *renewingWriter) Write(p []byte) (int, error) {
	renew(w.control)
	n, err := w.ResponseWriter.Write(p)
	w.sent += int64(n)
	if err == nil && w.live {
		err = w.control.Flush()
		_ = w.control.SetWriteDeadline(time.Time{})
	}
	return n, err
}

func renew(control *http.ResponseController) {
	_ = control.SetWriteDeadline(time.Now().Add(streamTimeout))
}

// send writes an answer and returns how many bytes of body went out.
func send(w http.ResponseWriter, control *http.ResponseController, resp *message.Response) (int64, error) {
	h := w.Header()
	for _, f := range resp.Header {
		h[http.CanonicalHeaderKey(f.Name)] = append(h[http.CanonicalHeaderKey(f.Name)], f.Value)
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // or net/http guesses one
	}
	if resp.Length >= 0 && resp.Status >= 200 && resp.Status != 204 && resp.Status != 304 {
		h.Set("Content-Length", strconv.FormatInt(resp.Length, 10))
	}
	renew(control)
	defer renew(control) // for what net/http still holds back
	w.WriteHeader(resp.Status)
	if resp.Body == nil {
		return 0, nil
	}
	out := &renewingWriter{ResponseWriter: w, control: control, live: resp.Live}
	if resp.Live {
		if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return 0, err
		}
		_ = control.SetWriteDeadline(time.Time{})
	}
	// The writer is handed over without its other methods: ReadFrom would take
	// the pieces past the renewal of the deadline.
	_, err := io.Copy(struct{ io.Writer }{out}, resp.Body)
	return out.sent, err
}
