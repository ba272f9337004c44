package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/gossip"
	"github.com/warmfront/warmfront/network/gate"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/network/supervise"
	"github.com/warmfront/warmfront/network/tracing"
	"github.com/warmfront/warmfront/wan"
)

// NodeConfig is what every role is started with.
type NodeConfig struct {
	Folder statefolder.Folder // --data
	Addr   netip.Addr         // --addr: the node's own address
	Addr6  netip.Addr         // --addr6: the same for AAAA; the zero Addr for none
	Ports  ports.Ports
	Zone   string // --zone
	// Control are control's peer addresses, Join gossip addresses to find the
	// others by; host:port.
	Control, Join []string
	Secret        []byte // --cluster-secret-file
	Geo           *geo.DB
	Home          string    // --home
	WAN           wan.Model // --wan; the zero Scale is off
	// Sandbox is a network on one machine or in containers: origins may be on
	// private addresses, metrics listen on the node's own address, faults work.
	Sandbox bool
	// MetricsAddr is where /metrics and /healthz are, host:port; "" is the metrics
	// port on the node's own address in a sandbox, on loopback elsewhere.
	MetricsAddr string
	// AdoptJournal names a journal of control's to follow instead of the one that the
	// folder is of: --adopt-journal.
	AdoptJournal string
	// Traces takes what the node does: --otlp. Nil: nothing is traced. BelieveTraces takes the word of viewers, and of whoever
	// asks routers, for which trace a request is part of: --trace-viewers, and always in a sandbox.
	Traces        *tracing.Exporter
	BelieveTraces bool
	Version       string
	Log           *slog.Logger
	// OnApply is told of each state that the node has applied, before the node
	// acknowledges it, which waits for it. May be nil.
	OnApply func(node string, s *cdn.State)

	// gate is where faults act on the node, near is while everything is at one
	// place; nil outside `up`.
	gate *gate.Gate
	near *atomic.Bool
}

func (cfg *NodeConfig) complete() error {
	if !cfg.Addr.IsValid() {
		return errors.New("a node needs its own address (--addr)")
	}
	if cfg.Zone == "" || cfg.Log == nil || cfg.Geo == nil {
		return errors.New("a node needs a zone, a geo database and a logger")
	}
	if err := CheckZone(cfg.Zone); err != nil {
		return err
	}
	if cfg.gate == nil {
		cfg.gate = gate.New()
	}
	cfg.gate.Knows(cfg.Control)
	return cfg.Folder.Make()
}

func (cfg *NodeConfig) world() *world { return &world{cfg.Geo, cfg.WAN, cfg.near} }

func (cfg *NodeConfig) listenAddr(port uint16) string { return hostPort(cfg.Addr.String(), port) }

// metricsAddr is loopback outside a sandbox: metrics say more than strangers
// should know.
func (cfg *NodeConfig) metricsAddr() string {
	switch {
	case cfg.MetricsAddr != "":
		return cfg.MetricsAddr
	case cfg.Sandbox:
		return cfg.listenAddr(cfg.Ports.Metrics)
	}
	return hostPort("127.0.0.1", cfg.Ports.Metrics)
}

func (cfg *NodeConfig) describe(id string, role cdn.Role) cdn.Node {
	return cdn.Node{
		ID: id, Role: role, Addr: cfg.Addr, Addr6: cfg.Addr6,
		GossipPort: cfg.Ports.Gossip, PeerPort: cfg.Ports.Peer, MetricsPort: cfg.Ports.Metrics,
	}
}

// member is what every node but control is besides its role: a follower of the
// journal and a member of gossip.
type member struct {
	cfg      NodeConfig
	node     cdn.Node
	client   *client.Client
	gossip   *gossip.Gossip
	health   *health
	relay    *relaying
	registry *prometheus.Registry
}

