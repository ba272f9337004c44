package control

import (
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/warmfront/warmfront/control/ca"
)

// renewing is a certificate of control's own, made when first asked for and made
// anew when a third of its life is left.
type renewing struct {
	make func() (*tls.Certificate, error)
	mu   sync.Mutex
	cert *tls.Certificate
}

func (r *renewing) get() (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cert != nil && time.Now().Before(ca.RenewAt(r.cert.Leaf)) {
		return r.cert, nil
	}
	cert, err := r.make()
	if err != nil {
		return nil, err
	}
	r.cert = cert
	return cert, nil
}

func (c *Control) newIdentity() (*tls.Certificate, error) {
	key, err := ca.NewKey()
	if err != nil {
		return nil, err
	}
	csr, err := ca.NewRequest(key)
	if err != nil {
		return nil, err
	}
	doc, err := c.authority.Identify(csr, c.cfg.ID, time.Now())
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(doc, ca.EncodeKey(key))
	return &cert, err
}

func (c *Control) newAPICertificate() (*tls.Certificate, error) {
	key, err := ca.NewKey()
	if err != nil {
		return nil, err
	}
	names := append([]string{"control." + c.cfg.Zone, "localhost"}, c.cfg.APINames...)
	addresses := append([]net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, c.cfg.APIAddresses...)
	doc, err := c.authority.ServeAPI(key.Public(), names, addresses, time.Now())
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(doc, ca.EncodeKey(key))
	return &cert, err
}

// tlsConfig is that of the peer port.
func (c *Control) tlsConfig() *tls.Config {
	cfg := ca.Accept(c.authority.Nodes())
	cfg.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.identity.get() }
	cfg.NextProtos = []string{"http/1.1"}
	return cfg
}
