package tier

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/upstream"
)

// Identity is what a node proves itself by to others, and how it knows them.
type Identity interface {
	// Dial is the TLS configuration by which the node with that id is called; an
	// error while the caller has no certificate yet.
	Dial(id string) (*tls.Config, error)
	// Accept is the one by which calls are taken: of registered edges, each of which
	// has to prove which it is, and of nobody else.
	Accept() *tls.Config
}

const (
	// connectPeer is how long a connection to a node of the same city may take,
	// connectFar to one in another.
	connectPeer, connectFar = 500 * time.Millisecond, 2 * time.Second
	// keptIdle is shorter than the Server keeps an idle connection.
	keptIdle = 60 * time.Second
	// restTime is for how long a node is left alone that has failed.
	restTime = time.Second
)

// client asks other nodes.
type client struct {
	cfg Config
	// asks speaks HTTP to nodes as if they were origins.
	asks *upstream.Upstream

	mu sync.Mutex
	// resting says until when nodes are left alone, by id; ids says whose address
	// is whose.
	resting map[string]time.Time
	ids     map[string]string
}

func newClient(cfg Config) (*client, error) {
	c := &client{cfg: cfg, resting: map[string]time.Time{}, ids: map[string]string{}}
	var err error
	// Nodes are registered, and prove who they are: their addresses may be private.
	c.asks, err = upstream.New(upstream.Config{Dial: c.dial, Guard: upstream.Guard{Sandbox: true}})
	return c, err
}

// dial connects to a node and makes it prove that it is the one that is called.
func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	id := c.ids[address]
	c.mu.Unlock()
	cfg, err := c.cfg.Identity.Dial(id)
	if err != nil {
		return nil, err
	}
	conn, err := c.cfg.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake's error is the one to tell
		return nil, err
	}
	return secure, nil
}

// up reports whether a node is worth asking.
func (c *client) up(id string) bool {
	if !c.cfg.Up(id) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.resting[id]
	if ok && time.Now().After(until) {
		delete(c.resting, id)
		ok = false
	}
	return !ok
}

// rest leaves a node alone for a moment.
func (c *client) rest(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resting[id] = time.Now().Add(restTime)
}

// PassedOver is why a tier gave no answer.
type PassedOver struct {
	// Why is one of few words, for metrics: what the tier said itself, or
	// "resting", "unreachable", "silent", "unusable".
	Why string
	Err error
}

func (p *PassedOver) Error() string {
	if p.Err != nil {
		return "the tier is " + p.Why + ": " + p.Err.Error()
	}
	return "the tier is " + p.Why
}

func (p *PassedOver) Unwrap() error { return p.Err }

var errSilent = errors.New("the tier says nothing")

// Failure is why an origin gave a tier no answer. The origin is not asked a second
// time then: the tier has made all the attempts that there are.
type Failure struct {
	status   int
	sentence string
	result   string
}

func (f *Failure) Error() string { return "at a tier: " + f.sentence }

// Status is what viewers are told, Sentence says it to a person.
func (f *Failure) Status() int      { return f.status }
func (f *Failure) Sentence() string { return f.sentence }

// Result is CloudFront's result type where a function of the tier's failed, "" else.
func (f *Failure) Result() string { return f.result }

// ask asks one tier.
func (c *client) ask(ctx context.Context, t Tier, a Ask, r *message.Request) (*message.Response, Answer, error) {
	if !c.up(t.Node.ID) {
		return nil, Answer{}, &PassedOver{Why: "resting"}
	}
	s := beginAsking(ctx, t, r)
	a.Trace = s.Context()
	resp, answer, err := c.askNow(ctx, t, a, r)
	if err != nil {
		endAsking(s, resp, answer, err)
		return resp, answer, err
	}
	if s != nil {
		resp.Body = &traced{resp.Body, func() { endAsking(s, resp, answer, nil) }}
	}
	return resp, answer, nil
}

