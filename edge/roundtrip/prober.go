package roundtrip

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
)

// Protocol is what a connection for measuring agrees on by ALPN.
const Protocol = "warmfront-echo/1"

const (
	// pings is how often a byte goes and comes back in one measurement.
	pings = 4
	// patience is how long one measurement may take, and a connection to measure by.
	patience = 5 * time.Second
)

// Serve sends back what comes, for a measurement of another edge, and closes the
// connection.
func Serve(ctx context.Context, c *tls.Conn) {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.NetConn().Close() })
	defer stop()
	if c.SetDeadline(time.Now().Add(patience)) != nil {
		return
	}
	_, _ = io.CopyN(c, onlyReader{c}, pings) // whoever asked sees how it ended
}

// onlyReader keeps io.Copy from waiting for more than one byte.
type onlyReader struct{ r io.Reader }

func (o onlyReader) Read(b []byte) (int, error) { return o.r.Read(b[:1]) }

// Config is what a Prober needs.
type Config struct {
	// POP is the edge's own, which is not measured.
	POP string
	// Nodes returns all registered nodes, by id.
	Nodes func() map[string]cdn.Node
	// Up reports whether a node is worth calling.
	Up func(id string) bool
	// Identity is the TLS configuration by which a node is called; see tier.Identity.
	Identity func(id string) (*tls.Config, error)
	// Dial connects, and is where faults and delays are applied.
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Logger *slog.Logger
}

// Prober measures. Its methods may be called by any goroutine.
type Prober struct {
	cfg Config

	mu    sync.Mutex
	table Table
}

// New makes a prober that knows nothing yet.
func New(cfg Config) *Prober { return &Prober{cfg: cfg} }

// RoundTrips returns what has been measured.
func (p *Prober) RoundTrips() []report.RoundTrip {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.table.Report(time.Now())
}

// Run measures until ctx ends.
func (p *Prober) Run(ctx context.Context) {
	timer := time.NewTimer(pauseNew)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(p.next(ctx))
	}
}

// next measures what is due and returns how long to wait for the next.
func (p *Prober) next(ctx context.Context) time.Duration {
	nodes := map[string][]cdn.Node{}
	var pops []string
	for id, n := range p.cfg.Nodes() {
		if n.Role != cdn.RoleEdge || n.IsRegional() || n.POP == p.cfg.POP || n.PeerPort == 0 || !p.cfg.Up(id) {
			continue
		}
		if nodes[n.POP] == nil {
			pops = append(pops, n.POP)
		}
		nodes[n.POP] = append(nodes[n.POP], n)
	}
	p.mu.Lock()
	p.table.Know(pops)
	pop, tries, wait := p.table.Due(time.Now())
	p.mu.Unlock()
	if pop == "" {
		return wait
	}
	of := nodes[pop]
	slices.SortFunc(of, func(a, b cdn.Node) int { return a.K - b.K })
	took, err := p.measure(ctx, of[tries%len(of)])
	if err != nil {
		p.cfg.Logger.Debug("the way to a POP is not measured", "pop", pop, "err", err)
		return pauseNew
	}
	p.mu.Lock()
	p.table.Measured(pop, took, time.Now())
	p.mu.Unlock()
	return pauseNew
}

// measure returns the least of some round trips to a node.
func (p *Prober) measure(ctx context.Context, n cdn.Node) (least time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cfg, err := p.cfg.Identity(n.ID)
	if err != nil {
		return 0, err
	}
	cfg.NextProtos = []string{Protocol}
	raw, err := p.cfg.Dial(ctx, "tcp", netip.AddrPortFrom(n.Dial(), n.PeerPort).String())
	if err != nil {
		return 0, err
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	c := tls.Client(raw, cfg)
	if err := c.HandshakeContext(ctx); err != nil {
		return 0, err
	}
	if c.ConnectionState().NegotiatedProtocol != Protocol {
		return 0, errors.New("its release measures nothing")
	}
	b := []byte{'.'}
	for range pings {
		sent := time.Now()
		if _, err := c.Write(b); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return 0, err
		}
		if took := time.Since(sent); least == 0 || took < least {
			least = took
		}
	}
	return least, nil
}
