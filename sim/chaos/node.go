package chaos

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/edge"
	"github.com/warmfront/warmfront/edge/tier"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/network"
)

// host is a machine that an edge runs on.
type host struct {
	node   cdn.Node
	number int // of the POP
	// viewers is the address that its viewers have.
	viewers netip.Addr
	machine *machine
	clock   *clock
	edge    *edgeProcess // nil while it is down; held: world.mu
}

const (
	viewerPort = 80
	peerPort   = 7947
)

func edgeNames() []string { return []string{"NRT-1", "NRT-2", "FRA-1", shieldName} }

// shieldName is the node that the others ask before the origin.
const shieldName = "SHD-1"

func hosts(base string) (map[string]*host, error) {
	all := map[string]*host{}
	for i, name := range edgeNames() {
		machine, err := newMachine(filepath.Join(base, name))
		if err != nil {
			return nil, err
		}
		all[name] = &host{
			node: cdn.Node{
				ID: name, Role: cdn.RoleEdge, POP: name[:3], K: int(name[4] - '0'), Addr: netip.AddrFrom4([4]byte{10, 1, 0, byte(i + 1)}),
				HTTPPort: viewerPort, PeerPort: peerPort,
			},
			machine: machine, number: i + 1, viewers: netip.AddrFrom4([4]byte{10, 2, 0, byte(i + 1)}),
		}
	}
	return all, nil
}

// far has the shield's POP nearest to all: the production route asks, after the node of
// the same POP that owns the key, the shield, and another POP in its place while it is
// left alone.
func far(_, b string) float64 {
	if b == shieldName[:3] {
		return 0
	}
	return 1
}

// edgeProcess is one run of an edge.
type edgeProcess struct {
	process
	client  *client.Client
	edge    *edge.Edge
	crashed atomic.Bool
}

// dial connects from a host until the process crashes.
func (p *edgeProcess) dial(w *world, from netip.Addr) func(context.Context, string, string) (net.Conn, error) {
	dial := w.net.Dialer(from)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if p.crashed.Load() {
			return nil, errCrashed
		}
		return dial(ctx, network, address)
	}
}

// lease implements edge.Lease.
type lease struct{ client *client.Client }

func (l lease) Valid(now time.Time) bool { return l.client.Lease().Valid(now) }

// startEdge starts an edge from what its disk has. Held: w.mu.
func (w *world) startEdge(h *host) error {
	p := &edgeProcess{}
	folder, cache := h.machine.disks()
	log, dial := w.log.With("node", h.node.ID), p.dial(w, h.node.Addr)
	var err error
	p.client, err = client.New(client.Config{
		Node: h.node, Control: []string{controlAddress.String()}, Secret: w.secret, DataDir: folder, Disk: p, Dial: dial, Clock: h.clock.at, Log: log,
	})
	if err != nil {
		return err
	}
	p.edge, err = edge.New(edge.Config{
		Node: h.node, POPNumber: h.number, Zone: zone, HTTPAddr: netip.AddrPortFrom(h.node.Addr, viewerPort).String(), Listen: w.listen,
		State: p.state, Lease: lease{p.client}, Entitled: p.client.Entitled, Origins: map[string]string{originName: originAddress.String()},
		Sandbox: true, DialOrigin: dial, MemoryBytes: memoryBytes, DiskBytes: diskBytes,
		DiskDir: h.machine.cacheDir(), DiskFS: cache, Journal: p.client.Journal(), DrainLimit: time.Second, Logger: log, Registry: prometheus.NewRegistry(),
		Tiers: &tier.Config{
			Addr: netip.AddrPortFrom(h.node.Addr, peerPort).String(), Listen: w.listen, Identity: network.PeerIdentity(p.client), Dial: dial, Route: tier.CloudFront(far), Shield: tier.OriginShield(far),
		},
	})
	if err != nil {
		return errors.Join(err, p.client.Close())
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	w.running.Go(func() {
		if err := p.client.Run(p.ctx); err != nil {
			w.offend("died", "the client of "+h.node.ID+": "+err.Error())
		}
	})
	w.running.Go(func() {
		if err := p.edge.Run(p.ctx); err != nil && !p.crashed.Load() {
			w.offend("died", h.node.ID+": "+err.Error())
		}
	})
	h.edge = p
	return nil
}

// Disk implements client.Disk, by which control is told of the cache's disk; there is an edge before it is asked.
func (p *edgeProcess) Disk() journal.Disk { return p.edge.Disk() }

// Joined implements client.Disk.
func (p *edgeProcess) Joined(name string, known journal.Disk, rolledBack bool) error {
	return p.edge.Joined(name, known, rolledBack)
}

// state is the newest that was applied, nil before the first.
func (p *edgeProcess) state() *cdn.State {
	if s := p.client.State(); !s.Version.IsZero() {
		return s
	}
	return nil
}

// crashEdge ends an edge as a crash does, and with its power if that is lost: then nobody is told.
func (w *world) crashEdge(h *host, power bool) error {
	w.mu.Lock()
	p := h.edge
	h.edge = nil
	w.mu.Unlock()
	if p == nil {
		return nil
	}
	p.crashed.Store(true)
	w.net.SetDown(h.node.Addr, true)
	err := h.machine.crash(power, w.chance())
	if !power {
		w.resets(h.node.Addr)
	}
	p.cancel()
	return errors.Join(err, p.edge.Close(), p.client.Close())
}

// restartEdge starts an edge anew after a crash.
func (w *world) restartEdge(h *host) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resets(h.node.Addr)
	w.net.SetDown(h.node.Addr, false)
	return w.startEdge(h)
}
