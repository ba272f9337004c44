package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	headerTimeout = 10 * time.Second // for a request's header
	idleTimeout   = 75 * time.Second // between requests of a connection
	// maxRequestBytes is where reading a header stops; checkLimits refuses less
	// with the right status.
	maxRequestBytes = 64 << 10
)

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
		e.servers = append(e.servers, e.server(l.scheme))
	}
	return nil
}

// server makes the net/http adapter's server for a scheme.
func (e *Edge) server(scheme string) *http.Server {
	return &http.Server{
		Handler:           adapter{e, scheme},
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxRequestBytes,
		TLSConfig:         e.tlsConfig(),
		ErrorLog:          quietLog(e.cfg.Logger),
		// "OPTIONS *" is ours to refuse.
		DisableGeneralOptionsHandler: true,
	}
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
	var serving sync.WaitGroup
	for _, s := range e.servers {
		serving.Go(func() {
			var err error
			if s.Handler.(adapter).scheme == "https" {
				err = s.ServeTLS(e.https, "", "")
			} else {
				err = s.Serve(e.http)
			}
			if !errors.Is(err, http.ErrServerClosed) {
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
	serving.Wait()
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
	e.fetches.finish()
	if e.upstream != nil {
		e.upstream.Close()
	}
	return errors.Join(errs...)
}