// newMember makes the parts. disk and onMember may be nil.
func newMember(cfg NodeConfig, node cdn.Node, disk client.Disk, onApply func(*cdn.State), onMember func(gossip.Member)) (*member, error) {
	m := &member{cfg: cfg, node: node, registry: prometheus.NewRegistry()}
	applied := func(s *cdn.State) {
		if onApply != nil {
			onApply(s)
		}
		if cfg.OnApply != nil {
			cfg.OnApply(node.ID, s)
		}
		// Others may be out of control's reach, and follow this one then.
		m.gossip.AnnounceHead(s.Version)
	}
	var err error
	m.client, err = client.New(client.Config{
		Node: node, Control: cfg.Control, Secret: cfg.Secret, DataDir: cfg.Folder.Join("journal"),
		Disk: disk, OnApply: applied, Neighbours: m.neighbours, Adopt: cfg.AdoptJournal, Dial: cfg.gate.DialCluster(dialFrom(cfg.Addr)), Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	if m.gossip, err = newGossip(cfg, node, m.client.State, m.client.Hint, onMember); err != nil {
		return nil, errors.Join(err, m.close())
	}
	m.gossip.AnnounceHead(m.client.State().Version)                       // what the disk had
	if spans := cfg.Traces.Collector(); spans != nil && cfg.near == nil { // in `up` they are of all nodes, and control's
		m.registry.MustRegister(spans) // fails only if a registry is given twice, which is a mistake of the program
	}
	m.relay = newRelaying(m.client, cfg.Log)
	if m.health, err = newHealth(cfg, m.registry, m.ready); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

// run runs the node's role beside what every node has, until ctx ends; then stops
// the groups first, in their order.
func (m *member) run(ctx context.Context, name string, role supervise.Program, groups ...[]string) error {
	s := supervise.New()
	s.Start(ctx, "journal", m.client)
	s.Start(ctx, "gossip", m.gossip)
	s.Start(ctx, "relay", m.relay)
	s.Start(ctx, "metrics", m.health)
	s.Start(ctx, name, role)
	s.Wait(ctx)
	return s.StopAll(groups...)
}

// close ends everything at once; role is nil where there is none yet.
func (m *member) close(role ...io.Closer) error {
	var c supervise.Closing
	if m.health != nil {
		c.Add(m.health)
	}
	c.Add(role...)
	if m.relay != nil {
		c.Add(m.relay)
	}
	if m.gossip != nil {
		c.Add(m.gossip)
	}
	c.Add(m.client)
	return c.Err
}

// known is the state, or nil before the node has ever heard of one: a name it does
// not know yet is not one that does not exist.
func (m *member) known() *cdn.State {
	if s := m.client.State(); !s.Version.IsZero() {
		return s
	}
	return nil
}

// drained is a program whose listeners delay what is written: what was written
// last is delivered before it counts as stopped.
type drained struct {
	supervise.Program
	listeners *[]net.Listener
}

func (d drained) Run(ctx context.Context) error {
	err := d.Program.Run(ctx)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	for _, l := range *d.listeners {
		err = errors.Join(err, wan.Drain(grace, l))
	}
	return err
}

func newGossip(cfg NodeConfig, node cdn.Node, state func() *cdn.State, hint func(cdn.Version), onMember func(gossip.Member)) (*gossip.Gossip, error) {
	timing := gossip.Host()
	if cfg.Sandbox {
		timing = gossip.Lab()
	}
	g, err := gossip.New(gossip.Config{
		Node: node, Key: gossip.DeriveKey(cfg.Secret), Bind: netip.AddrPortFrom(cfg.Addr, cfg.Ports.Gossip),
		Seeds: cfg.Join, Timing: timing, OnMember: onMember, OnHead: hint, Logger: cfg.Log,
		Registered: func() []netip.AddrPort { return gossipAddrs(state()) },
		Cut:        func(peer netip.AddrPort) bool { return cfg.gate.Hides(peer.Addr()) },
	})
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", ports.ExplainTaken(err))
	}
	return g, nil
}

func gossipAddrs(s *cdn.State) []netip.AddrPort {
	addrs := make([]netip.AddrPort, 0, len(s.Nodes))
	for _, n := range s.Nodes {
		if n.GossipPort != 0 {
			addrs = append(addrs, netip.AddrPortFrom(n.Dial(), n.GossipPort))
		}
	}
	return addrs
}

// lease asks the client anew each time.
type lease struct{ c *client.Client }

func (l lease) Valid(now time.Time) bool { return l.c.Lease().Valid(now) }

// Ready waits until the node has been level with control.
func (m *member) Ready(ctx context.Context) error { return m.client.Ready(ctx) }

// ready is nil once the node has been level with control since it started, unless
// control has another journal by now.
func (m *member) ready() error {
	if err := m.client.Refusing(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if m.client.Ready(ctx) != nil {
		return errors.New("control has not been reached since the start")
	}
	return nil
}

// health serves /metrics and /healthz on the metrics port.
type health struct {
	listener net.Listener
	server   http.Server
}

func newHealth(cfg NodeConfig, registry *prometheus.Registry, ready func() error) (*health, error) {
	l, err := net.Listen("tcp", cfg.metricsAddr())
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", ports.ExplainTaken(err))
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return &health{listener: l, server: http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}}, nil
}

// Run serves until ctx ends.
func (h *health) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = h.server.Close() })
	defer stop()
	if err := h.server.Serve(h.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close stops at once.
func (h *health) Close() error {
	var c supervise.Closing
	c.Add(&h.server, h.listener)
	return c.Err
}
