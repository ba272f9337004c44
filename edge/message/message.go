package message

import (
	"io"
	"net/netip"
	"strings"
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
	// Viewer is where the request came from.
	Viewer netip.AddrPort
	// ServerName is what TLS asked for (SNI), empty without TLS.
	ServerName string
}

// URI is the path with the query, if any.
func (r *Request) URI() string {
	if r.Query == "" {
		return r.Path
	}
	return r.Path + "?" + r.Query
}

// Detached returns a copy of a request without a body that shares no string with
// it, for who keeps it beyond the viewer's connection: an adapter may use the
// memory of its requests again.
func (r *Request) Detached() *Request {
	d := *r
	for _, s := range [...]*string{&d.Method, &d.Scheme, &d.Host, &d.Path, &d.Query, &d.ServerName} {
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
}

// Close closes the body, if there is one.
func (r *Response) Close() {
	if r != nil && r.Body != nil {
		_ = r.Body.Close() // nothing more is wanted from it
	}
}
