package lb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Balancer is one load balancer.
type Balancer struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	ln     net.Listener
	status net.Listener // nil: none
	port   string

	server, statusServer http.Server
	proxy                httputil.ReverseProxy
	transport, checks    *http.Transport
	log                  accessLog

	turn    atomic.Uint64
	mu      sync.Mutex // held while targets are changed
	targets atomic.Pointer[[]*target]
	working sync.WaitGroup
}

// New listens, and begins to check the targets; Run serves. Who does not call Run calls
// Close.
func New(cfg Config) (*Balancer, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	b := &Balancer{cfg: cfg, log: accessLog{w: cfg.AccessLog}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.targets.Store(&[]*target{})
	var err error
	if b.ln, err = net.Listen("tcp", cfg.Addr); err != nil {
		return nil, fmt.Errorf("the load balancer's address: %w", err)
	}
	if _, b.port, err = net.SplitHostPort(b.ln.Addr().String()); err != nil {
		return nil, errors.Join(err, b.ln.Close())
	}
	if cfg.Status != "" {
		if b.status, err = net.Listen("tcp", cfg.Status); err != nil {
			return nil, errors.Join(fmt.Errorf("the load balancer's status address: %w", err), b.ln.Close())
		}
	}
	b.transport = &http.Transport{
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, DisableCompression: true,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: cfg.Timeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
	b.checks = &http.Transport{DialContext: (&net.Dialer{Timeout: cfg.Health.Timeout}).DialContext, DisableKeepAlives: true, DisableCompression: true}
	quiet := slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug)
	b.proxy = httputil.ReverseProxy{Rewrite: b.rewrite, Transport: b.transport, FlushInterval: -1, ErrorHandler: b.failed, ModifyResponse: b.answered, ErrorLog: quiet}
	b.server = http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: quiet}
	b.statusServer = http.Server{Handler: b.statusHandler(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10, ErrorLog: quiet}
	return b, b.SetTargets(cfg.Targets)
}

// Addr is where it listens; StatusAddr where it tells of itself, nil for nowhere.
func (b *Balancer) Addr() net.Addr { return b.ln.Addr() }

// StatusAddr is where it tells of itself, nil for nowhere.
func (b *Balancer) StatusAddr() net.Addr {
	if b.status == nil {
		return nil
	}
	return b.status.Addr()
}

// SetTargets makes these the targets. Those that stay are not disturbed; those that do
// not are drained: they get no new request, and what they have is cut off at the drain
// limit.
func (b *Balancer) SetTargets(addresses []string) error {
	if err := CheckTargets(addresses); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var next []*target
	for _, t := range *b.targets.Load() {
		stays := slices.Contains(addresses, t.address)
		t.mu.Lock()
		gone := t.draining
		if !stays {
			t.draining = true
		}
		t.mu.Unlock()
		if !gone || t.ctx.Err() == nil {
			next = append(next, t)
		}
		if !stays && !gone {
			b.working.Go(func() { b.drain(t) })
		}
	}
	for _, a := range addresses {
		if slices.ContainsFunc(next, func(t *target) bool { return t.address == a && !t.candidate().draining }) {
			continue
		}
		t := newTarget(b.ctx, a)
		next = append(next, t)
		b.working.Go(func() { b.watch(t) })
	}
	b.targets.Store(&next)
	return nil
}

// drain waits until a target has answered what it was asked, and forgets it.
func (b *Balancer) drain(t *target) {
	late := time.NewTimer(b.cfg.Drain)
	defer late.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for cut := false; !cut && t.outstanding.Load() > 0; {
		select {
		case <-look.C:
		case <-late.C:
			cut = true
		case <-t.ctx.Done():
			cut = true
		}
	}
	t.end()
	b.mu.Lock()
	defer b.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(*b.targets.Load()), func(o *target) bool { return o == t })
	b.targets.Store(&next)
}

// Run serves until ctx ends; then requests in flight may finish within 8 s.
func (b *Balancer) Run(ctx context.Context) error {
	failed := make(chan error, 2)
	serve := func(s *http.Server, ln net.Listener) {
		if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}
	go serve(&b.server, b.ln)
	if b.status != nil {
		go serve(&b.statusServer, b.status)
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(b.cfg.Drain, 8*time.Second))
	defer cancel()
	if e := b.server.Shutdown(grace); !errors.Is(e, context.DeadlineExceeded) {
		err = errors.Join(err, e)
	}
	return errors.Join(err, b.Close())
}

// Close ends everything at once.
func (b *Balancer) Close() error {
	b.cancel()
	err := errors.Join(b.server.Close(), b.statusServer.Close())
	for _, ln := range []net.Listener{b.ln, b.status} {
		if ln == nil {
			continue
		}
		if e := ln.Close(); !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	b.transport.CloseIdleConnections()
	b.working.Wait()
	return err
}
