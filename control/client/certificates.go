package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/wire"
)

// Certificates are what an edge shows to viewers: made by control for the edge's
// own key when a name is first asked for, kept, and renewed when a third of their
// life is left; for the aliases of a distribution with a certificate of the
// account's, that one (imported.go).
type Certificates struct {
	c *Client

	mu    sync.Mutex
	key   *ecdsa.PrivateKey
	names map[string]*held
	dirty bool

	account accountCertificates
}

// held is the certificate of one name. pending is not nil while one is asked for.
type held struct {
	cert    *tls.Certificate
	pem     string
	pending chan struct{}
	// failed is why the last attempt, at the time at, brought nothing.
	failed error
	at     time.Time
}

// retryAfter is for how long a failure is the answer to further viewers: control
// is not asked once for each of them.
const retryAfter = time.Second

// ErrUnknownName is the error for an SNI that no distribution answers to.
var ErrUnknownName = errors.New("no distribution answers to the server name")

func newCertificates(c *Client) *Certificates { return &Certificates{c: c, names: map[string]*held{}} }

// GetCertificate is for tls.Config. A name that no distribution answers to gets no
// certificate, and causes no call.
func (x *Certificates) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := ca.ServedName(x.c.State(), x.c.Zone(), hello.ServerName)
	if name == "" {
		return nil, fmt.Errorf("%w %q", ErrUnknownName, hello.ServerName)
	}
	if shown := certificateFor(x.c.State(), hello.ServerName); shown != nil {
		return x.account.get(hello.Context(), x.c, shown)
	}
	x.mu.Lock()
	h, usable := x.want(name, time.Now())
	cert, pending, failed := h.cert, h.pending, h.failed
	x.mu.Unlock()
	if usable {
		return cert, nil
	}
	if pending == nil {
		return nil, failed
	}
	select {
	case <-pending:
	case <-hello.Context().Done():
		return nil, hello.Context().Err()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if h.failed != nil {
		return nil, h.failed
	}
	return h.cert, nil
}

// Prepare sees to it that there will be a certificate for a name before a viewer
// asks for it: the first one is spared the way to control. It does not wait.
func (x *Certificates) Prepare(serverName string) {
	name := ca.ServedName(x.c.State(), x.c.Zone(), serverName)
	if name == "" {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.want(name, time.Now())
}

// want returns what is held for a name and whether it can be shown, and asks
// control for a certificate where there is none or it is time for the next. The
// caller holds mu.
func (x *Certificates) want(name string, now time.Time) (h *held, usable bool) {
	if h = x.names[name]; h == nil {
		h = &held{}
		x.names[name] = h
	}
	usable = h.cert != nil && now.Before(h.cert.Leaf.NotAfter)
	if h.pending == nil && (!usable || !now.Before(ca.RenewAt(h.cert.Leaf))) && now.Sub(h.at) >= retryAfter {
		h.pending, h.at = make(chan struct{}), now
		go x.obtain(name, h)
	}
	return h, usable
}

// obtain asks control for the certificate of a name and ends the wait for it.
func (x *Certificates) obtain(name string, h *held) {
	cert, doc, err := x.request(name)
	x.mu.Lock()
	defer x.mu.Unlock()
	if h.failed = err; err == nil {
		h.cert, h.pem = cert, doc
		x.dirty = true
		x.prune()
		signal(x.c.unsaved)
	} else {
		x.c.log.Warn("no certificate for a name that is served", "name", name, "error", err)
	}
	close(h.pending)
	h.pending = nil
}

func (x *Certificates) request(name string) (*tls.Certificate, string, error) {
	s := x.c.session.Load()
	if s == nil {
		return nil, "", errors.New("the node has not joined yet")
	}
	key, err := x.ownKey()
	if err != nil {
		return nil, "", err
	}
	csr, err := ca.NewRequest(key)
	if err != nil {
		return nil, "", err
	}
	var answer wire.CertificateAnswer
	err = x.c.post(context.Background(), s.slow, wire.PathCertificate, wire.CertificateRequest{Name: name, CSR: string(csr)}, &answer)
	if err != nil {
		return nil, "", err
	}
	cert, err := tls.X509KeyPair([]byte(answer.Certificate), ca.EncodeKey(key))
	return &cert, answer.Certificate, err
}

// ownKey is the one key of this edge; it never leaves it.
func (x *Certificates) ownKey() (*ecdsa.PrivateKey, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.key != nil {
		return x.key, nil
	}
	key, err := ca.NewKey()
	x.key = key
	return key, err
}

// prune drops the names that are served no more, so that what is kept is bounded
// by what is configured.
func (x *Certificates) prune() {
	state, zone := x.c.State(), x.c.Zone()
	for name, h := range x.names {
		if h.pending == nil && !ca.Serves(state, zone, name) {
			delete(x.names, name)
		}
	}
}

type savedCertificates struct {
	Key   string            `json:"key"`
	Names map[string]string `json:"names"`
}

func (x *Certificates) save() {
	x.mu.Lock()
	if !x.dirty {
		x.mu.Unlock()
		return
	}
	x.dirty = false
	saved := savedCertificates{Key: string(ca.EncodeKey(x.key)), Names: map[string]string{}}
	for name, h := range x.names {
		if h.cert != nil {
			saved.Names[name] = h.pem
		}
	}
	x.mu.Unlock()
	x.c.writeFile(certificatesFile, saved)
}

func (x *Certificates) load() {
	var saved savedCertificates
	if !x.c.readFile(certificatesFile, &saved) {
		return
	}
	key, err := ca.ParseKey([]byte(saved.Key))
	if err != nil {
		return
	}
	x.key = key
	for name, doc := range saved.Names {
		if cert, err := tls.X509KeyPair([]byte(doc), []byte(saved.Key)); err == nil {
			x.names[name] = &held{cert: &cert, pem: doc}
		}
	}
}
