package lb

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"time"
)

// exchange is one request on its way.
type exchange struct {
	target  *target
	arrived time.Time
	// answered is when the target's header came, status what it said; zero where it gave
	// no answer.
	answered time.Time
	status   int
	failure  string
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange) // nil is none
	return x
}

// ServeHTTP implements http.Handler.
func (b *Balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{arrived: time.Now(), target: b.pick(r)}
	counted := &counter{ResponseWriter: w}
	defer func() { b.log.write(r, x, counted, time.Now()) }()
	if x.target == nil {
		x.failure = "NoTarget"
		http.Error(counted, "There is no target to ask.", http.StatusServiceUnavailable)
		return
	}
	defer x.target.outstanding.Add(-1)
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), exchangeKey{}, x))
	defer cancel()
	defer context.AfterFunc(x.target.ctx, cancel)()
	b.proxy.ServeHTTP(counted, r.WithContext(ctx))
}

// pick takes a target for a request, nil if there is none.
func (b *Balancer) pick(r *http.Request) *target {
	for {
		t := b.choose(r)
		if t == nil || t.take() {
			return t
		} // else it was taken away meanwhile, and is not chosen again
	}
}

func (b *Balancer) choose(r *http.Request) *target {
	all := *b.targets.Load()
	candidates := make([]candidate, len(all))
	for i, t := range all {
		candidates[i] = t.candidate()
	}
	if b.cfg.Stickiness > 0 {
		if c, err := r.Cookie(b.cfg.Cookie); err == nil {
			for i, t := range all {
				if t.id == c.Value && candidates[i].healthy && !candidates[i].draining {
					return t
				}
			}
		}
	}
	if i := choose(candidates, b.cfg.Algorithm, b.turn.Add(1)-1); i >= 0 {
		return all[i]
	}
	return nil
}

// rewrite makes the request to the target: as it came, but for what the balancer says.
// X-Forwarded-For is appended to; -Port and -Proto are the balancer's own.
func (b *Balancer) rewrite(p *httputil.ProxyRequest) {
	p.Out.URL.Scheme, p.Out.URL.Host = "http", exchangeOf(p.In.Context()).target.address
	p.Out.URL.RawQuery = p.In.URL.RawQuery
	p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
	host, told := p.In.Header["X-Forwarded-Host"]
	p.SetXForwarded()
	if p.Out.Header.Del("X-Forwarded-Host"); told {
		p.Out.Header["X-Forwarded-Host"] = host
	}
	p.Out.Header.Set("X-Forwarded-Port", b.port)
}

// answered notes the target's answer and adds the cookie.
func (b *Balancer) answered(resp *http.Response) error {
	x := exchangeOf(resp.Request.Context())
	x.answered, x.status = time.Now(), resp.StatusCode
	if b.cfg.Stickiness > 0 {
		resp.Header.Add("Set-Cookie", (&http.Cookie{
			Name: b.cfg.Cookie, Value: x.target.id, Path: "/", MaxAge: int(b.cfg.Stickiness / time.Second), Expires: time.Now().Add(b.cfg.Stickiness),
		}).String())
	}
	return nil
}

// failed answers for a target that does not: 504 where it was waited for, else 502.
func (b *Balancer) failed(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	status, said := http.StatusBadGateway, "The target gave no valid answer."
	var timeout net.Error
	switch {
	case r.Context().Err() != nil && x.target.ctx.Err() == nil:
		x.failure, status = "ClientClosed", 460 // as load balancers log it
	case errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, os.ErrDeadlineExceeded):
		x.failure, status, said = "TargetTimeout", http.StatusGatewayTimeout, "The target did not answer in time."
	default:
		x.failure = "TargetConnectionError"
	}
	b.cfg.Logger.Debug("target failed", "address", x.target.address, "err", err)
	http.Error(w, said, status)
}

// counter counts what is written.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counter) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController flush and hijack.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
