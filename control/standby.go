package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/warmfront/warmfront/control/store"
)

// Standby is a control that does not lead, among several that share a store: it
// tells nodes so, and proves to whoever calls its API that it is control.
type Standby struct{ c *Control }

// NewStandby listens on the peer port. Store, which it does not close, holds the
// certificate authority that a leader has made: before the first there can be no
// standby.
func NewStandby(cfg Config) (_ *Standby, err error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	c := &Control{cfg: cfg, log: cfg.Log, store: cfg.Store}
	if err := c.openAuthority(true); err != nil {
		return nil, fmt.Errorf("the certificate authority of the controls that share the store: %w", err)
	}
	if c.listener, err = cfg.Listen("tcp", cfg.PeerAddr); err != nil {
		return nil, fmt.Errorf("control's peer port: %w", err)
	}
	c.server = c.newServer()
	c.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The connection ends too: what is called next may be its successor here.
		w.Header().Set("Connection", "close")
		c.fail(w, store.ErrNotLeader)
	})
	return &Standby{c}, nil
}

// Addr is the address that nodes call.
func (s *Standby) Addr() net.Addr { return s.c.Addr() }

// ViewerCA is the certificate, in PEM, that viewers trust.
func (s *Standby) ViewerCA() []byte { return s.c.ViewerCA() }

// APICertificate is the tls.Config.GetCertificate of control's own API.
func (s *Standby) APICertificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return s.c.APICertificate(h)
}

// Run serves until ctx ends; the port is free when it has returned.
func (s *Standby) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.c.server.Close() })
	defer stop()
	err := s.c.server.Serve(tls.NewListener(s.c.listener, s.c.tlsConfig()))
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, s.Close())
}

// Close frees the port at once.
func (s *Standby) Close() error {
	err := errors.Join(s.c.server.Close(), s.c.listener.Close())
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}
