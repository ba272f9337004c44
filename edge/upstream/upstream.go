package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
)

// Config says where origins are.
type Config struct {
	// S3Endpoint is where S3 buckets are: "http://HOST:PORT". Empty: at AWS.
	S3Endpoint string
	// Names maps host names of origins to addresses, HOST or HOST:PORT.
	Names map[string]string
	Guard Guard
	// Nodes returns the registered nodes, whose services are no origins. Nil: none.
	Nodes func() map[string]cdn.Node
	// Dial connects to a checked address. Nil: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Lookup resolves names. Nil: the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Roots are the certificate authorities origins are verified by. Nil: the
	// system's.
	Roots *x509.CertPool
}

// MaxHeader is how large the header of an origin's answer may be (developer
// guide, "Quotas").
const MaxHeader = 20_480

// Upstream asks origins.
type Upstream struct {
	cfg Config
	s3  *url.URL

	mu    sync.Mutex
	pools map[place]*http.Transport
}

// New makes an Upstream. Its errors name the flag that is wrong.
func New(cfg Config) (*Upstream, error) {
	s3, err := checkNames(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Nodes == nil {
		cfg.Nodes = func() map[string]cdn.Node { return nil }
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if cfg.Lookup == nil {
		cfg.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return &Upstream{cfg: cfg, s3: s3, pools: map[place]*http.Transport{}}, nil
}

// Close closes the connections that are idle.
func (u *Upstream) Close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, t := range u.pools {
		t.CloseIdleConnections()
	}
}

// maxPools bounds what many distributions with settings of their own can hold;
// beyond it the pools are begun anew.
const maxPools = 1000

// pool returns the connections to a place.
func (u *Upstream) pool(p place) *http.Transport {
	u.mu.Lock()
	defer u.mu.Unlock()
	if t := u.pools[p]; t != nil {
		return t
	}
	if len(u.pools) >= maxPools {
		for _, t := range u.pools {
			t.CloseIdleConnections()
		}
		clear(u.pools)
	}
	t := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return u.dial(ctx, p) },
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: u.cfg.Roots, ServerName: strings.Trim(p.host, "[]"),
		},
		TLSHandshakeTimeout:    p.connect,
		DisableCompression:     true, // what is asked for is the behavior's to say
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        p.idle,
		MaxResponseHeaderBytes: MaxHeader,
	}
	u.pools[p] = t
	return t
}

// Do sends a request to an origin and returns its answer; the caller closes it.
// r.Host is what the origin is told, r.Scheme how the viewer came. Errors are
// *Error, or the reason why ctx ended.
func (u *Upstream) Do(ctx context.Context, o *cdn.Origin, r *message.Request) (*message.Response, error) {
	p := u.place(o, r.Scheme)
	ctx, cancel := context.WithCancelCause(ctx)
	limit := newReadLimit(cmp.Or(o.ReadTimeout, defaultReadTimeout), cancel)
	// The time-out counts from when the origin has the request: connecting has
	// its own, and how long a body takes to send is the viewer's affair.
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { limit.awaitHeader() },
	})
	resp, err := u.pool(p).RoundTrip(httpRequest(ctx, p, r)) //nolint:bodyclose // it becomes the Response's
	limit.headerIsThere()
	if err != nil {
		if errors.Is(err, io.EOF) { // closed without a word: no end of anything
			err = fmt.Errorf("the origin closed the connection: %w", io.ErrUnexpectedEOF)
		}
		err = classify(ctx, err)
		cancel(nil)
		return nil, err
	}
	out := &message.Response{Status: resp.StatusCode, Header: header(resp.Header), Length: resp.ContentLength, Live: true}
	out.Body = &body{resp.Body, ctx, cancel, limit}
	return out, nil
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
	hr := (&http.Request{Method: r.Method, URL: u, Host: r.Host, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	for _, f := range r.Header {
		hr.Header.Add(f.Name, f.Value)
	}
	if r.Body != nil && r.Length != 0 {
		hr.Body, hr.ContentLength = io.NopCloser(r.Body), r.Length
	}
	return hr
}

// header turns net/http's map into fields, in the order of their names: that of
// the wire is lost.
func header(h http.Header) message.Header {
	out := make(message.Header, 0, len(h)+8)
	for name, values := range h {
		for _, v := range values {
			out = append(out, message.Field{Name: name, Value: v})
		}
	}
	slices.SortStableFunc(out, func(a, b message.Field) int { return strings.Compare(a.Name, b.Name) })
	return out
}
