package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/gossip"
	"github.com/warmfront/warmfront/network/dns"
	"github.com/warmfront/warmfront/network/measured"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/router"
	"github.com/warmfront/warmfront/router/dnssec"
	routerhealth "github.com/warmfront/warmfront/router/health"
	"github.com/warmfront/warmfront/router/load"
)

// RouterConfig is what a Router is started with.
type RouterConfig struct {
	NodeConfig
	// Number is the router's number, from 1: --k.
	Number int
	// NS are the addresses of all routers, ns1 first; empty is this one alone.
	NS []netip.Addr
	// Listen is another address than Addr for DNS: --listen. Empty is Addr.
	Listen string
	// DNS says how it answers.
	DNS dns.Config
	// Load says when a POP's viewers are sent on to others; the zero value is the default.
	Load load.Settings
}

// Router is the program of one router: it follows the journal, is a member of
// gossip and answers DNS.
type Router struct {
	*member
	router *router.Router
	// keys is the file of keys, "" for none.
	keys string
}

// NewRouter listens; Run serves.
func NewRouter(cfg RouterConfig) (_ *Router, err error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	r := &Router{keys: cfg.DNS.DNSSEC}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	node := cfg.describe(fmt.Sprintf("router-%d", cfg.Number), cdn.RoleRouter)
	refresh := func(*cdn.State) {
		if r.router != nil {
			r.router.Refresh()
		}
	}
	if r.member, err = newMember(cfg.NodeConfig, node, nil, refresh, r.hint); err != nil {
		return nil, err
	}
	if err := r.listenRelay(cfg.world().home()); err != nil {
		return nil, err
	}
	if cfg.Listen == "" {
		cfg.Listen = cfg.listenAddr(cfg.Ports.DNS)
	}
	ns := make([][]netip.Addr, 0, len(cfg.NS))
	for _, a := range cfg.NS {
		ns = append(ns, []netip.Addr{a})
	}
	if _, err := cfg.Geo.Table(); err != nil {
		cfg.Log.Warn("DNS answers hold for smaller networks than they could", "err", err)
	}
	c, err := cfg.DNS.Router(cfg.Zone)
	if err != nil {
		return nil, err
	}
	c.Identity, c.Version, c.CookieSecret = node.ID, cfg.dnsVersion(), cfg.Secret
	c.Explain, c.Load, c.ReportToken = cfg.Sandbox, cfg.Load, measured.Token(cfg.Secret)
	c.Listen, c.NS, c.State = cfg.Listen, ns, r.known
	dns.Locate(&c, cfg.Geo, cfg.WAN)
	c.Dial, c.Hold, c.WrapListener = cfg.gate.DialOut(dialFrom(cfg.Addr)), cfg.gate.Wait, cfg.gate.Listener
	c.Tracer, c.BelieveTraces = cfg.Traces.Tracer("router", node.ID), cfg.Sandbox || cfg.BelieveTraces
	c.Logger, c.Metrics, c.Now = cfg.Log, r.registry, time.Now
	if r.router, err = router.New(c); err != nil {
		return nil, ports.ExplainTaken(err)
	}
	return r, nil
}

// dnsVersion is what strangers may know: outside a sandbox not which release.
func (cfg *RouterConfig) dnsVersion() string {
	if cfg.Sandbox {
		return "Warmfront " + cfg.Version
	}
	return "Warmfront"
}

func (r *Router) hint(m gossip.Member) {
	if m.Node.Role != cdn.RoleEdge || m.Node.IsRegional() || r.router == nil {
		return
	}
	switch m.State {
	case gossip.Alive:
		r.router.Hint(m.Node.ID, routerhealth.HintAlive)
	case gossip.Left:
		r.router.Hint(m.Node.ID, routerhealth.HintLeft)
	case gossip.Suspect, gossip.Dead:
		r.router.Hint(m.Node.ID, routerhealth.HintDead)
	}
}

// allHealthy reports whether the router finds every registered edge healthy.
func (r *Router) allHealthy() bool {
	edges := r.router.Edges()
	for _, e := range edges {
		if !e.Healthy {
			return false
		}
	}
	return len(edges) > 0
}

// ReloadKeys reads the keys that answers are signed with again; on an error those of before
// stay. Without --dnssec it does nothing.
func (r *Router) ReloadKeys() error {
	if r.keys == "" {
		return nil
	}
	keys, err := dnssec.ReadFile(r.keys)
	if err != nil {
		return fmt.Errorf("--dnssec: %w", err)
	}
	return r.router.Rekey(keys)
}

// Run serves until ctx ends, then answers what was asked and leaves.
func (r *Router) Run(ctx context.Context) error {
	return r.run(ctx, "dns", r.router, []string{"dns"})
}

// Close ends everything at once.
func (r *Router) Close() error {
	if r.member == nil {
		return nil
	}
	if r.router == nil {
		return r.close()
	}
	return r.close(r.router)
}
