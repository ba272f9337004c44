package viewer

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/span"
)

// Getter fetches URLs through a Proxy, as a viewer in some place, and tells how
// it went.
type Getter struct {
	Proxy string // host:port
	Roots *x509.CertPool
	// Method is GET or HEAD; "" is GET.
	Method string
	Header http.Header
	// Tracer has the getting be a span, and all that follows part of its trace; nil: none.
	Tracer span.Tracer
	// Trace has what follows be part of a trace though nothing is recorded here.
	Trace bool
}

// Got is what Get saw.
type Got struct {
	URL    string `json:"url"`
	Viewer string `json:"viewer"` // address
	Place  string `json:"place"`
	// Lat and Lon are the viewer's, in degrees.
	Lat     float64     `json:"lat"`
	Lon     float64     `json:"lon"`
	Edge    string      `json:"edge"`  // address
	POP     string      `json:"pop"`   // X-Amz-Cf-Pop
	Scope   int         `json:"scope"` // prefix length for which the DNS answer holds, -1 for none
	Proto   string      `json:"protocol"`
	Status  int         `json:"status"`
	Cache   string      `json:"x_cache"`
	Bytes   int64       `json:"bytes"`
	Header  http.Header `json:"headers"`
	Resolve Duration    `json:"resolve_ms"`
	TLS     Duration    `json:"tls_ms"`
	// FirstByte and Total count from the start of the request, connecting and
	// TLS included, resolving not.
	FirstByte Duration `json:"first_byte_ms"`
	Total     Duration `json:"total_ms"`
	// Trace is the id of the trace, where there is one.
	Trace string `json:"trace,omitempty"`
}

// Duration is written as milliseconds in JSON.
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Duration(d).Microseconds()) / 1000)
}

func (d Duration) String() string { return time.Duration(d).Round(100 * time.Microsecond).String() }

// Get fetches a URL as a viewer in the place and copies the body to body. It does
// not follow redirects: that they are made is part of what is asked.
func (g *Getter) Get(ctx context.Context, address, from string, body io.Writer) (Got, error) {
	got := Got{URL: address, Scope: -1}
	method := g.Method
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return got, err
	}
	if r.URL.Scheme != "http" && r.URL.Scheme != "https" || r.URL.Host == "" {
		return got, fmt.Errorf("%q is not a URL that begins with https:// or http://", address)
	}
	for k, v := range g.Header {
		r.Header[k] = v
	}
	s, c := g.begin(r)
	if c.Valid() {
		r.Header.Set(span.Traceparent, c.String())
		got.Trace = c.ID()
	}
	got, err = g.get(ctx, r, from, body, got)
	if err == nil {
		s.Set(span.Int("http.response.status_code", got.Status))
	}
	s.EndWith(err)
	return got, err
}

// begin begins the span of getting, and returns the context that others are told: of that span, or of none that is recorded.
func (g *Getter) begin(r *http.Request) (*span.Span, span.Context) {
	if g.Tracer == nil && g.Trace {
		return nil, span.New()
	}
	s := span.Begin(g.Tracer, span.Start{Name: r.Method + " by warmfront get", Kind: span.Client, Attributes: []span.Attribute{
		span.String("http.request.method", r.Method), span.String("url.full", (&url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: r.URL.Path}).String()),
	}})
	return s, s.Context()
}

// get sends a request and reads the answer.
func (g *Getter) get(ctx context.Context, r *http.Request, from string, body io.Writer, got Got) (Got, error) {
	transport := &http.Transport{
		DisableCompression: true,
		ForceAttemptHTTP2:  true,
		TLSClientConfig:    &tls.Config{RootCAs: g.Roots},
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return g.tunnel(ctx, addr, from, r.Header.Get(span.Traceparent), &got)
		},
	}
	defer transport.CloseIdleConnections()
	var start, secure time.Time
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              func(string) { start = time.Now() },
		TLSHandshakeStart:    func() { secure = time.Now() },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { got.TLS = Duration(time.Since(secure)) },
		GotFirstResponseByte: func() { got.FirstByte = Duration(time.Since(start)) - got.Resolve },
	}))
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return got, err
	}
	defer answer.Body.Close()
	got.Bytes, err = io.Copy(body, answer.Body)
	got.Total = Duration(time.Since(start)) - got.Resolve
	got.Proto, got.Status, got.Header = answer.Proto, answer.StatusCode, answer.Header
	got.POP, got.Cache = answer.Header.Get("X-Amz-Cf-Pop"), answer.Header.Get("X-Cache")
	return got, err
}

// tunnel asks the proxy for a connection and reads what it tells of the edge.
func (g *Getter) tunnel(ctx context.Context, addr, from, trace string, got *Got) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", g.Proxy)
	if err != nil {
		return nil, fmt.Errorf("the viewer proxy does not answer: %w (is the network up? try: warmfront up)", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	if trace != "" {
		trace = span.Traceparent + ": " + trace + "\r\n"
	}
	if _, err := fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nWarmfront-From: %s\r\n%s\r\n", addr, addr, from, trace); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	r := bufio.NewReader(c)
	answer, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // the tunnel is the body
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if answer.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // the connection is closed next, and the body with it
		return nil, errors.Join(errors.New(strings.TrimPrefix(strings.TrimSpace(string(b)), "viewer proxy: ")), c.Close())
	}
	h := answer.Header
	got.Viewer, got.Edge = h.Get("Warmfront-Viewer"), h.Get("Warmfront-Edge")
	point, name, _ := strings.Cut(h.Get("Warmfront-Place"), " ")
	got.Place = name
	_, _ = fmt.Sscanf(point, "%f,%f", &got.Lat, &got.Lon)
	_, _ = fmt.Sscanf(h.Get("Warmfront-Scope"), "%d", &got.Scope)
	var ms float64
	_, _ = fmt.Sscanf(h.Get("Server-Timing"), "resolve;dur=%f", &ms)
	got.Resolve = Duration(ms * float64(time.Millisecond))
	if r.Buffered() > 0 {
		return nil, errors.Join(errors.New("the viewer proxy sent more than its answer"), c.Close())
	}
	return c, nil
}