// askNow is ask of a tier that is not left alone.
func (c *client) askNow(ctx context.Context, t Tier, a Ask, r *message.Request) (*message.Response, Answer, error) {
	req := *r
	req.Header = r.Header.Clone(6)
	a.appendTo(t.Level, &req.Header)
	within, end := context.WithCancelCause(ctx)
	silence := time.AfterFunc(c.cfg.Patience, func() { end(errSilent) })
	req.Interim = func(status int, h message.Header) {
		if next, own := parseWorking(status, h); own {
			silence.Reset(next + c.cfg.Patience)
		} else if r.Interim != nil {
			r.Interim(status, h)
		}
	}
	resp, err := c.asks.Do(within, c.place(t, a.Timeout), &req)
	silence.Stop()
	if err == nil && context.Cause(within) != nil {
		resp.Close() // it came when it was being given up
		err = context.Cause(within)
	}
	if err != nil {
		end(nil)
		return nil, Answer{}, c.failed(ctx, t.Node.ID, err, a.Passing && !repeatable(r))
	}
	resp.Body = &cancelled{resp.Body, end}
	answer, err := parseAnswer(resp.Header)
	switch {
	case err != nil:
		resp.Close()
		return nil, answer, &PassedOver{"unusable", err}
	case answer.Passed != "":
		resp.Close()
		if answer.Passed == Lagging {
			c.rest(t.Node.ID) // it took its time to say so, and would again
		}
		return nil, answer, &PassedOver{Why: answer.Passed}
	case answer.Failed != "":
		resp.Close()
		return nil, answer, &Failure{resp.Status, answer.Failed, answer.Result}
	case !a.Accepts(answer.Birth):
		resp.Close()
		return nil, answer, &PassedOver{Why: "older"}
	}
	Strip(&resp.Header)
	return resp, answer, nil
}

// place is a node as an origin: the connection is made secure by dial.
func (c *client) place(t Tier, timeout time.Duration) *origins.Origin {
	address := netip.AddrPortFrom(t.Node.Dial(), t.Node.PeerPort).String()
	c.mu.Lock()
	c.ids[address] = t.Node.ID
	c.mu.Unlock()
	connect := connectFar
	if t.Level == Peer {
		connect = connectPeer
	}
	return &origins.Origin{
		ID: t.Node.ID, Domain: t.Node.Dial().String(), Protocol: origins.HTTPOnly, HTTPPort: t.Node.PeerPort,
		ConnectAttempts: 1, ConnectTimeout: connect, ReadTimeout: timeout, KeepaliveTimeout: keptIdle,
	}
}

// repeatable reports whether a request may be made a second time, of the origin, though
// nobody knows what became of it at a tier (RFC 9110 section 9.2.2).
func repeatable(r *message.Request) bool {
	switch r.Method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return r.Body == nil
	}
	return false
}

// unmade reports whether there was no connection, so that nothing was asked.
func unmade(why upstream.Reason) bool {
	return why == upstream.Connect || why == upstream.ConnectTimeout || why == upstream.TLS
}

// failed says why a tier is passed over, and lets it rest where that is its own
// fault and not that of what was asked. Where that may be asked once only, it has
// failed at the tier, unless it never came there.
func (c *client) failed(ctx context.Context, id string, err error, once bool) error {
	var known *upstream.Error
	isKnown := errors.As(err, &known)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case once && !isKnown && !errors.Is(err, errSilent):
		return err // of the viewer's body
	case once && !(isKnown && unmade(known.Reason)):
		c.rest(id)
		return &Failure{status: 504, sentence: "The Origin Shield did not answer, and the request cannot be made again."}
	case errors.Is(err, errSilent):
		c.rest(id)
		return &PassedOver{"silent", err}
	case isKnown && known.Reason != upstream.HeaderTooBig:
		c.rest(id)
		return &PassedOver{"unreachable", err}
	}
	return &PassedOver{"unusable", err}
}

// cancelled is a body whose context ends with it.
type cancelled struct {
	io.ReadCloser
	end context.CancelCauseFunc
}

func (b *cancelled) Close() error {
	err := b.ReadCloser.Close()
	b.end(nil)
	return err
}
