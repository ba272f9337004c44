package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// maxFleet is how many addresses followers have, and what the open files of one process allow.
const maxFleet = 5000

// fleet is one control and its nodes: what an invalidation costs control, and what keeping the nodes does.
type fleet struct {
	Nodes int `json:"nodes"`
	// Start is how long all took to join, fetch the state and get a lease.
	Start time.Duration `json:"start_ns"`
	// First, Middle and Last are when a node had applied a change, from its being durable: the first, the middle and the
	// last node. Settled is when all had acknowledged it.
	First   spread `json:"first"`
	Middle  spread `json:"middle"`
	Last    spread `json:"last"`
	Settled spread `json:"settled"`
	// CPU is control's for one change, AtRest in a second without any; Nodes' is the followers', all of them, likewise.
	CPU         time.Duration `json:"cpu_ns"`
	AtRest      time.Duration `json:"cpu_at_rest_ns"`
	NodesCPU    time.Duration `json:"nodes_cpu_ns"`
	NodesAtRest time.Duration `json:"nodes_cpu_at_rest_ns"`
	// Memory and Goroutines are control's for one node.
	Memory     int     `json:"memory_bytes"`
	Goroutines float64 `json:"goroutines"`
}

func measureFleet(ctx context.Context, cfg config, nodes int) (f fleet, err error) {
	f.Nodes = nodes
	// Two connections of each node.
	if err := peers.RaiseFiles(uint64(2*nodes + 1000)); err != nil {
		return f, err
	}
	folder, err := os.MkdirTemp("", "bench-invalidate-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	secret := rand.Text() + rand.Text()
	ctl, err := control.New(control.Config{
		DataDir: folder, Zone: "warmfront.test", Secret: []byte(secret), PeerAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return f, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- ctl.Run(running) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended, ctl.Close())
	}()
	if err := register(ctx, ctl, nodes); err != nil {
		return f, err
	}
	heap, routines := inUse(), runtime.NumGoroutine()
	began := time.Now()
	p, err := startFollowers(ctx, order{Control: ctl.Addr().String(), Secret: secret, Nodes: nodes})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if _, err := p.next(ctx); err != nil {
		return f, err
	}
	f.Start = time.Since(began)
	f.Memory, f.Goroutines = (inUse()-heap)/nodes, float64(runtime.NumGoroutine()-routines)/float64(nodes)
	say("%d nodes: ready in %.1f s", nodes, f.Start.Seconds())
	return f, f.drive(ctx, cfg, ctl, p)
}

// drive measures a while without changes and then one change after the other.
func (f *fleet) drive(ctx context.Context, cfg config, ctl *control.Control, p *process) error {
	if err := pause(ctx, 2*time.Second); err != nil { // what starting left to do
		return err
	}
	own, theirs := selfCPU(), p.cpu()
	if err := pause(ctx, cfg.rest); err != nil {
		return err
	}
	a := time.Duration(cfg.rest.Seconds())
	f.AtRest, f.NodesAtRest = (selfCPU()-own)/a, (p.cpu()-theirs)/a
	var first, middle, last, settled []time.Duration
	for i := range cfg.changes {
		own, theirs := selfCPU(), p.cpu()
		v, err := invalidateAll(ctx, ctl)
		if err != nil {
			return err
		}
		durable := time.Now()
		limited, cancel := context.WithTimeout(ctx, oneLimit)
		err = ctl.WaitSettled(limited, journal.Completed, v)
		all := time.Now()
		var r report
		if err == nil {
			r, err = p.next(limited)
		}
		cancel()
		if err != nil {
			return err
		}
		if r.Version != v || all.UnixNano() < r.Last {
			return fmt.Errorf("%v has settled %v before the last node had applied %v", v, time.Duration(r.Last-all.UnixNano()), r.Version)
		}
		f.CPU, f.NodesCPU = f.CPU+selfCPU()-own, f.NodesCPU+p.cpu()-theirs
		since := func(at int64) time.Duration { return max(0, time.Duration(at-durable.UnixNano())) }
		first, middle, last = append(first, since(r.First)), append(middle, since(r.Middle)), append(last, since(r.Last))
		settled = append(settled, all.Sub(durable))
		if err := pause(ctx, apart); err != nil {
			return err
		}
		if (i+1)%10 == 0 {
			say("%d nodes: %d of %d invalidations", f.Nodes, i+1, cfg.changes)
		}
	}
	f.First, f.Middle, f.Last, f.Settled = spreadOf(first), spreadOf(middle), spreadOf(last), spreadOf(settled)
	f.CPU, f.NodesCPU = f.CPU/time.Duration(cfg.changes), f.NodesCPU/time.Duration(cfg.changes)
	return nil
}

// register makes the nodes known before they start, as they are after a restart of all: a thousand that each join a
// running network one after the other are told of one another a million times, by whichever way.
func register(ctx context.Context, ctl *control.Control, nodes int) error {
	_, err := ctl.Propose(ctx, func(*cdn.State) (changes []cdn.Change, err error) {
		for i := range nodes {
			c, err := cdn.NewChange(cdn.KindNodeRegister, fleetNode(i), time.Now())
			if err != nil {
				return nil, err
			}
			changes = append(changes, c)
		}
		return changes, nil
	})
	return err
}

func fleetNode(i int) cdn.Node {
	k := 1 + i%200
	return cdn.Node{
		ID: fmt.Sprintf("FRA-%d", i+1), Role: cdn.RoleEdge, POP: "FRA", K: k, Addr: netip.AddrFrom4([4]byte{127, 1, byte(i / 200), byte(k)}),
		HTTPPort: 80, HTTPSPort: 443, GossipPort: 7946, PeerPort: 7947, MetricsPort: 9100,
	}
}

// invalidateAll journals an invalidation of everything, of a distribution that nobody serves.
func invalidateAll(ctx context.Context, ctl *control.Control) (cdn.Version, error) {
	return ctl.Propose(ctx, func(*cdn.State) ([]cdn.Change, error) {
		c, err := cdn.NewChange(cdn.KindInvalidation, cdn.Invalidation{
			ID: "I" + rand.Text(), Distribution: "EBENCH", CallerReference: rand.Text(), Paths: []string{"/*"}, CreateTime: time.Now().UTC(),
		}, time.Now())
		return []cdn.Change{c}, err
	})
}

func inUse() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}

// process is the one the followers are in.
type process struct {
	cmd     *exec.Cmd
	in      io.Closer
	reports chan report
	ended   chan error
}

func startFollowers(ctx context.Context, o order) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, self, followersCommand), reports: make(chan report, 1), ended: make(chan error, 1)}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in = in
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var r report
			if json.Unmarshal(lines.Bytes(), &r) == nil {
				p.reports <- r
			}
		}
		p.ended <- p.cmd.Wait()
	}()
	return p, json.NewEncoder(in).Encode(o)
}

// next is the next report.
func (p *process) next(ctx context.Context) (report, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	select {
	case r := <-p.reports:
		return r, nil
	case err := <-p.ended:
		p.ended <- err
		return report{}, errors.Join(errors.New("the nodes' process has ended"), err)
	case <-ctx.Done():
		return report{}, fmt.Errorf("waiting for the nodes: %w", ctx.Err())
	}
}

func (p *process) cpu() time.Duration {
	used, err := peers.CPUTime(p.cmd.Process.Pid)
	if err != nil {
		return 0 // it has ended, which next says
	}
	return used
}

func (p *process) stop() error {
	return errors.Join(p.in.Close(), <-p.ended)
}
