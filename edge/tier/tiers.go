package tier

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
)

// Config is what Tiers are told: by the network first, by the edge what is below.
type Config struct {
	// Addr is where other edges ask this one; Listen opens it, net.Listen when nil;
	// Wrap wraps the listener, nil: not.
	Addr     string
	Listen   func(network, address string) (net.Listener, error)
	Wrap     func(net.Listener) net.Listener
	Identity Identity
	// Other is what else nodes are served on this port, by the protocol that they
	// agree on with Identity (http1.Config).
	Other map[string]func(ctx context.Context, c *tls.Conn)
	// Dial connects to a node. Nil: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Up says what is known of whether a node can be reached, by its id. Nil: nothing.
	Up func(id string) bool
	// Route says whom to ask. Nil: Peers.
	Route Route
	// Shield says which Origin Shield alone to ask. Nil: none.
	Shield Route
	// Patience is for how long a tier may say nothing before it is passed over: one
	// that works says so sooner. 0: 1 s.
	Patience time.Duration

	Self        cdn.Node
	NewExchange func() Exchange
	// Applied is the version the node has applied.
	Applied func() cdn.Version
	// Draining is as in http1.Config.
	Draining func() bool
	Logger   *slog.Logger
	Registry *prometheus.Registry
}

// Tiers is one edge's part in how edges ask one another.
type Tiers struct {
	cfg    Config
	client *client
	server *server
	ln     net.Listener
	asked  *prometheus.CounterVec
}

// New listens; Serve serves. Who does not call Serve calls Close.
func New(cfg Config) (*Tiers, error) {
	if cfg.Listen == nil {
		cfg.Listen = net.Listen
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if cfg.Up == nil {
		cfg.Up = func(string) bool { return true }
	}
	if cfg.Route == nil {
		cfg.Route = Peers
	}
	if cfg.Patience == 0 {
		cfg.Patience = time.Second
	}
	t := &Tiers{cfg: cfg, server: newServer(cfg), asked: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warmfront_edge_tier_requests_total",
		Help: "Requests to other edges before the origin, by their level and what came of them: answered, failed (at the origin), or why they were passed over.",
	}, []string{"level", "outcome"})}
	var err error
	if t.client, err = newClient(cfg); err != nil {
		return nil, err
	}
	if t.ln, err = cfg.Listen("tcp", cfg.Addr); err != nil {
		return nil, err
	}
	if cfg.Wrap != nil {
		t.ln = cfg.Wrap(t.ln)
	}
	cfg.Registry.MustRegister(t.asked) // fails only if a registry is given twice, which is a mistake of the program
	return t, nil
}

// Addr is where other edges ask.
func (t *Tiers) Addr() net.Addr { return t.ln.Addr() }

// Serve answers other edges until Shutdown or Close is called, when it returns nil.
func (t *Tiers) Serve() error { return t.server.http.Serve(t.ln) }

// Shutdown lets the answers to others that are under way end, as long as ctx lasts.
func (t *Tiers) Shutdown(ctx context.Context) error { return t.server.http.Shutdown(ctx) }

// Close ends everything at once.
func (t *Tiers) Close() error {
	t.client.asks.Close()
	err := t.server.http.Close()
	if e := t.ln.Close(); !errors.Is(e, net.ErrClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// Above lists whom to ask for what has that key and is that origin's, for a request
// that came from a level. A nil Tiers asks nobody.
func (t *Tiers) Above(from Level, nodes map[string]cdn.Node, plan *cdn.Plan, origin *origins.Origin, key string) []Tier {
	if t == nil {
		return nil
	}
	route := t.cfg.Route(Asking{Self: t.cfg.Self, Nodes: nodes, Up: t.client.up, Plan: plan, Origin: origin, Key: key})
	return slices.DeleteFunc(route, func(t Tier) bool { return t.Level <= from })
}

// Shielding lists, as tiers of a level, the Origin Shield of an origin where that is
// another node. A nil Tiers knows none.
func (t *Tiers) Shielding(level Level, nodes map[string]cdn.Node, plan *cdn.Plan, origin *origins.Origin, key string) []Tier {
	if t == nil || t.cfg.Shield == nil {
		return nil
	}
	route := t.cfg.Shield(Asking{Self: t.cfg.Self, Nodes: nodes, Up: t.client.up, Plan: plan, Origin: origin, Key: key})
	for i := range route {
		route[i].Level = level
	}
	return route
}

// Do asks tiers in turn for r, a viewer's request. The error is *PassedOver where
// none of them answered and the origin is to be asked, *Failure where a tier has
// asked it in vain, or the reason why ctx ended. The caller closes the response,
// which has none of the protocol's fields.
func (t *Tiers) Do(ctx context.Context, route []Tier, a Ask, r *message.Request) (resp *message.Response, answer Answer, err error) {
	err = &PassedOver{Why: "none"}
	for _, up := range route {
		resp, answer, err = t.client.ask(ctx, up, a, r)
		outcome := "answered"
		var passed *PassedOver
		var failed *Failure
		switch {
		case errors.As(err, &passed):
			t.asked.WithLabelValues(up.Level.String(), passed.Why).Inc()
			t.cfg.Logger.Debug("passed over", "node", up.Node.ID, "level", up.Level, "err", err)
			continue
		case errors.As(err, &failed):
			outcome = "failed"
		case err != nil:
			outcome = "canceled"
		}
		t.asked.WithLabelValues(up.Level.String(), outcome).Inc()
		return resp, answer, err
	}
	return nil, Answer{}, err
}
