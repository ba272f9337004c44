package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/health"
	"github.com/warmfront/warmfront/router/pick"
)

// When Run ends it reads for drainRead what had been sent before, so that
// nothing in the kernel's buffers goes unanswered, and gives connections
// drainTime in all.
const (
	drainRead = 100 * time.Millisecond
	drainTime = 5 * time.Second
)

// Router is one authoritative DNS server.
type Router struct {
	cfg     Config
	zones   zones
	udp     []*net.UDPConn // of one port
	batched bool           // the packets of udp are taken in batches
	tcp     net.Listener
	addr    netip.AddrPort
	probe   *health.HTTP
	checker *health.Checker
	metrics *metrics
	conns   conns
	limits  *limits

	snap  atomic.Pointer[snapshot]
	mu    sync.Mutex // held while the next snapshot is made
	edges map[string]cdn.Node

	relocating atomic.Bool // background takes in a location table
	background sync.WaitGroup

	closing sync.Once
	closed  chan struct{} // by Close
}

// New listens on UDP and TCP. Answer works from here on; packets are answered,
// and edges checked, while Run runs.
func New(cfg Config) (*Router, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Router{cfg: cfg, edges: map[string]cdn.Node{}, closed: make(chan struct{})}
	r.limits = newLimits(cfg.RateLimit)
	r.conns = conns{open: map[net.Conn]netip.Addr{}, client: map[netip.Addr]int{}}
	if err := r.listen(); err != nil {
		return nil, err
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
	if len(cfg.NS) == 0 && r.addr.Addr().IsUnspecified() {
		return fmt.Errorf("router: listening on %s, it needs to be told the addresses of the zone's name servers", r.addr)
	}
	if len(cfg.NS) == 0 {
		cfg.NS = [][]netip.Addr{{r.addr.Addr()}}
	}
	if r.zones, err = newZones(*cfg); err != nil {
		return err
	}
	id, err := newIdentity(*cfg)
	if err != nil {
		return err
	}
	r.probe = health.NewHTTP("health."+cfg.Zone, cfg.Dial)
	r.checker = health.NewChecker(health.Config{
		Settings: cfg.Health, Probe: r.probe, Changed: r.renew, Now: cfg.Now, Logger: cfg.Logger,
	})
	if r.metrics, err = newMetrics(cfg.Metrics, r.edgesUp); err != nil {
		return fmt.Errorf("router: metrics: %w", err)
	}
	r.snap.Store(&snapshot{
		server: id, zones: r.zones, table: pick.New(cfg.POPs, nil, nil), locate: cfg.Locate, home: cfg.Home, locations: cfg.Table(),
		explaining: cfg.Explain, roundTrip: cfg.RoundTrip,
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
func (r *Router) Addr() netip.AddrPort { return r.addr }

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
	defer cancel()
	var wg sync.WaitGroup
	var failed error
	var once sync.Once
	serve := func(f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil {
				once.Do(func() { failed = err })
				cancel()
			}
		})
	}
	for i := range workers() {
		serve(func(ctx context.Context) error { return r.serveUDP(ctx, i) })
	}
	serve(r.serveTCP)
	wg.Go(func() { r.checker.Run(ctx) })

	<-ctx.Done()
	end := time.Now().Add(drainRead)
	for _, c := range r.udp {
		_ = c.SetReadDeadline(end)
	}
	_ = r.tcp.Close()
	r.conns.drain(end)
	overdue := time.AfterFunc(drainTime, r.conns.closeAll)
	wg.Wait()
	overdue.Stop()
	r.probe.Close()
	return failed
}

// Close frees the sockets. It is called after Run has returned, or instead of it.
func (r *Router) Close() error {
	r.closing.Do(func() { close(r.closed) })
	r.background.Wait()
	err := r.tcp.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(err, closeUDP(r.udp))
}
