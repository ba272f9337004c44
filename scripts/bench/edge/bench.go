package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/scripts/bench/origin"
	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// bench is one run: the origin and the servers, started when a load first needs them.
type bench struct {
	cfg     config
	folder  string
	origin  *origin.Server
	servers []*peers.Server // those that cfg.only names, nginx first
	started bool
	notes   []string // what whoever reads the figures must know
}

// A round is what one server did in one round.
type round struct {
	Answers   int64         `json:"answers"`
	Elapsed   time.Duration `json:"elapsed_ns"`
	CPU       time.Duration `json:"cpu_ns"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	PerCPU    float64       `json:"per_cpu_second"`
	PerSecond float64       `json:"per_second"`
	Ratio     float64       `json:"ratio"` // of PerCPU to the first server's, 0 where that is not nginx
}

// A result is a server's rounds under a load.
type result struct {
	Load   string  `json:"load"`
	Server string  `json:"server"`
	Rounds []round `json:"rounds"`
}

func (b *bench) note(format string, args ...any) {
	n := fmt.Sprintf(format, args...)
	if !slices.Contains(b.notes, n) {
		say("note: %s", n)
		b.notes = append(b.notes, n)
	}
}

// quiet notes that others use the machine.
func (b *bench) quiet(l load) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil || b.started { // one's own load counts from then on
		return
	}
	var average float64
	if _, err := fmt.Sscan(string(text), &average); err == nil && average > 1.5 {
		b.note("the load average was %.1f when %s began: figures are noisy", average, l.Name)
	}
}

func (b *bench) peersConfig() peers.Config {
	return peers.Config{Folder: b.folder, Origin: b.origin.Addr(), CPU: b.cfg.serverCPU, Binary: b.cfg.binary, Memory: b.cfg.memory, Files: 4096}
}

// start starts the servers, once.
func (b *bench) start(ctx context.Context) error {
	if b.started {
		return nil
	}
	b.started = true
	for _, name := range peers.Names() {
		if !slices.Contains(b.cfg.only, name) {
			continue
		}
		s, err := peers.Start(ctx, name, b.peersConfig())
		if errors.Is(err, peers.ErrMissing) {
			b.note("%v; left out", err)
			continue
		}
		if err != nil {
			return err
		}
		say("%s: %s", s.Name, s.Version)
		b.servers = append(b.servers, s)
	}
	return nil
}

func (b *bench) stop() error {
	var errs []error
	for _, s := range b.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// measure drives every server with a load, round by round.
func (b *bench) measure(ctx context.Context, l load) (results []result, err error) {
	var targets []target
	if l.Name == "objects" {
		var stop func() error
		targets, stop, err = b.fewAndMany(ctx, l)
		defer func() { err = errors.Join(err, stop()) }()
	} else {
		targets, err = b.targets(ctx, l)
	}
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		if err := b.fill(ctx, t); err != nil {
			return nil, err
		}
		results = append(results, result{Load: l.Name, Server: t.name()})
	}
	for n := range b.cfg.rounds {
		for i, t := range targets {
			r, err := b.turn(ctx, t, n == 0)
			if err != nil {
				return nil, err
			}
			results[i].Rounds = append(results[i].Rounds, r)
			if base := targets[t.alike]; base.server.Name == "nginx" || base.objects > 0 {
				r.Ratio = r.PerCPU / results[t.alike].Rounds[n].PerCPU
				results[i].Rounds[n] = r
			}
			say("%-9s round %d  %-28s %9.0f/s %9.0f a CPU second  ratio %.2f  p50 %v p99 %v", l.Name, n+1, t.name(),
				r.PerSecond, r.PerCPU, r.Ratio, r.P50, r.P99)
		}
	}
	return results, nil
}

// targets are the servers that can do what the load takes.
func (b *bench) targets(ctx context.Context, l load) (list []target, err error) {
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	for _, s := range b.servers {
		if l.TLS && s.HTTPS == "" || l.TLS && s.Name == "nginx-sendfile" { // with TLS it is nginx
			continue
		}
		list = append(list, target{load: l, server: s})
	}
	return list, nil
}

// fewAndMany starts two of each server for the load "objects"; one is compared with the other.
func (b *bench) fewAndMany(ctx context.Context, l load) (list []target, stop func() error, err error) {
	var servers []*peers.Server
	stop = func() (err error) {
		for _, s := range servers {
			err = errors.Join(err, s.Close())
		}
		return err
	}
	cfg := b.peersConfig()
	cfg.Memory = max(cfg.Memory, b.cfg.objects/256) // 4 KiB an object, more than it takes
	for _, name := range b.cfg.objectsOf {
		for i, n := range []int{few, b.cfg.objects} {
			s, err := peers.Start(ctx, name, cfg)
			if err != nil {
				return nil, stop, err
			}
			servers = append(servers, s)
			list = append(list, target{load: l, server: s, objects: n, alike: len(list) - i})
		}
	}
	return list, stop, nil
}

// fill asks for every object until the server answers without asking the origin.
func (b *bench) fill(ctx context.Context, t target) error {
	if t.objects > few {
		say("%s: filling the cache", t.name())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(64, t.count()) {
		group.Go(func() {
			c := t.server.Client()
			defer c.CloseIdleConnections()
			for i := int(next.Add(1) - 1); i < t.count() && ctx.Err() == nil; i = int(next.Add(1) - 1) {
				if _, err := t.server.Check(ctx, c, t.scheme(), t.one(i)); err != nil {
					cancel(err)
				}
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	var err error
	for range 100 { // some finish writing to the cache after they have answered
		if err = b.verify(ctx, t); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return err
}

// verify fails unless objects come right, and from the cache: the one there is, or a thousand of many.
func (b *bench) verify(ctx context.Context, t target) error {
	c := t.server.Client()
	defer c.CloseIdleConnections()
	before := b.origin.Requests()
	for i := 0; i < t.count(); i += max(1, t.count()/1000) {
		hit, err := t.server.Check(ctx, c, t.scheme(), t.one(i))
		if err != nil {
			return err
		}
		if !hit || b.origin.Requests() != before {
			return fmt.Errorf("%s: %s is not a hit", t.name(), t.one(i))
		}
	}
	return nil
}

// turn drives one server once.
func (b *bench) turn(ctx context.Context, t target, first bool) (round, error) {
	if err := b.verify(ctx, t); err != nil {
		return round{}, err
	}
	asked := b.origin.Requests()
	before, err := t.server.CPU()
	if err != nil {
		return round{}, err
	}
	profiled := b.profile(ctx, t, first)
	s, err := t.drive(ctx, b, t)
	if err != nil {
		return round{}, fmt.Errorf("%s: %w", t.name(), err)
	}
	after, err := t.server.CPU()
	if err := errors.Join(err, profiled()); err != nil {
		return round{}, err
	}
	if n := b.origin.Requests() - asked; n != 0 {
		return round{}, fmt.Errorf("%s asked the origin %d times while hits were measured", t.name(), n)
	}
	if err := s.check(t); err != nil {
		return round{}, fmt.Errorf("%s: %w", t.name(), err)
	}
	if err := b.verify(ctx, t); err != nil {
		return round{}, fmt.Errorf("after the load: %w", err)
	}
	used := after - before
	if used <= 0 {
		return round{}, fmt.Errorf("%s used no CPU time", t.name())
	}
	return round{Answers: s.answers, Elapsed: s.elapsed, CPU: used, P50: s.p50, P99: s.p99,
		PerCPU: float64(s.answers) / used.Seconds(), PerSecond: float64(s.answers) / s.elapsed.Seconds()}, nil
}

// profile lets perf look at Warmfront while it is driven; the function returned waits for it.
func (b *bench) profile(ctx context.Context, t target, first bool) func() error {
	if b.cfg.perf == "" || !first || t.server.Name != "warmfront" {
		return func() error { return nil }
	}
	file := filepath.Join(b.cfg.perf, strings.NewReplacer(" ", "-", ",", "").Replace(t.Name+" "+t.name())+".perf")
	c := exec.CommandContext(ctx, "perf", "record", "-q", "-F", "999", "-g", "-o", file, "-p", fmt.Sprint(t.server.PID()),
		"--", "sleep", fmt.Sprint((b.cfg.duration / 2).Seconds()))
	c.Stderr = os.Stderr
	err := c.Start()
	return func() error {
		if err != nil {
			return fmt.Errorf("perf: %w", err)
		}
		if err := c.Wait(); err != nil {
			return fmt.Errorf("perf: %w", err)
		}
		return nil
	}
}
