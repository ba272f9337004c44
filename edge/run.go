package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/warmfront/warmfront/edge/http1"
	"github.com/warmfront/warmfront/edge/http2"
	"github.com/warmfront/warmfront/edge/http3"
	"github.com/warmfront/warmfront/edge/reclaim"
	"github.com/warmfront/warmfront/edge/viewertls"
)

// server is an adapter's: it speaks a protocol to viewers and asks the edge.
type server interface {
	// Shutdown lets requests in flight end, as long as ctx lasts.
	Shutdown(ctx context.Context) error
	Close() error
}

// serving is a server and what has it serve; nil once Shutdown or Close was called.
type serving struct {
	server
	serve func() error
}

// listen opens what is configured: HTTP/1.1 on a port of its own, HTTP/1.1 and 2
// over TLS, which agree by ALPN, on another, and HTTP/3 on the same of UDP.
func (e *Edge) listen() error {
	var err error
	if e.http, err = e.listenTCP("http", e.cfg.HTTPAddr); err != nil {
		return err
	}
	if e.http != nil {
		s := http1.New(e.viewers("http"))
		e.servers = append(e.servers, serving{s, func() error { return s.Serve(e.http) }})
	}
	if e.cfg.Tiers != nil {
		if err := e.joinTiers(*e.cfg.Tiers); err != nil {
			return err
		}
	}
	if e.https, err = e.listenTCP("https", e.cfg.HTTPSAddr); err != nil {
		return err
	}
	if e.https == nil {
		return nil
	}
	two := http2.New(http2.Config{
		NewExchange: func() http2.Exchange { return e.newExchange() }, Draining: e.draining.Load, Logger: e.cfg.Logger,
	})
	secure := e.viewers("https")
	secure.TLS = viewertls.New(e.cfg.State, e.cfg.Certificates, e.cfg.Logger)
	secure.HTTP2 = func(ctx context.Context, c *tls.Conn) {
		state := c.ConnectionState()
		two.ServeConn(ctx, c, &state)
	}
	one := http1.New(secure)
	e.servers = append(e.servers, serving{one, func() error { return one.Serve(e.https) }}, serving{two, nil})
	if e.cfg.HTTP3 {
		return e.listenUDP()
	}
	return nil
}

func (e *Edge) viewers(scheme string) http1.Config {
	return http1.Config{
		Scheme: scheme, NewExchange: func() http1.Exchange { return e.newExchange() }, Draining: e.draining.Load,
		MaxPerViewer: e.cfg.MaxPerViewer, Logger: e.cfg.Logger,
	}
}

func (e *Edge) listenTCP(scheme, addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	ln, err := e.cfg.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("viewers' %s address: %w", scheme, err)
	}
	return e.cfg.WrapListener(ln), nil
}

// listenUDP opens the port of HTTPS for HTTP/3.
func (e *Edge) listenUDP() error {
	pc, err := net.ListenPacket("udp", e.HTTPSAddr().String())
	if err != nil {
		return fmt.Errorf("viewers' HTTP/3 address: %w", err)
	}
	e.packets = e.cfg.WrapPacketConn(pc)
	s := http3.New(http3.Config{
		NewExchange: func() http3.Exchange { return e.newExchange() }, TLS: viewertls.New(e.cfg.State, e.cfg.Certificates, e.cfg.Logger), Draining: e.draining.Load,
		MaxPerViewer: e.cfg.MaxPerViewer, Logger: e.cfg.Logger,
	})
	e.servers = append(e.servers, serving{s, func() error { return s.Serve(e.packets) }})
	e.altSvc = `h3=":` + strconv.Itoa(e.publicHTTPSPort()) + `"; ma=86400`
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

// publicHTTPSPort is the port that redirects and Alt-Svc name.
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
	e.keep()
	e.keeping.Go(func() { reclaim.New(e.cfg.State, e.store).Run(e.ctx) })
	for _, s := range e.servers {
		if s.serve == nil {
			continue
		}
		running.Go(func() {
			if err := s.serve(); err != nil {
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

// keep writes what is stored to the disk until the edge is closed.
func (e *Edge) keep() {
	if e.disk == nil {
		return
	}
	e.keeping.Go(func() { e.store.Run(e.writing) })
	e.keeping.Go(func() { _ = e.disk.Run(e.writing) }) // it has none to return
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
	closed := func(err error) {
		if err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for _, s := range e.servers {
		closed(s.Close())
	}
	for _, ln := range []net.Listener{e.https, e.http} {
		if ln != nil {
			closed(ln.Close())
		}
	}
	if e.packets != nil {
		closed(e.packets.Close())
	}
	e.stop()
	e.fetcher.Finish()
	e.stopWriting()
	e.keeping.Wait() // what is stored has been written
	if e.disk != nil {
		closed(e.disk.Close())
	}
	if e.upstream != nil {
		e.upstream.Close()
	}
	return errors.Join(errs...)
}
