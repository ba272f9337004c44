package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
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
	udp     net.PacketConn
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

// listen binds both sockets to one port.
func (r *Router) listen() error {
	// With port 0 the kernel's choice for UDP may be taken for TCP.
	const attempts = 16
	var err error
	for range attempts {
		if err = r.listenOnce(); err == nil || !portIsZero(r.cfg.Listen) {
			break
		}
	}
	return err
}

func portIsZero(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	return err == nil && (port == "0" || port == "")
}

func (r *Router) listenOnce() error {
	pc, err := net.ListenPacket("udp", r.cfg.Listen)
	if err != nil {
		return fmt.Errorf("router: %w", err)
	}
	addr := addrPort(pc.LocalAddr())
	host, _, err := net.SplitHostPort(r.cfg.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("router: %w", err), pc.Close())
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(addr.Port()))))
	if err != nil {
		return errors.Join(fmt.Errorf("router: %w", err), pc.Close())
	}
	if u, ok := pc.(*net.UDPConn); ok && addr.Addr().IsUnspecified() {
		if err := askDestination(u); err != nil {
			return errors.Join(fmt.Errorf("router: %w", err), pc.Close(), l.Close())
		}
	}
	if r.cfg.WrapPacketConn != nil {
		pc = r.cfg.WrapPacketConn(pc)
	}
	if r.cfg.WrapListener != nil {
		l = r.cfg.WrapListener(l)
	}
	r.udp, r.tcp = pc, l
	r.addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	return nil
}

// Addr returns the address that both sockets listen on.
func (r *Router) Addr() netip.AddrPort { return r.addr }

// Hint takes in what gossip says of a node. It moves the node's next check
// forward; only a clean leave also excludes it, and for no longer than
// health.Settings.LeaveHold.
func (r *Router) Hint(nodeID string, h health.Hint) { r.checker.Hint(nodeID, h) }

// Edges returns the registered edges and what the checks say of them, by id.
func (r *Router) Edges() []health.Edge { return r.checker.Edges() }

// Run serves until ctx ends, then answers what has been received, waits for open
// connections up to five seconds, and returns. The UDP socket stays open, so that
// a wrapper can deliver what it still holds, until Close.
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
	for range min(runtime.GOMAXPROCS(0), 8) {
		serve(r.serveUDP)
	}
	serve(r.serveTCP)
	wg.Go(func() { r.checker.Run(ctx) })

	<-ctx.Done()
	end := time.Now().Add(drainRead)
	_ = r.udp.SetReadDeadline(end)
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
	r.background.Wait()
	err := r.tcp.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(r.udp.Close(), err)
}
