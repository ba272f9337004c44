package control

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/store"
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

// openAuthority opens the certificate authority in the data folder, or in the store
// that controls share, and makes what is not there; the one that stands by makes
// nothing.
func (c *Control) openAuthority(standby bool) (err error) {
	var addresses []net.IPNet
	for _, ip := range c.cfg.APIAddresses {
		if v4 := ip.To4(); v4 != nil {
			ip = v4
		}
		addresses = append(addresses, net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))})
	}
	cfg := ca.Config{
		Keep: ca.Folder(filepath.Join(c.cfg.DataDir, "ca")), Zone: c.cfg.Zone, Addresses: addresses, Renewed: c.cfg.OnViewerCA, Fixed: standby,
	}
	if c.cfg.Leads != nil || standby {
		cfg.Keep = kept{c.store}
	}
	c.authority, err = ca.Open(cfg, time.Now())
	c.identity.make = c.newIdentity
	c.api.make = c.newAPICertificate
	return err
}

// kept keeps the authority among the store's secrets.
type kept struct{ store store.Store }

func (k kept) Read(name string) ([]byte, error) {
	doc, err := k.store.Get(store.Secrets, "ca/"+name)
	if err == nil && doc == nil {
		err = os.ErrNotExist
	}
	return doc, err
}

func (k kept) Write(name string, doc []byte, _ os.FileMode) error {
	return k.store.Put(store.Secrets, "ca/"+name, doc)
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
