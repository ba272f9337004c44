package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// server is an adapter's: it speaks one protocol to viewers and asks the edge.
type server interface {
	// Serve returns nil once Shutdown or Close was called.
	Serve(net.Listener) error
	// Shutdown lets requests in flight end, as long as ctx lasts.
	Shutdown(ctx context.Context) error
	Close() error
}

// serving is a server and what it listens on.
type serving struct {
	server
	on net.Listener
}

// listen opens the listeners that are configured.
func (e *Edge) listen() error {
	for _, l := range []struct {
		addr   string
		scheme string
		at     *net.Listener
	}{{e.cfg.HTTPAddr, "http", &e.http}, {e.cfg.HTTPSAddr, "https", &e.https}} {
		if l.addr == "" {
			continue
		}
		ln, err := net.Listen("tcp", l.addr)
		if err != nil {
			return fmt.Errorf("viewers' %s address: %w", l.scheme, err)
		}
		*l.at = e.cfg.WrapListener(ln)
		e.servers = append(e.servers, serving{newNetHTTP(e, l.scheme), *l.at})
	}
	return nil
}

// HTTPAddr is where HTTP is listened on, nil where it is not.
func (e *Edge) HTTPAddr() net.Addr { return addrOf(e.http) }

// HTTPSAddr is where HTTPS is listened on, nil where it is not.
func (e *Edge) HTTPSAddr() net.Addr { return addrOf(e.https) }

func addrOf(ln net.Listener) net.Addr {
	if ln == nil {
		return nil
	}
	return ln.Addr()
}

// publicHTTPSPort is the port that redirects name.
func (e *Edge) publicHTTPSPort() int {
	if e.cfg.PublicHTTPSPort != 0 {
		return e.cfg.PublicHTTPSPort
	}
	if a, ok := e.HTTPSAddr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 443
}

// Run serves until ctx ends, then tells health checks so, finishes what is in
// flight within the drain limit, and closes.
func (e *Edge) Run(ctx context.Context) error {
	failed := make(chan error, len(e.servers))
	var running sync.WaitGroup
	for _, s := range e.servers {
		running.Go(func() {
			if err := s.Serve(s.on); err != nil {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	err = errors.Join(err, e.drain(), e.Close())
	running.Wait()
	return err
}

// drain lets requests in flight end. Those that take longer than the limit are
// cut off: that is no error of the edge's.
func (e *Edge) drain() error {
	e.draining.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), e.cfg.DrainLimit)
	defer cancel()
	errs := make([]error, len(e.servers))
	var wg sync.WaitGroup
	for i, s := range e.servers {
		wg.Go(func() { errs[i] = s.Shutdown(ctx) })
	}
	wg.Wait()
	if err := errors.Join(errs...); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e.cfg.Logger.Warn("requests were cut off at the drain limit", "limit", e.cfg.DrainLimit)
	return nil
}

// Close ends everything at once.
func (e *Edge) Close() error {
	e.draining.Store(true)
	var errs []error
	for _, s := range e.servers {
		errs = append(errs, s.Close())
	}
	for _, ln := range []net.Listener{e.https, e.http} {
		if ln == nil {
			continue
		}
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	e.stop()
	e.fetches.Finish()
	if e.upstream != nil {
		e.upstream.Close()
	}
	return errors.Join(errs...)
}
