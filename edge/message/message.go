package message

import (
	"io"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Request is a request as a viewer made it, or as the edge makes it to an origin.
type Request struct {
	Method string
	// Scheme is "http" or "https": how the viewer reached the edge.
	Scheme string
	// Host is in lower case and without a port or a final dot: the port is an
	// accident of where the network runs and no rule may see it.
	Host string
	// Path and Query are as they are on the wire, escapes included; Path begins
	// with "/", Query has no "?".
	Path, Query string
	// Major and Minor are the version of HTTP that the viewer speaks.
	Major, Minor int
	// Header has no Host.
	Header Header
	// Body is nil where there is none; Length is its size, -1 if unknown.
	Body   io.Reader
	Length int64
	// Trailer returns the fields that came after the body, once Body has ended. Nil
	// where there can be none.
	Trailer func() Header
	// Upgrade is the protocol that the connection is to be given over to, in lower
	// case: "websocket". Empty: none.
	Upgrade string
	// Interim passes an interim response (1xx) on before the answer. Nil where
	// who asks wants none.
	Interim func(status int, h Header)

	// Viewer is where the request came from.
	Viewer netip.AddrPort
	// Received is when the last byte of the header had been read: the one reading
	// of the clock that a decision about the request goes by.
	Received time.Time
	// ServerName is what TLS asked for (SNI), TLSVersion and Cipher what was agreed
	// ("TLSv1.3", "TLS_AES_128_GCM_SHA256"); all empty without TLS.
	ServerName, TLSVersion, Cipher string
}

// URI is the path with the query, if any.
func (r *Request) URI() string {
	if r.Query == "" {
		return r.Path
	}
	return r.Path + "?" + r.Query
}

// Redacted is the URI without the values of its query, which may be secrets.
func (r *Request) Redacted() string {
	if r.Query == "" {
		return r.Path
	}
	q, err := url.ParseQuery(r.Query)
	if err != nil {
		return r.Path + "?…"
	}
	return r.Path + "?" + strings.Join(slices.Sorted(maps.Keys(q)), "&")
}

// Size is how large a request is over HTTP/1.1. How much of it there was on the
// wire only the adapter knows, and a body that says no length is not counted.
func (r *Request) Size() int64 {
	n := len(r.Method) + len(" ") + len(r.Path) + len(" HTTP/1.1\r\nHost: \r\n\r\n") + len(r.Host) + r.Header.Size()
	if r.Query != "" {
		n += len("?") + len(r.Query)
	}
	return int64(n) + max(r.Length, 0)
}

// Detached returns a copy of a request without a body that shares no string with
// it, for who keeps it beyond the viewer's connection: an adapter may use the
// memory of its requests again.
func (r *Request) Detached() *Request {
	d := *r
	for _, s := range [...]*string{&d.Method, &d.Scheme, &d.Host, &d.Path, &d.Query, &d.Upgrade, &d.ServerName, &d.TLSVersion, &d.Cipher} {
		*s = strings.Clone(*s)
	}
	d.Header = r.Header.Detached()
	return &d
}

// Response is an answer of an origin, or of the edge.
type Response struct {
	Status int
	Header Header
	// Body is nil where there is none. Who takes the Response closes it.
	Body io.ReadCloser
	// Length is the size of the body, -1 if unknown until it ends. For an answer
	// to HEAD it is the size the body would have.
	Length int64
	// Live is set where the body is still arriving: whoever hands it on passes
	// each piece on at once.
	Live bool
	// Trailer returns the fields that came after the body, once Body has ended. Nil
	// where there can be none.
	Trailer func() Header
	// Upgraded is the connection behind an answer of 101, for both sides to speak on
	// as they like. Who takes the Response closes it.
	Upgraded io.ReadWriteCloser
}

// Pieces is what a Body also is that can hand out its bytes where they lie, so
// that they are sent without a copy.
type Pieces interface {
	// Next returns the bytes that follow, as many as lie in one piece, and waits for
	// the first of them. They are not changed, and may be read until Close. At the
	// end the error is io.EOF.
	Next() ([]byte, error)
}

// Sections is what a Body also is whose bytes lie in files, so that the kernel can
// send them (sendfile).
type Sections interface {
	// Section returns the bytes that follow as part of a file, whose own position
	// means nothing and which stays open until the next call or Close. Length is 0
	// where the bytes that follow lie in no file: then they are read as any body's.
	// At the end the error is io.EOF.
	Section() (f *os.File, offset, length int64, err error)
}

// Delivery says how an answer reached the viewer.
type Delivery struct {
	// Bytes is all that was written to the viewer, as far as the protocol's adapter
	// knows, Body how much of that was body.
	Bytes, Body int64
	// First is when the first byte of the answer was written, Ended when the last
	// was.
	First, Ended time.Time
	// Err is why the answer did not reach the viewer whole.
	Err error
}

// Close closes the body, if there is one.
func (r *Response) Close() {
	if r != nil && r.Body != nil {
		_ = r.Body.Close() // nothing more is wanted from it
	}
}
