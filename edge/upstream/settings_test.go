package upstream

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
)

// TestConnectionAttempts are as many as the settings say (belief 102).
func TestConnectionAttempts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	for attempts := 1; attempts <= 3; attempts++ {
		var dials atomic.Int32
		u, o := asker(t, l.Addr(), Config{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}})
		o.ConnectAttempts = attempts
		_, _, err := get(t, u, o, request("/"))
		if reason(err) != Connect || int(dials.Load()) != attempts {
			t.Errorf("%d attempts: %d were made, %v", attempts, dials.Load(), err)
		}
	}
}

// TestProtocolPolicyAndPorts: what is spoken, and where, is as the settings say.
func TestProtocolPolicyAndPorts(t *testing.T) {
	ca := newAuthority(t)
	leaf := ca.leaf(t, "named.test")
	plain := serveRaw(t, saying("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhttp"))
	secure := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{leaf}}, "https")
	u, err := New(Config{Roots: ca.pool, Names: map[string]string{"named.test": "127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for _, c := range []struct {
		policy       origins.Protocol
		viewer, want string
	}{
		{origins.HTTPOnly, "http", "http"}, {origins.HTTPOnly, "https", "http"}, {origins.HTTPSOnly, "http", "https"},
		{origins.HTTPSOnly, "https", "https"}, {origins.MatchViewer, "http", "http"}, {origins.MatchViewer, "https", "https"},
	} {
		o := &origins.Origin{Domain: "named.test", Protocol: c.policy, HTTPPort: port(t, plain.Addr()), HTTPSPort: port(t, secure), ReadTimeout: 5 * time.Second}
		r := request("/")
		r.Scheme, r.Host = c.viewer, "named.test"
		if _, got, err := get(t, u, o, r); got != c.want || err != nil {
			t.Errorf("policy %d for a viewer of %s: %q, %v", c.policy, c.viewer, got, err)
		}
	}
}

// TestSSLProtocols holds the code to belief 103: an origin that speaks one version is
// reached if that is among the settings'.
func TestSSLProtocols(t *testing.T) {
	ca := newAuthority(t)
	leaf := ca.leaf(t, "named.test")
	for name, version := range map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		at := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: version, MaxVersion: version}, "ok")
		for _, c := range []struct {
			set  []uint16
			good string
		}{
			{nil, "1.2 1.3"}, {[]uint16{tls.VersionTLS12, tls.VersionTLS13}, "1.2 1.3"}, {[]uint16{tls.VersionTLS10}, "1.0"},
			{[]uint16{tls.VersionTLS10, tls.VersionTLS11}, "1.0 1.1"}, {[]uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13}, "1.0 1.2 1.3"},
		} {
			u, o := asker(t, at, Config{Roots: ca.pool})
			o.Protocol, o.TLS = origins.HTTPSOnly, c.set
			r := request("/")
			r.Host = "named.test"
			_, got, err := get(t, u, o, r)
			if want := slices.Contains(strings.Fields(c.good), name); want != (got == "ok" && err == nil) || !want && reason(err) != TLS {
				t.Errorf("an origin of TLS %s by the settings %x: %q, %v", name, c.set, got, err)
			}
		}
	}
}

// TestWhatAFunctionSaysOfTLS holds the code to belief 570: which name is asked for, and what
// the certificate may be of.
func TestWhatAFunctionSaysOfTLS(t *testing.T) {
	ca := newAuthority(t)
	for _, c := range []struct {
		leaf, sni string
		names     []string
		good      bool
	}{
		{"named.test", "", nil, true}, {"other.test", "", nil, false}, {"other.test", "other.test", nil, true}, {"named.test", "other.test", nil, true},
		{"www.cert.test", "", []string{"www.cert.test"}, true}, {"www.cert.test", "", []string{"*.cert.test"}, true}, {"*.cert.test", "", []string{"*.cert.test"}, true},
		{"*.cert.test", "", []string{"a.test", "www.cert.test"}, true}, {"www.cert.test", "", []string{"cert.test"}, false}, {"a.www.cert.test", "", []string{"*.cert.test"}, false},
		{"named.test", "", []string{"www.cert.test"}, false},
	} {
		leaf := ca.leaf(t, c.leaf)
		var asked atomic.Pointer[string]
		at := serveTLS(t, &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			asked.Store(&h.ServerName)
			return &leaf, nil
		}}, "ok")
		u, o := asker(t, at, Config{Roots: ca.pool})
		o.Protocol, o.SNI, o.CertificateNames = origins.HTTPSOnly, c.sni, c.names
		r := request("/")
		r.Host = "named.test"
		_, got, err := get(t, u, o, r)
		if c.good != (got == "ok" && err == nil) || !c.good && reason(err) != TLS {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
		if want := cmp.Or(c.sni, "named.test"); asked.Load() == nil || *asked.Load() != want {
			t.Errorf("%+v: asked for %v", c, asked.Load())
		}
	}
}

