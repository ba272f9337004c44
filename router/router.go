package router

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/health"
	"github.com/warmfront/warmfront/router/latency"
	"github.com/warmfront/warmfront/router/load"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/querylog"
	"github.com/warmfront/warmfront/router/transport"
)

// Router is one authoritative DNS server.
type Router struct {
	cfg     Config
	server  *transport.Server
	probe   *health.HTTP
	checker *health.Checker
	metrics *metrics
	limits  *limits

	snap  atomic.Pointer[snapshot]
	mu    sync.Mutex // held while the next snapshot is made
	edges map[string]cdn.Node
	board *load.Board
	spill map[string]float64 // of board; see pick.Conditions
	loads atomic.Pointer[map[string]load.State]

	latencies *latency.Board
	ways      *pick.Ways // of latencies

	classes map[string]cdn.PriceClass

	relocating atomic.Bool // background takes in a location table
	background sync.WaitGroup
}

// New listens on UDP and TCP. Answer works from here on; packets are answered,
// and edges checked, while Run runs.
func New(cfg Config) (*Router, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Router{cfg: cfg, edges: map[string]cdn.Node{}}
	r.limits = newLimits(cfg.RateLimit)
	r.server, err = transport.Listen(transport.Config{
		Listen: cfg.Listen, Answer: r.serve, Now: cfg.Now, Dropped: r.dropped, Hold: cfg.Hold, WrapListener: cfg.WrapListener, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("router: %w", err)
	}
	if err := r.assemble(); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// assemble makes everything that does not touch the network.
func (r *Router) assemble() (err error) {
	cfg := &r.cfg
	if len(cfg.NS) == 0 && r.Addr().Addr().IsUnspecified() {
		return fmt.Errorf("router: listening on %s, it needs to be told the addresses of the zone's name servers", r.Addr())
	}
	if len(cfg.NS) == 0 {
		cfg.NS = [][]netip.Addr{{r.Addr().Addr()}}
	}
	signer, err := newSigner(*cfg)
	if err != nil {
		return err
	}
	zones, err := newZones(*cfg, signer)
	if err != nil {
		return err
	}
	id, err := newIdentity(*cfg)
	if err != nil {
		return err
	}
	r.board, r.latencies, r.classes = load.NewBoard(cfg.Load), latency.NewBoard(latency.Default()), classes(*cfg)
	r.loads.Store(&map[string]load.State{})
	r.probe = health.NewHTTP("health."+cfg.Zone, cfg.ReportToken, cfg.Dial)
	r.checker = health.NewChecker(health.Config{
		Settings: cfg.Health, Probe: r.probe, Changed: r.renew, Now: cfg.Now, Logger: cfg.Logger,
	})
	if r.metrics, err = newMetrics(cfg.Metrics, append(r.figures(), load.Collector(r.loadStates))...); err != nil {
		return fmt.Errorf("router: metrics: %w", err)
	}
	r.snap.Store(&snapshot{
		server: id, signer: signer, zones: zones, configured: zones, table: pick.New(cfg.POPs, nil, nil), locate: cfg.Locate, home: cfg.Home, most: cfg.Addresses, locations: cfg.Table(),
		explaining: cfg.Explain, loads: r.loadStates, roundTrip: cfg.RoundTrip,
	})
	r.Refresh()
	return nil
}

func (r *Router) edgesUp() (n float64) {
	for _, e := range r.checker.Edges() {
		if e.Healthy {
			n++
		}
	}
	return n
}

// Addr returns the address that all sockets listen on.
func (r *Router) Addr() netip.AddrPort { return r.server.Addr() }

// Hint takes in what gossip says of a node. It moves the node's next check
// forward; only a clean leave also excludes it, and for no longer than
// health.Settings.LeaveHold.
func (r *Router) Hint(nodeID string, h health.Hint) { r.checker.Hint(nodeID, h) }

// Edges returns the registered edges and what the checks say of them, by id.
func (r *Router) Edges() []health.Edge { return r.checker.Edges() }

// Run serves until ctx ends, then answers what has been received, waits for open
// connections up to five seconds, and returns. The UDP sockets stay open until Close.
func (r *Router) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var checking sync.WaitGroup
	checking.Go(func() { r.checker.Run(ctx) })
	checking.Go(func() { r.balance(ctx) })
	err := r.server.Run(ctx)
	cancel()
	checking.Wait()
	r.probe.Close()
	return err
}

// Close frees the sockets. It is called after Run has returned, or instead of it.
func (r *Router) Close() error {
	r.background.Wait()
	return r.server.Close()
}

// serve answers a packet for the server.
func (r *Router) serve(packet []byte, from netip.AddrPort, proto Proto, buf []byte, now time.Time) []byte {
	var t trace
	out := r.respondTraced(packet, from.Addr(), proto, buf, now, &t)
	if r.cfg.QueryLog.Sample() {
		r.log(packet, out, from, proto, now, &t)
	}
	if r.cfg.Tracer != nil && out != nil {
		r.traceAnswer(packet, out, from.Addr(), proto, now, &t)
	}
	return out
}

// log hands a query and its answer to the query log.
func (r *Router) log(packet, out []byte, from netip.AddrPort, proto Proto, now time.Time, t *trace) {
	result := r.metrics.logged
	if !r.cfg.QueryLog.Add(&querylog.Exchange{
		Router: r.cfg.Identity, From: from, TCP: proto == TCP, Query: packet, Answer: out, Received: now, Sent: r.cfg.Now(),
		POP: t.pop, Distribution: t.distribution, Geo: t.geo, Lost: r.metrics.logLost.Inc,
	}) {
		result = r.metrics.logDropped
	}
	result.Inc()
}

func (r *Router) dropped(reason string) { r.metrics.dropped.WithLabelValues(reason).Inc() }
