package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/wire"
)

// callTimeout is for everything that control answers at once.
const callTimeout = 5 * time.Second

// session is a node's standing with control: who it is, and its connections.
type session struct {
	answer   wire.JoinAnswer
	key      []byte // PEM
	identity ca.Identity
	// live is set when control gave this in this run, and not the disk.
	live bool
	// slow carries streams and certificate requests; lease carries lease calls
	// alone.
	slow, lease *http.Transport
}

func (c *Client) newSession(answer wire.JoinAnswer, key []byte, live bool) (*session, error) {
	identity, err := ca.NewIdentity([]byte(answer.Certificate), key, []byte(answer.NodeCA))
	if err != nil {
		return nil, err
	}
	s := &session{answer: answer, key: key, identity: identity, live: live}
	// Control keeps an idle connection for twice as long, so that none is used that
	// it is about to close.
	idle := max(answer.Terms.Length, time.Second)
	s.slow, s.lease = c.newTransport(identity, idle, &c.next), c.newTransport(identity, idle, &c.nextLease)
	return s, nil
}

func (s *session) close() {
	s.slow.CloseIdleConnections()
	s.lease.CloseIdleConnections()
}

func (s *session) renewAt() time.Time { return ca.RenewAt(s.identity.Certificate.Leaf) }

// newTransport makes a transport whose every connection goes to the control that
// is next when it is made and is believed by its certificate alone.
func (c *Client) newTransport(identity ca.Identity, idle time.Duration, next *atomic.Uint32) *http.Transport {
	cfg := identity.Dial(ca.IsControl)
	return &http.Transport{
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			conn, err := c.cfg.Dial(ctx, network, c.address(next))
			if err != nil {
				return nil, err
			}
			t := tls.Client(conn, cfg)
			if err := t.HandshakeContext(ctx); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
			return t, nil
		},
		DisableCompression:  true,
		MaxIdleConnsPerHost: 1,
		IdleConnTimeout:     idle,
	}
}

func (c *Client) address(next *atomic.Uint32) string {
	return c.cfg.Control[next.Load()%uint32(len(c.cfg.Control))]
}

// post makes one call. The body cannot be read twice, so the transport never
// sends it a second time by itself.
func (c *Client) post(ctx context.Context, t *http.Transport, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	doc, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://control"+path, io.NopCloser(bytes.NewReader(doc)))
	if err != nil {
		return err
	}
	req.ContentLength = int64(len(doc))
	req.Header.Set(wire.HeaderJournal, c.joined().Journal)
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return readAnswer(resp, answer)
}

func readAnswer(resp *http.Response, answer any) error {
	doc, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return answerError(resp.StatusCode, doc)
	}
	return json.Unmarshal(doc, answer)
}

func answerError(status int, doc []byte) error {
	e := &wire.Error{}
	if json.Unmarshal(doc, e) != nil || e.Code == "" {
		return fmt.Errorf("control answered with status %d", status)
	}
	return e
}

// outcome turns the error of a call into what ends the session, if it does:
// control does not know the node or its certificate any more, or another process
// has taken its place.
func outcome(err error) error {
	var e *wire.Error
	var alert tls.AlertError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &e) && e.Code == wire.CodeSuperseded:
		return ErrSuperseded
	case errors.As(err, &e) && (e.Code == wire.CodeNotRegistered || e.Code == wire.CodeOtherJournal),
		errors.As(err, &alert), errors.As(err, &unknown), errors.As(err, &invalid):
		return errRejoin
	}
	return nil
}

// backoff waits longer after each failure, each time for a random part of it: a
// hundred nodes do not return to a control that starts all at once.
type backoff struct {
	wait time.Duration
	// controls are how many are tried in turn: there is no wait to speak of until
	// all have been, for one that stands by says so at once, and so does one that is
	// not there.
	controls, tried int
}

const (
	backoffLeast = 50 * time.Millisecond
	backoffMost  = 2 * time.Second
)

func (b *backoff) next() time.Duration {
	if b.tried++; b.controls > 1 && b.tried%b.controls != 0 {
		return backoffLeast
	}
	b.wait = min(max(backoffLeast, 2*b.wait), backoffMost)
	return b.wait/2 + rand.N(b.wait/2+1)
}

func (b *backoff) reset() { b.wait, b.tried = 0, 0 }

// renew replaces the node's certificate by a new one over the same key.
func (c *Client) renew(ctx context.Context) error {
	s := c.session.Load()
	key, err := ca.ParseKey(s.key)
	if err != nil {
		return err
	}
	csr, err := ca.NewRequest(key)
	if err != nil {
		return err
	}
	var got wire.CertificateAnswer
	if err := c.post(ctx, s.slow, wire.PathIdentity, wire.IdentityRequest{CSR: string(csr)}, &got); err != nil {
		return err
	}
	answer := s.answer
	answer.Certificate = got.Certificate
	next, err := c.newSession(answer, s.key, true)
	if err != nil {
		return err
	}
	c.session.Store(next)
	c.saveIdentity(next)
	s.close()
	return nil
}
