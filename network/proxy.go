package network

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/proxyproto"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/supervise"
	"github.com/warmfront/warmfront/network/tracing"
	"github.com/warmfront/warmfront/network/viewer"
)

// ProxyConfig is what a Proxy is started with.
type ProxyConfig struct {
	Addr    netip.Addr  // address to listen on
	Ports   ports.Ports // of the network's edges, and of what listens here
	Zone    string
	Home    string
	Routers []string // DNS addresses, host:port
	Secret  []byte
	Geo     *geo.DB
	// State tells aliases, where it is known; nil otherwise.
	State func() *cdn.State
	// FrontHTTP and FrontHTTPS are the front door's ports.
	FrontHTTP, FrontHTTPS uint16
	// Metrics is the address of /healthz where it is not the metrics port on Addr;
	// NoHealth leaves it out, beside another program that has one.
	Metrics  string
	NoHealth bool
	// Traces takes what it does; nil: nothing is traced.
	Traces *tracing.Exporter
	Log    *slog.Logger
}

// Proxy is the program that lets one be somewhere else: the viewer proxy, and
// the front door for who is at home. It runs in a sandbox only.
type Proxy struct {
	proxy  *viewer.Proxy
	front  *viewer.FrontDoor
	health *health
}

// NewProxy listens; Run serves.
func NewProxy(cfg ProxyConfig) (_ *Proxy, err error) {
	p := &Proxy{}
	defer func() {
		if err != nil {
			err = errors.Join(ports.ExplainTaken(err), p.Close())
		}
	}()
	home, err := cfg.Geo.Catalogue().ByName(cfg.Home)
	if err != nil {
		return nil, err
	}
	key, err := proxyproto.DeriveKey(cfg.Secret)
	if err != nil {
		return nil, err
	}
	n := &viewer.Network{
		Zone: cfg.Zone, Resolver: &viewer.Resolver{Servers: cfg.Routers}, HTTPPort: cfg.Ports.HTTP, HTTPSPort: cfg.Ports.HTTPS,
		Header: func(from, to netip.AddrPort) []byte { return proxyproto.Header(from, to, key, time.Now()) },
	}
	if cfg.State != nil {
		n.Domain = func(host string) string {
			if plan := cfg.State().PlanFor(host); plan != nil {
				return plan.Domain
			}
			return ""
		}
	}
	host := cfg.Addr.String()
	p.front, err = viewer.NewFrontDoor(viewer.FrontDoorConfig{
		HTTP: hostPort(host, cfg.FrontHTTP), HTTPS: hostPort(host, cfg.FrontHTTPS),
		Viewer: geo.ViewerAddr(home.N), Network: n, Nearest: nearest(cfg, home), Tracer: cfg.Traces.Tracer("proxy", "front door"), Logger: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	cities := map[string]string{}
	for _, pop := range cfg.Geo.Catalogue().Metro() {
		cities[pop.Code] = hostPort(host, cfg.Ports.CityProxy+uint16(pop.N))
	}
	p.proxy, err = viewer.NewProxy(viewer.ProxyConfig{
		Listen: hostPort(host, cfg.Ports.Proxy), Cities: cities, Home: cfg.Home, Place: cfg.Geo.ParseFrom, Network: n,
		Tracer: cfg.Traces.Tracer("proxy", "viewer proxy"), Logger: cfg.Log,
	})
	if err != nil || cfg.NoHealth {
		return p, err
	}
	node := NodeConfig{Addr: cfg.Addr, Ports: cfg.Ports, Sandbox: true, MetricsAddr: cfg.Metrics, Log: cfg.Log}
	p.health, err = newHealth(node, prometheus.NewRegistry(), func() error { return nil })
	return p, err
}

// nearest is the registered edge nearest to home.
func nearest(cfg ProxyConfig, home geo.POP) func() (netip.Addr, bool) {
	if cfg.State == nil {
		return nil
	}
	return func() (netip.Addr, bool) {
		var addr netip.Addr
		best := -1.0
		for _, n := range cfg.State().Nodes {
			pop, ok := cfg.Geo.Catalogue().ByCode(n.POP)
			if n.Role != cdn.RoleEdge || n.IsRegional() || !ok {
				continue
			}
			if d := geo.Distance(home.Lat, home.Lon, pop.Lat, pop.Lon); best < 0 || d < best {
				best, addr = d, n.Addr
			}
		}
		return addr, best >= 0
	}
}

// Addr is the viewer proxy's address.
func (p *Proxy) Addr() net.Addr { return p.proxy.Addr() }

// Run serves until ctx ends.
func (p *Proxy) Run(ctx context.Context) error {
	s := supervise.New()
	if p.health != nil {
		s.Start(ctx, "metrics", p.health)
	}
	s.Start(ctx, "front door", p.front)
	s.Start(ctx, "viewer proxy", p.proxy)
	s.Wait(ctx)
	return s.StopAll([]string{"viewer proxy", "front door"})
}

// Close ends everything at once.
func (p *Proxy) Close() error {
	var c supervise.Closing
	if p.proxy != nil {
		c.Add(p.proxy)
	}
	if p.front != nil {
		c.Add(p.front)
	}
	if p.health != nil {
		c.Add(p.health)
	}
	return c.Err
}
