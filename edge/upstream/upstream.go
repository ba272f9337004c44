package upstream

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"sync"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
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
	// HTTP2 asks origins over HTTP/2 where TLS agrees on it. Off, as at CloudFront,
	// only gRPC is asked that way.
	HTTP2 bool
}

// MaxHeader is how large the header of an origin's answer may be (developer
// guide, "Quotas").
const MaxHeader = 20_480

// Upstream asks origins.
type Upstream struct {
	cfg Config
	s3  *url.URL

	mu    sync.Mutex
	pools map[place]*pool

	buffers  buffers
	resolver resolver
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
	return &Upstream{cfg: cfg, s3: s3, resolver: resolver{lookup: cfg.Lookup}, pools: map[place]*pool{}}, nil
}

// Close closes the connections that are idle, and those in use once their answers
// have ended.
func (u *Upstream) Close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, p := range u.pools {
		p.close()
	}
	clear(u.pools)
}

// maxPools bounds what many distributions with settings of their own can hold;
// beyond it the pools are begun anew.
const maxPools = 1000

// pool returns the connections to a place.
func (u *Upstream) pool(at place) *pool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if p := u.pools[at]; p != nil {
		return p
	}
	if len(u.pools) >= maxPools {
		for _, p := range u.pools {
			p.close()
		}
		clear(u.pools)
	}
	p := newPool(u, at)
	u.pools[at] = p
	return p
}

// Do sends a request to an origin and returns its answer; the caller closes it,
// and Upgraded too where there is one. r.Host is what the origin is told, r.Scheme
// how the viewer came. Errors are *Error, the reason why ctx ended, or what
// reading r.Body failed with.
//
// An origin may answer before it has the whole of r.Body. Nothing is read from it
// after the answer's body has been closed, but for a read that is waiting then.
func (u *Upstream) Do(ctx context.Context, o *origins.Origin, r *message.Request) (*message.Response, error) {
	if o.CompletionTimeout == 0 {
		return u.do(ctx, o, r)
	}
	within := complete(ctx, o.CompletionTimeout)
	resp, err := u.do(within.ctx, o, r)
	switch {
	case err != nil:
		within.over()
		return nil, err
	case resp.Upgraded != nil: // it is no answer any more, and lasts as long as the two sides like
		within.late.Stop()
	case resp.Body != nil:
		within.ReadCloser, resp.Body = resp.Body, within
	}
	return resp, nil
}

func (u *Upstream) do(ctx context.Context, o *origins.Origin, r *message.Request) (*message.Response, error) {
	x := &exchange{ctx: ctx, pool: u.pool(u.place(o, r.Scheme).told(o, r.Host)), req: r, timeout: cmp.Or(o.ReadTimeout, defaultReadTimeout)}
	fresh := r.Upgrade != ""
	for {
		resp, err := x.try(fresh)
		if err == nil {
			return resp, nil
		}
		if err = x.final(err); err != nil {
			return nil, err
		}
		fresh = true
	}
}

// final returns the error that Do ends with, nil where it asks again.
func (x *exchange) final(err error) error {
	var stale staleError
	var failed *Error
	switch {
	case x.ctx.Err() != nil:
		return context.Cause(x.ctx)
	case errors.As(err, &stale):
		if stale.unsent || x.repeatable() {
			return nil // and a fresh connection is never stale
		}
		return stale.error
	case errors.As(err, &failed) && failed.Reason == ReadTimeout && x.repeatable():
		x.timeouts++
		if m := x.req.Method; x.timeouts < x.pool.place.attempts && (m == "GET" || m == "HEAD") { // as CloudFront does for these two
			return nil
		}
	}
	return err
}

// try asks once.
func (x *exchange) try(fresh bool) (*message.Response, error) {
	if x.wantsHTTP2() {
		if resp, err := x.overHTTP2(); !errors.Is(err, errNotHTTP2) {
			return resp, err
		}
	}
	c, err := x.pool.get(x.ctx, fresh)
	if err != nil {
		return nil, err
	}
	return x.http1(c)
}

// repeatable reports whether asking twice does what asking once does, and can be
// done (RFC 9110 section 9.2.2).
func (x *exchange) repeatable() bool {
	switch x.req.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return !hasBody(x.req) && x.req.Upgrade == ""
	}
	return false
}
