package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// plainFor is for how long an origin that did not choose HTTP/2 is not offered it
// again.
const plainFor = time.Minute

// pingAfter is how long an HTTP/2 connection may be silent before it is asked
// whether it is still there.
const pingAfter = 15 * time.Second

var errNotHTTP2 = errors.New("the origin speaks no HTTP/2")

// errMeanwhile says that another request has made a connection while this one
// waited to: the request goes over that, or waits again.
var errMeanwhile = errors.New("another connection has been made")

// newHTTP2 makes the connections of HTTP/2 to the place: by ALPN over TLS, with
// prior knowledge else (RFC 9113 section 3.3).
func (p *pool) newHTTP2() *http.Transport {
	t := &http.Transport{
		Protocols: new(http.Protocols),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return p.turns.take(ctx, func() (net.Conn, error) { return p.connect(ctx, nil) })
		},
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return p.turns.take(ctx, func() (net.Conn, error) { return p.agree(ctx) })
		},
		DisableCompression:     true, // what is asked for is the behavior's to say
		IdleConnTimeout:        p.place.idle,
		MaxResponseHeaderBytes: MaxHeader,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter},
	}
	t.Protocols.SetHTTP2(true)
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}

// agree connects and has TLS agree on HTTP/2.
func (p *pool) agree(ctx context.Context) (net.Conn, error) {
	c, err := p.connect(ctx, p.both)
	if err != nil {
		return nil, err
	}
	if secure, ok := c.(*tls.Conn); ok && secure.ConnectionState().NegotiatedProtocol == "h2" {
		return c, nil
	}
	p.notHTTP2(c)
	return nil, errNotHTTP2
}

// turns has one connection made at a time: net/http would make one for each of
// the requests that wait, of which one connection can take hundreds.
type turns struct {
	turn chan struct{} // holds one while a connection is being made

	mu  sync.Mutex
	n   int   // how many have been made, or not
	err error // why the last was not
}

// take makes a connection, unless another did, or failed to, while it waited.
func (t *turns) take(ctx context.Context, connect func() (net.Conn, error)) (net.Conn, error) {
	before, _ := t.state()
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-t.turn }()
	if n, err := t.state(); n != before {
		return nil, cmp.Or(err, errMeanwhile)
	}
	c, err := connect()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	t.err = err
	return c, err
}

func (t *turns) state() (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n, t.err
}

// notHTTP2 remembers it, and keeps the connection for HTTP/1.1.
func (p *pool) notHTTP2(c net.Conn) {
	p.mu.Lock()
	p.plainUntil = time.Now().Add(plainFor)
	p.mu.Unlock()
	p.put(&conn{Conn: c, buffers: &p.up.buffers, unheard: true}, 0)
}

// wantsHTTP2 reports whether to ask over HTTP/2: always for gRPC, which has no
// other, and where the operator says so for all that TLS agrees on.
func (x *exchange) wantsHTTP2() bool {
	secure := x.pool.place.scheme == "https"
	if x.req.Upgrade != "" || !IsGRPC(x.req) && !(secure && x.pool.up.cfg.HTTP2) {
		return false
	}
	x.pool.mu.Lock()
	defer x.pool.mu.Unlock()
	return time.Now().After(x.pool.plainUntil)
}

// IsGRPC reports whether a request is one of gRPC, which has no other way to an origin
// than HTTP/2: application/grpc and its codecs; application/grpc-web is made for
// HTTP/1.1.
func IsGRPC(r *message.Request) bool {
	const grpc = "application/grpc"
	kind := r.Header.Get("Content-Type")
	return len(kind) >= len(grpc) && strings.EqualFold(kind[:len(grpc)], grpc) && !strings.HasPrefix(kind[len(grpc):], "-")
}

// overHTTP2 asks over HTTP/2. The error is errNotHTTP2 where the origin does not
// speak it and has not been asked.
func (x *exchange) overHTTP2() (*message.Response, error) {
	ctx, cancel := context.WithCancelCause(x.ctx)
	limit := newReadLimit(x.timeout, cancel)
	between := &interim{pass: x.req.Interim}
	// The time-out counts from when the origin has the request: connecting has
	// its own, and how long a body takes to send is the viewer's affair.
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { limit.awaitHeader() },
		Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
			limit.again()
			return between.got(status, h)
		},
	})
	resp, err := x.pool.http2.RoundTrip(httpRequest(traced, x.pool.place, x.req)) //nolint:bodyclose // it becomes the Response's
	for errors.Is(err, errMeanwhile) && ctx.Err() == nil {
		resp, err = x.pool.http2.RoundTrip(httpRequest(traced, x.pool.place, x.req)) //nolint:bodyclose // as above
	}
	limit.headerIsThere()
	between.wait()
	out := &message.Response{}
	if err == nil {
		out, err = fromHTTP2(resp)
	}
	if err != nil {
		if errors.Is(err, io.EOF) { // closed without a word: no end of anything
			err = fmt.Errorf("the origin closed the connection: %w", io.ErrUnexpectedEOF)
		}
		if !errors.Is(err, errNotHTTP2) {
			err = classify(ctx, err)
		}
		cancel(nil)
		return nil, err
	}
	out.Body = &stream{resp.Body, ctx, cancel, limit}
	return out, nil
}

