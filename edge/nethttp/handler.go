package nethttp

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// Exchange answers the requests of one connection (or stream), one at a time.
type Exchange interface {
	// Handle answers r. The answer, its header and all that r refers to are valid
	// until Delivered is called. r may use the adapter's memory again after
	// Delivered: what the core keeps it copies. The caller closes the answer's
	// body before Delivered.
	Handle(ctx context.Context, r *message.Request) *message.Response
	// Delivered says how the answer went out; called exactly once after each
	// Handle.
	Delivered(d message.Delivery)
}

// DefaultStreamTimeout is how long a viewer may take for one piece of a body.
const DefaultStreamTimeout = 60 * time.Second

// Handler is an http.Handler before an exchange.
type Handler struct {
	scheme string
	limit  time.Duration
	turns  sync.Pool // of *turn
}

// NewHandler returns a handler for requests that came over scheme, "http" or
// "https". Exchanges are used again, one request at a time. A viewer has
// streamTimeout for each piece of a body, either way; 0 is DefaultStreamTimeout.
func NewHandler(scheme string, newExchange func() Exchange, streamTimeout time.Duration) *Handler {
	h := &Handler{scheme: scheme, limit: streamTimeout}
	if h.limit == 0 {
		h.limit = DefaultStreamTimeout
	}
	h.turns.New = func() any { return &turn{exchange: newExchange()} }
	return h
}

// turn is what one request after another uses again.
type turn struct {
	exchange Exchange
	request  message.Request
	fields   message.Header
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	received := time.Now()
	v := &viewer{ResponseWriter: w, control: http.NewResponseController(w), limit: h.limit, request: r}
	// HTTP/1.1 keeps the deadline of the answer before on its connection.
	_ = v.control.SetWriteDeadline(time.Time{})

	t := h.turns.Get().(*turn) // an exchange that panics does not come back
	h.fill(t, v, received)
	resp := t.exchange.Handle(r.Context(), &t.request)
	d := v.deliver(resp)
	resp.Close()
	t.exchange.Delivered(d)
	clear(t.fields)
	t.request = message.Request{}
	h.turns.Put(t)
	if d.Err != nil {
		// The header has promised more than came: only breaking the connection (or
		// the stream) tells the viewer.
		panic(http.ErrAbortHandler)
	}
}

// fill makes the edge's own request of the library's.
func (h *Handler) fill(t *turn, v *viewer, received time.Time) {
	r := v.request
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") && r.RequestURI != "*" { // absolute form
		path, query = r.URL.EscapedPath(), r.URL.RawQuery
		if path == "" {
			path = "/"
		}
	}
	t.fields = appendFields(t.fields[:0], r.Header)
	t.request = message.Request{
		Method: r.Method, Scheme: h.scheme, Host: host(r.Host), Path: path, Query: query,
		Major: r.ProtoMajor, Minor: r.ProtoMinor, Header: t.fields, Length: r.ContentLength, Received: received,
	}
	req := &t.request
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil { // a test's need not be one
		req.Viewer = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	}
	if r.TLS != nil {
		req.ServerName, req.TLSVersion, req.Cipher = r.TLS.ServerName, tlsVersion(r.TLS.Version), tlsCipher(r.TLS.CipherSuite)
	}
	if r.ProtoAtLeast(1, 1) { // RFC 9110 section 15.2
		req.Interim = v.interim
	}
	if bootstraps(r) {
		req.Method, req.Upgrade, req.Length = http.MethodGet, strings.ToLower(r.Proto), 0
		return
	}
	v.attachBody(req)
}

// appendFields appends h in the order of its names.
func appendFields(to message.Header, h http.Header) message.Header {
	for name, values := range h {
		if name == "Host" { // HTTP/2 and HTTP/3 leave it beside :authority
			continue
		}
		for _, v := range values {
			to = append(to, message.Field{Name: name, Value: strings.Trim(v, " \t")}) // HTTP/2 and HTTP/3 leave what is around it
		}
	}
	slices.SortStableFunc(to, func(a, b message.Field) int { return strings.Compare(a.Name, b.Name) })
	return to
}

// host is a viewer's Host as the rules see it (message.Request.Host).
func host(h string) string {
	if i := strings.LastIndexByte(h, ':'); i >= 0 && strings.IndexByte(h[i:], ']') < 0 {
		h = h[:i]
	}
	return strings.ToLower(strings.TrimSuffix(h, "."))
}
