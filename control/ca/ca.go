// Package ca is the network's own certificate authority. Its keys stay in
// control's data folder, readable by their owner only, or encrypted in the store
// that several controls share.
//
// There are two authorities, so that neither can stand in for the other. The
// viewer authority signs what edges show to viewers: its certificate is the one
// a person trusts (curl --cacert), and it is constrained to the zone, localhost
// and the aliases in use, so that trusting it gives away nothing else. The node
// authority signs the identities by which nodes know one another; no viewer
// trusts it, and it makes nothing but "warmfront://node/<ID>".
//
// An edge keeps its key: it sends a certificate request, control decides whether
// the node may have a certificate for that name, and [Authority.Serve] signs the
// request's key and nothing else that the request asks for.
package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Lifetimes. A certificate is renewed when a third of its life is left.
const (
	rootLife = 10 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
	// backdate allows for the clock of a viewer or a node that is behind.
	backdate = time.Hour
)

// RenewAt returns when a certificate is to be renewed.
func RenewAt(c *x509.Certificate) time.Time {
	return c.NotAfter.Add(-c.NotAfter.Sub(c.NotBefore) / 3)
}

// ErrName is returned for names that no certificate is made for.
var ErrName = errors.New("no certificate is made for this name")

// Config is what the authority is made for.
type Config struct {
	// Keep is where keys and certificates are kept.
	Keep Keeper
	// Fixed is set where somebody else makes them: what is missing is an error, and
	// a certificate that does not permit Addresses is used as it is.
	Fixed bool
	// Zone is the network's domain.
	Zone string
	// Addresses are those by which control's own API is reached over TLS, besides
	// loopback.
	Addresses []net.IPNet
	// Renewed is called with the viewer authority's certificate, in PEM, when it
	// is made anew: for an alias that it did not permit. It must not call the
	// Authority. May be nil.
	Renewed func(pem []byte)
}

// Keeper keeps keys and certificates by name. Read returns os.ErrNotExist for what
// is not there.
type Keeper interface {
	Read(name string) ([]byte, error)
	Write(name string, doc []byte, mode os.FileMode) error
}

// Folder is a Keeper of files in a folder, which it makes.
type Folder string

// Read implements Keeper.
func (f Folder) Read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), name)) //nolint:gosec // the folder is the operator's
}

// Write implements Keeper.
func (f Folder) Write(name string, doc []byte, mode os.FileMode) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	return WriteFile(filepath.Join(string(f), name), doc, mode)
}

// Authority signs certificates. It is safe for concurrent use.
type Authority struct {
	keep    Keeper
	renewed func(pem []byte)
	node    signer
	mu      sync.Mutex
	viewer  signer
}

type signer struct {
	cert *x509.Certificate
	pem  []byte
	key  *ecdsa.PrivateKey
}

// Open returns the authority kept in a folder; it makes what is not there.
func Open(cfg Config, now time.Time) (*Authority, error) {
	if cfg.Zone == "" {
		return nil, errors.New("a certificate authority needs a zone")
	}
	loopback := []net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
	viewer := template("Warmfront viewer CA "+cfg.Zone, now, rootLife)
	viewer.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	viewer.PermittedDNSDomainsCritical = true
	viewer.PermittedDNSDomains = []string{cfg.Zone, "localhost"}
	for _, n := range append(loopback, cfg.Addresses...) {
		viewer.PermittedIPRanges = append(viewer.PermittedIPRanges, &n)
	}
	node := template("Warmfront node CA "+cfg.Zone, now, rootLife)
	node.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	node.PermittedDNSDomainsCritical = true
	node.PermittedURIDomains = []string{nodeURIHost}

	a := &Authority{keep: cfg.Keep, renewed: cfg.Renewed}
	var err1, err2 error
	a.viewer, err1 = open(cfg, "viewer-ca", viewer)
	a.node, err2 = open(cfg, "node-ca", node)
	return a, errors.Join(err1, err2)
}