// fromHTTP2 takes the answer over, all but its body.
func fromHTTP2(resp *http.Response) (*message.Response, error) {
	lengths := resp.Header["Content-Length"]
	if resp.StatusCode < 200 || resp.StatusCode > 599 || resp.Header["Transfer-Encoding"] != nil ||
		len(lengths) > 1 || len(lengths) == 1 && resp.ContentLength < 0 {
		_ = resp.Body.Close() // the answer is not used
		return nil, fmt.Errorf("the status %d, or the length, is not a valid answer's", resp.StatusCode)
	}
	out := &message.Response{Status: resp.StatusCode, Header: fields(resp.Header), Length: resp.ContentLength, Live: true}
	out.Header.DropHopByHop()
	out.Trailer = func() message.Header { return trailer(fields(resp.Trailer)) }
	return out, nil
}

// fields turns net/http's map into fields, in the order of their names: that of
// the wire is lost.
func fields(h http.Header) message.Header {
	out := make(message.Header, 0, len(h)+4)
	for name, values := range h {
		for _, v := range values {
			out = append(out, message.Field{Name: name, Value: v})
		}
	}
	slices.SortStableFunc(out, func(a, b message.Field) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// httpRequest turns a request into net/http's.
func httpRequest(ctx context.Context, p place, r *message.Request) *http.Request {
	u := &url.URL{Scheme: p.scheme, Host: p.addr, RawQuery: r.Query}
	if strings.HasPrefix(r.Path, "//") { // which Opaque takes for a host
		u.Path, u.RawPath = r.Path, r.Path
		if decoded, err := url.PathUnescape(r.Path); err == nil {
			u.Path = decoded
		}
	} else {
		u.Opaque = r.Path // on the wire exactly as the viewer wrote it
	}
	hr := (&http.Request{Method: r.Method, URL: u, Host: r.Host, Header: http.Header{}, Proto: "HTTP/2.0", ProtoMajor: 2}).WithContext(ctx)
	for _, f := range r.Header {
		if !ours(f.Name) {
			hr.Header.Add(f.Name, f.Value)
		}
	}
	if hr.Header["User-Agent"] == nil {
		hr.Header["User-Agent"] = []string{""} // else net/http names itself
	}
	if IsGRPC(r) {
		hr.Header.Set("Te", "trailers") // which the protocol demands, and no viewer's connection hands on
	}
	if hasBody(r) {
		b := &requestBody{r: r, hr: hr}
		hr.Body, hr.ContentLength = b, r.Length
		if r.Trailer != nil {
			hr.Trailer = http.Header{}
		}
	}
	return hr
}

// requestBody reads a request's body; at its end the trailer is there.
type requestBody struct {
	r  *message.Request
	hr *http.Request
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.r.Body.Read(p)
	if errors.Is(err, io.EOF) {
		for _, f := range trailerOf(b.r) {
			b.hr.Trailer.Add(f.Name, f.Value)
		}
	}
	return n, err
}

func (b *requestBody) Close() error { return nil }

// interim hands interim answers on in their order. A viewer that is slow to take
// them must not hold the origin's connection up, which others share.
type interim struct {
	pass func(int, message.Header)

	mu          sync.Mutex
	queue       chan func() // nil before the first
	done        chan struct{}
	over        bool // a request that was given up may still be answered
	count, size int
}

func (i *interim) got(status int, h textproto.MIMEHeader) error {
	header := fields(http.Header(h))
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count++
	i.size += header.Size()
	switch {
	case status == 101:
		return errors.New("the origin changes the protocol within HTTP/2")
	case i.count > maxInterim || i.size > MaxHeader:
		return fmt.Errorf("more than %d interim answers, or %d bytes of them", maxInterim, MaxHeader)
	case status == 100 || i.pass == nil || i.over:
		return nil
	}
	if i.queue == nil {
		i.queue, i.done = make(chan func(), maxInterim), make(chan struct{})
		go func() {
			defer close(i.done)
			for pass := range i.queue {
				pass()
			}
		}()
	}
	header.DropHopByHop()
	i.queue <- func() { i.pass(status, header) } // never waits: it has room for all
	return nil
}

// wait returns once all have been passed on; none is after it.
func (i *interim) wait() {
	i.mu.Lock()
	i.over = true
	queue := i.queue
	i.mu.Unlock()
	if queue != nil {
		close(queue)
		<-i.done
	}
}
