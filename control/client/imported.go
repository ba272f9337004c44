package client

import (
	"context"
	"crypto/tls"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// accountCertificates are those of the account that distributions show for their
// aliases. The certificates are in the journal; the private keys are asked of
// control and are in memory alone: after a restart they are asked for again.
type accountCertificates struct {
	mu   sync.Mutex
	held map[string]*accountCertificate // by ARN
}

type accountCertificate struct {
	etag    string
	cert    *tls.Certificate
	pending chan struct{}
	failed  error
	at      time.Time
}

// certificateFor returns the account's certificate that a distribution shows to
// viewers who ask for sni, nil where it shows one of the network's authority.
func certificateFor(s *cdn.State, sni string) *cdn.ViewerCertificate {
	sni = strings.ToLower(strings.TrimSuffix(sni, "."))
	p := s.PlanFor(sni)
	if p == nil || p.Certificate == nil || sni == p.Domain || !p.Certificate.Covers(sni) {
		return nil
	}
	return p.Certificate
}

// get returns a certificate with its key, and asks control for the key where it is
// not known: once, for all who wait.
func (a *accountCertificates) get(ctx context.Context, c *Client, want *cdn.ViewerCertificate) (*tls.Certificate, error) {
	a.mu.Lock()
	h := a.held[want.ARN]
	if h == nil || h.etag != want.ETag {
		if a.held == nil {
			a.held = map[string]*accountCertificate{}
		}
		a.prune(c.State())
		h = &accountCertificate{etag: want.ETag}
		a.held[want.ARN] = h
	}
	if h.cert == nil && h.pending == nil && time.Since(h.at) >= retryAfter {
		h.pending, h.at = make(chan struct{}), time.Now()
		go a.obtain(c, h, want)
	}
	cert, pending, failed := h.cert, h.pending, h.failed
	a.mu.Unlock()
	if pending == nil {
		return cert, failed
	}
	select {
	case <-pending:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return h.cert, h.failed
}

func (a *accountCertificates) obtain(c *Client, h *accountCertificate, want *cdn.ViewerCertificate) {
	var cert tls.Certificate
	key, err := c.Secret(context.Background(), cdn.ResourceCertificate, want.ARN)
	if err == nil {
		// A key that is not the certificate's is that of another import: the journal
		// will bring its certificate.
		cert, err = tls.X509KeyPair([]byte(want.PEM), []byte(key))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if h.failed = err; err == nil {
		h.cert = &cert
	} else {
		c.log.Warn("no private key for a distribution's certificate", "certificate", want.ARN, "error", err)
	}
	close(h.pending)
	h.pending = nil
}

// prune forgets the keys of certificates that nothing shows any more.
func (a *accountCertificates) prune(s *cdn.State) {
	for arn := range a.held {
		if s.UserOf(cdn.ResourceRef{Kind: cdn.ResourceCertificate, ID: arn}) == "" {
			delete(a.held, arn)
		}
	}
}