// open reads NAME.key and NAME.pem, or makes them. A certificate that permits
// less than template asks for is made anew over the same key: what it signed
// stays good under the new one.
func open(cfg Config, name string, template *x509.Certificate) (s signer, err error) {
	if s.key, err = openKey(cfg, name+".key"); err != nil {
		return s, err
	}
	if doc, err := cfg.Keep.Read(name + ".pem"); err == nil {
		block, _ := pem.Decode(doc)
		if block == nil {
			return s, fmt.Errorf("%s.pem holds no certificate", name)
		}
		if s.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
			return s, fmt.Errorf("%s.pem: %w", name, err)
		}
		s.pem = doc
		if !s.key.PublicKey.Equal(s.cert.PublicKey) {
			return s, fmt.Errorf("%s.pem is not the certificate of %s.key", name, name)
		}
		if cfg.Fixed || permits(s.cert, template) && template.NotBefore.Before(RenewAt(s.cert)) {
			return s, nil
		}
		template.PermittedDNSDomains = union(template.PermittedDNSDomains, s.cert.PermittedDNSDomains)
		// Other controls may be reached by other addresses.
		for _, n := range s.cert.PermittedIPRanges {
			if !slices.ContainsFunc(template.PermittedIPRanges, func(h *net.IPNet) bool { return h.String() == n.String() }) {
				template.PermittedIPRanges = append(template.PermittedIPRanges, n)
			}
		}
	} else if cfg.Fixed || !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	return s, s.certify(cfg.Keep, name, template)
}

// certify makes the self-signed certificate and keeps it as NAME.pem.
func (s *signer) certify(keep Keeper, name string, template *x509.Certificate) error {
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	if err != nil {
		return err
	}
	if s.cert, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	s.pem = encode(der)
	return keep.Write(name+".pem", s.pem, 0o644)
}

func permits(have, want *x509.Certificate) bool {
	for _, d := range want.PermittedDNSDomains {
		if !slices.Contains(have.PermittedDNSDomains, d) {
			return false
		}
	}
	for _, n := range want.PermittedIPRanges {
		if !slices.ContainsFunc(have.PermittedIPRanges, func(h *net.IPNet) bool { return h.String() == n.String() }) {
			return false
		}
	}
	return true
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

func openKey(cfg Config, name string) (*ecdsa.PrivateKey, error) {
	doc, err := cfg.Keep.Read(name)
	if errors.Is(err, os.ErrNotExist) && !cfg.Fixed {
		key, err := NewKey()
		if err != nil {
			return nil, err
		}
		return key, cfg.Keep.Write(name, EncodeKey(key), 0o600)
	}
	if err != nil {
		return nil, err
	}
	key, err := ParseKey(doc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return key, nil
}

func template(name string, now time.Time, life time.Duration) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		panic(err) // crypto/rand.Reader never fails
	}
	t := &x509.Certificate{SerialNumber: serial, NotBefore: now.Add(-backdate).UTC(), NotAfter: now.Add(life).UTC()}
	t.Subject.Organization = []string{"Warmfront"}
	if name != "" {
		t.Subject = pkix.Name{Organization: t.Subject.Organization, CommonName: name}
	}
	return t
}

func leaf(now time.Time) *x509.Certificate {
	t := template("", now, leafLife)
	t.BasicConstraintsValid = true
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return t
}

func (s signer) sign(t *x509.Certificate, key crypto.PublicKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, s.cert, key, s.key)
	if err != nil {
		return nil, err
	}
	return encode(der), nil
}

// ViewerPEM is the certificate that viewers trust.
func (a *Authority) ViewerPEM() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.viewer.pem
}

// NodePEM is the certificate by which nodes know one another.
func (a *Authority) NodePEM() []byte { return a.node.pem }

// Nodes is the pool of the node authority.
func (a *Authority) Nodes() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.node.cert)
	return pool
}