// TestCertificatesOfOrigins holds the code to belief 104.
func TestCertificatesOfOrigins(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	between := ca.intermediate(t)
	chained := between.leaf(t, "named.test")
	whole := chained
	whole.Certificate = append(append([][]byte{}, chained.Certificate...), between.cert.Raw)
	expired := ca.leafUntil(t, time.Now().Add(-time.Hour), "named.test")
	for _, c := range []struct {
		name string
		leaf tls.Certificate
		host string // what the origin is told
		good bool
	}{
		{"the origin's own name", ca.leaf(t, "named.test"), "named.test", true},
		{"the viewers' name, which is forwarded", ca.leaf(t, "www.example.test"), "www.example.test", true},
		{"a wildcard of that", ca.leaf(t, "*.example.test"), "www.example.test:8443", true},
		{"the origin's own although another is forwarded", ca.leaf(t, "named.test"), "www.example.test", true},
		{"neither", ca.leaf(t, "else.test"), "www.example.test", false},
		{"another's, none forwarded", ca.leaf(t, "www.example.test"), "named.test", false},
		{"of an authority that nobody knows", other.leaf(t, "named.test"), "named.test", false},
		{"of one that nobody knows, forwarded", other.leaf(t, "www.example.test"), "www.example.test", false},
		{"expired", expired, "named.test", false},
		{"expired, forwarded", expired, "www.example.test", false},
		{"a whole chain", whole, "named.test", true},
		{"a whole chain, forwarded", whole, "www.example.test", true},
		{"a chain without its middle", chained, "named.test", false},
		{"a chain without its middle, forwarded", chained, "www.example.test", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{c.leaf}}, "ok")
			u, o := asker(t, at, Config{Roots: ca.pool})
			o.Protocol = origins.HTTPSOnly
			for range 2 { // the second time over a session that is resumed, or the same connection
				r := request("/")
				r.Host = c.host
				_, got, err := get(t, u, o, r)
				if c.good != (got == "ok" && err == nil) {
					t.Errorf("%q, %v", got, err)
				}
				if known, ok := err.(*Error); !c.good && (!ok || known.Reason != TLS || known.Status() != 502) {
					t.Errorf("it is told as %v", err)
				}
			}
		})
	}
}

func port(t *testing.T, a net.Addr) uint16 {
	t.Helper()
	_, s, err := net.SplitHostPort(a.String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

// serveTLS answers each request of each connection with a text.
func serveTLS(t *testing.T, cfg *tls.Config, text string) net.Addr {
	t.Helper()
	answer := "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(text)) + "\r\n\r\n" + text
	return serveRaw(t, func(c *rawConn, n int) {
		s := tls.Server(c.Conn, cfg)
		defer s.Close()
		if s.Handshake() != nil {
			return
		}
		c.Conn = s
		c.r.Reset(s)
		saying(answer)(c, n)
	}).Addr()
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func (a *authority) sign(t *testing.T, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-2*time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed, key
}

func newAuthority(t *testing.T) *authority {
	a := &authority{pool: x509.NewCertPool()}
	a.cert, a.key = a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) intermediate(t *testing.T) *authority {
	b := &authority{}
	b.cert, b.key = a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "between"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return b
}

func (a *authority) leaf(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	return a.leafUntil(t, time.Time{}, names...)
}

func (a *authority) leafUntil(t *testing.T, end time.Time, names ...string) tls.Certificate {
	t.Helper()
	cert, key := a.sign(t, &x509.Certificate{DNSNames: names, NotAfter: end, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}