// Serve returns a certificate, in PEM, for the key of a certificate request, to
// show to viewers who ask for name: a host name, or one whose first label is "*".
// Whether the caller may have it, the caller has decided. A name outside what the
// authority's own certificate permits is added to that first, so the aliases in
// use are permitted and nothing else.
func (a *Authority) Serve(csr []byte, name string, now time.Time) ([]byte, error) {
	r, err := parseRequest(csr)
	if err != nil {
		return nil, err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.permit(now, strings.TrimPrefix(name, "*.")); err != nil {
		return nil, err
	}
	t := leaf(now)
	t.DNSNames = []string{name}
	return a.viewer.sign(t, r.PublicKey)
}

// ServeAPI returns a certificate for control's own API, for a key of control's.
func (a *Authority) ServeAPI(key crypto.PublicKey, names []string, addresses []net.IP, now time.Time) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := leaf(now)
	t.DNSNames, t.IPAddresses = names, addresses
	return a.viewer.sign(t, key)
}

// Issue returns a certificate, in PEM, for a key that control keeps, to show to
// viewers who ask for one of names: host names, or such whose first label is "*".
// Whether the account may have them, the caller has decided.
func (a *Authority) Issue(key crypto.PublicKey, names []string, life time.Duration, now time.Time) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range names {
		if err := checkName(name); err != nil {
			return nil, err
		}
		if err := a.permit(now, strings.TrimPrefix(name, "*.")); err != nil {
			return nil, err
		}
	}
	t := leaf(now)
	t.NotAfter = now.Add(life).UTC()
	t.Subject.CommonName = names[0]
	t.DNSNames = names
	if _, rsa := key.(*rsa.PublicKey); rsa {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	return a.viewer.sign(t, key)
}

// Permit has the authority's own certificate permit names, host names or such whose first
// label is "*", ahead of the first certificate for one of them: whoever reads the authority's
// certificate from then on can verify that one. What is no host name is passed over.
func (a *Authority) Permit(names []string, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var hosts []string
	for _, name := range names {
		if checkName(name) == nil {
			hosts = append(hosts, strings.TrimPrefix(name, "*."))
		}
	}
	return a.permit(now, hosts...)
}

func (a *Authority) permit(now time.Time, names ...string) error {
	old := a.viewer.cert
	permitted := slices.Clone(old.PermittedDNSDomains)
	for _, name := range names {
		if !slices.ContainsFunc(permitted, func(d string) bool { return name == d || strings.HasSuffix(name, "."+d) }) {
			permitted = append(permitted, name)
		}
	}
	if len(permitted) == len(old.PermittedDNSDomains) {
		return nil
	}
	t := template(old.Subject.CommonName, now, rootLife)
	t.ExtKeyUsage, t.PermittedIPRanges, t.PermittedDNSDomainsCritical = old.ExtKeyUsage, old.PermittedIPRanges, true
	t.PermittedDNSDomains = permitted
	if err := a.viewer.certify(a.keep, "viewer-ca", t); err != nil {
		return err
	}
	if a.renewed != nil {
		a.renewed(a.viewer.pem)
	}
	return nil
}

// checkName accepts lower-case host names of at least two labels.
func checkName(name string) error {
	host := strings.TrimPrefix(name, "*.")
	labels := strings.Split(host, ".")
	if len(name) > 253 || len(labels) < 2 {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	for _, l := range labels {
		ok := len(l) > 0 && len(l) <= 63 && l[0] != '-' && l[len(l)-1] != '-'
		for i := range len(l) {
			c := l[i]
			ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_')
		}
		if !ok {
			return fmt.Errorf("%w: %q", ErrName, name)
		}
	}
	if net.ParseIP(host) != nil {
		return fmt.Errorf("%w: %q is an address", ErrName, name)
	}
	return nil
}

// Identify returns a certificate, in PEM, by which the node id proves itself to
// other nodes, as a client and as a server.
func (a *Authority) Identify(csr []byte, id string, now time.Time) ([]byte, error) {
	r, err := parseRequest(csr)
	if err != nil {
		return nil, err
	}
	if err := CheckID(id); err != nil {
		return nil, err
	}
	t := leaf(now)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	t.URIs = []*url.URL{{Scheme: nodeURIScheme, Host: nodeURIHost, Path: "/" + id}}
	return a.node.sign(t, r.PublicKey)
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// NewKey makes an ECDSA P-256 key.
func NewKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// WriteFile replaces a file at once: a crash leaves the old or the new content.
func WriteFile(path string, content []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
