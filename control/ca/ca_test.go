package ca_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
)

const zone = "warmfront.test"

func open(t *testing.T, dir string, now time.Time) *ca.Authority {
	t.Helper()
	a, err := ca.Open(ca.Config{Keep: ca.Folder(dir), Zone: zone}, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func request(t *testing.T) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ca.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := ca.NewRequest(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, csr
}

func parse(t *testing.T, doc []byte) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(doc)
	if block == nil || len(rest) != 0 {
		t.Fatalf("not one certificate: %q", doc)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func verify(t *testing.T, authority []byte, leaf *x509.Certificate, name string, now time.Time) error {
	t.Helper()
	pool, err := ca.Pool(authority)
	if err != nil {
		t.Fatal(err)
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name, CurrentTime: now})
	return err
}

func TestServeSignsForOneName(t *testing.T) {
	now := time.Now()
	a := open(t, t.TempDir(), now)
	key, csr := request(t)
	for _, name := range []string{"d111.warmfront.test", "*.warmfront.test", "d111.localhost"} {
		doc, err := a.Serve(csr, name, now)
		if err != nil {
			t.Fatal(err)
		}
		leaf := parse(t, doc)
		host := strings.Replace(name, "*", "any", 1)
		if err := verify(t, a.ViewerPEM(), leaf, host, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := verify(t, a.ViewerPEM(), leaf, "other.example", now); err == nil {
			t.Errorf("the certificate of %s is good for another name", name)
		}
		if !key.PublicKey.Equal(leaf.PublicKey) || leaf.IsCA || len(leaf.DNSNames) != 1 || len(leaf.IPAddresses)+len(leaf.URIs) != 0 {
			t.Errorf("%s: the certificate says %v %v %v", name, leaf.DNSNames, leaf.IPAddresses, leaf.URIs)
		}
		if life := leaf.NotAfter.Sub(now); life > 100*24*time.Hour || !ca.RenewAt(leaf).Before(leaf.NotAfter.Add(-20*24*time.Hour)) {
			t.Errorf("%s: lives %v, renewed at %v", name, life, ca.RenewAt(leaf))
		}
	}
}

func TestTheViewerAuthorityIsConstrained(t *testing.T) {
	now := time.Now()
	var renewed [][]byte
	a, err := ca.Open(ca.Config{Keep: ca.Folder(t.TempDir()), Zone: zone, Renewed: func(doc []byte) { renewed = append(renewed, doc) }}, now)
	if err != nil {
		t.Fatal(err)
	}
	before := a.ViewerPEM()
	_, csr := request(t)
	doc, err := a.Serve(csr, "www.example.com", now)
	if err != nil {
		t.Fatal(err)
	}
	leaf := parse(t, doc)
	if err := verify(t, before, leaf, "www.example.com", now); err == nil {
		t.Error("an alias is good under the certificate trusted before it was in use")
	}
	if err := verify(t, a.ViewerPEM(), leaf, "www.example.com", now); err != nil {
		t.Errorf("an alias in use: %v", err)
	}
	if len(renewed) != 1 || string(renewed[0]) != string(a.ViewerPEM()) {
		t.Errorf("told of %d new certificates", len(renewed))
	}
	root := parse(t, a.ViewerPEM())
	if !root.PermittedDNSDomainsCritical || len(root.PermittedDNSDomains) != 3 {
		t.Errorf("the authority permits %v", root.PermittedDNSDomains)
	}
	if !root.PublicKey.(*ecdsa.PublicKey).Equal(parse(t, before).PublicKey) {
		t.Error("the authority's key has changed")
	}
	// Addresses are a kind of name of their own, not limited by those for DNS.
	key, _ := request(t)
	doc, err = a.ServeAPI(key.Public(), []string{"control.warmfront.test"}, []net.IP{net.IPv4(8, 8, 8, 8)}, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t, a.ViewerPEM(), parse(t, doc), "8.8.8.8", now); err == nil {
		t.Error("a certificate for a foreign address is good")
	}
	doc, err = a.ServeAPI(key.Public(), []string{"control.warmfront.test"}, []net.IP{net.IPv4(127, 0, 0, 1)}, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t, a.ViewerPEM(), parse(t, doc), "127.0.0.1", now); err != nil {
		t.Errorf("loopback: %v", err)
	}
}

func TestTheAuthoritySurvivesARestart(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	a := open(t, dir, now)
	_, csr := request(t)
	doc, err := a.Serve(csr, "www.example.com", now)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, dir, now.Add(time.Hour))
	if string(a.ViewerPEM()) != string(b.ViewerPEM()) || string(a.NodePEM()) != string(b.NodePEM()) {
		t.Error("the authority has changed")
	}
	// Near its end the certificate is made anew, over the same key and names.
	later := now.Add(9 * 365 * 24 * time.Hour)
	c := open(t, dir, later)
	if string(a.ViewerPEM()) == string(c.ViewerPEM()) {
		t.Error("an authority near its end was kept")
	}
	if err := verify(t, c.ViewerPEM(), parse(t, doc), "www.example.com", now.Add(10*24*time.Hour)); err == nil {
		t.Error("a certificate is good before its authority is") // the check checks
	}
	again, err := c.Serve(csr, "www.example.com", later)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t, c.ViewerPEM(), parse(t, again), "www.example.com", later); err != nil {
		t.Errorf("after renewal: %v", err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && strings.HasSuffix(path, ".key") && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestADamagedAuthorityIsNotReplaced(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	open(t, dir, now)
	for _, name := range []string{"viewer-ca.pem", "viewer-ca.key"} {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ca.Open(ca.Config{Keep: ca.Folder(dir), Zone: zone}, now); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("damaged %s: %v", name, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServeRefuses(t *testing.T) {
	now := time.Now()
	a := open(t, t.TempDir(), now)
	_, csr := request(t)
	for _, name := range []string{"", "localhost", "127.0.0.1", "a..b", "-a.test", "A.test", "a b.test", "a.*.test", "**.test", strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 130) + "test"} {
		if _, err := a.Serve(csr, name, now); !errors.Is(err, ca.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, edKey)
	if err != nil {
		t.Fatal(err)
	}
	tampered, _ := pem.Decode(csr)
	tampered.Bytes[len(tampered.Bytes)-1] ^= 1
	for name, bad := range map[string][]byte{
		"no PEM": []byte("x"), "a certificate": a.NodePEM(), "another algorithm": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
		"a broken signature": pem.EncodeToMemory(tampered),
	} {
		if _, err := a.Serve(bad, "a.warmfront.test", now); err == nil {
			t.Errorf("%s was accepted as a request", name)
		}
	}
}

func TestARequestDecidesNothingButTheKey(t *testing.T) {
	now := time.Now()
	a := open(t, t.TempDir(), now)
	key, _ := request(t)
	u, err := url.Parse("warmfront://node/control-1")
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"evil.test"}, URIs: []*url.URL{u}}, key)
	if err != nil {
		t.Fatal(err)
	}
	csr := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	doc, err := a.Identify(csr, "NRT-1", now)
	if err != nil {
		t.Fatal(err)
	}
	leaf := parse(t, doc)
	if id, err := ca.NodeID(leaf); id != "NRT-1" || err != nil || len(leaf.DNSNames) != 0 {
		t.Errorf("the certificate is %s's, %v, for %v", id, err, leaf.DNSNames)
	}
}

func identity(t *testing.T, a *ca.Authority, id string) ca.Identity {
	t.Helper()
	key, csr := request(t)
	doc, err := a.Identify(csr, id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	i, err := ca.NewIdentity(doc, ca.EncodeKey(key), a.NodePEM())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// handshake has client call server and returns whom the server takes it for.
func handshake(client, server *tls.Config) (string, error) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	type result struct {
		id  string
		err error
	}
	served := make(chan result, 1)
	go func() {
		conn := tls.Server(far, server)
		err := conn.Handshake()
		if err == nil {
			// TLS 1.3: the server is done when it has checked the client's part.
			_, err = conn.Write([]byte{1})
		}
		var r result
		if err == nil {
			s := conn.ConnectionState()
			r.id, err = ca.PeerID(&s)
		}
		r.err = err
		_ = far.Close()
		served <- r
	}()
	conn := tls.Client(near, client)
	err := conn.Handshake()
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	_ = near.Close()
	r := <-served
	return r.id, errors.Join(err, r.err)
}

func TestNodesKnowOneAnother(t *testing.T) {
	a, foreign := open(t, t.TempDir(), time.Now()), open(t, t.TempDir(), time.Now())
	node, control, stranger := identity(t, a, "NRT-1"), identity(t, a, "control-1"), identity(t, foreign, "control-1")
	serve := func(i ca.Identity) *tls.Config {
		cfg := ca.Accept(a.Nodes())
		cfg.Certificates = []tls.Certificate{i.Certificate}
		return cfg
	}
	if id, err := handshake(node.Dial(ca.IsControl), serve(control)); id != "NRT-1" || err != nil {
		t.Errorf("took the caller for %q, %v", id, err)
	}
	if _, err := handshake(node.Dial(ca.IsControl), serve(node)); err == nil || !strings.Contains(err.Error(), "not who was called") {
		t.Errorf("a node passed for control: %v", err)
	}
	if _, err := handshake(node.Dial(ca.IsControl), serve(stranger)); err == nil {
		t.Error("another network's control passed for ours")
	}
	if id, err := handshake(stranger.Dial(func(string) bool { return true }), serve(control)); err == nil {
		t.Errorf("another network's node passed for %q", id)
	}
	anonymous := node.Dial(ca.IsControl)
	anonymous.Certificates = nil
	if id, err := handshake(anonymous, serve(control)); err == nil {
		t.Errorf("a caller without a certificate passed for %q", id)
	}
	// What viewers are shown proves nothing between nodes.
	key, csr := request(t)
	doc, err := a.Serve(csr, "control-1.warmfront.test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	viewer, err := ca.NewIdentity(doc, ca.EncodeKey(key), a.NodePEM())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handshake(node.Dial(ca.IsControl), serve(viewer)); err == nil {
		t.Error("a viewer certificate passed for control's")
	}
}

const config = `<DistributionConfig><CallerReference>r</CallerReference><Enabled>true</Enabled><Comment></Comment>
<Aliases><Quantity>2</Quantity><Items><CNAME>www.example.com</CNAME><CNAME>*.wild.example</CNAME></Items></Aliases>
<Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>o.example</DomainName><S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity></S3OriginConfig></Origin></Items></Origins>
<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy><CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior></DistributionConfig>`

func TestServedNames(t *testing.T) {
	change, err := cdn.NewChange(cdn.KindDistributionPut, cdn.Distribution{ID: "E1", Domain: "d111.warmfront.test", Config: config}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	change.Version = cdn.Version{Epoch: 1, Number: 1}
	state, err := cdn.NewState(1).Apply(change)
	if err != nil {
		t.Fatal(err)
	}
	for sni, want := range map[string]string{
		"d111.warmfront.test": "d111.warmfront.test", "D111.Warmfront.Test.": "d111.warmfront.test", "d111.localhost": "d111.localhost",
		"www.example.com": "www.example.com", "a.wild.example": "*.wild.example", "b.wild.example": "*.wild.example",
		"": "", "d222.warmfront.test": "", "d222.localhost": "", "example.com": "", "a.b.wild.example": "", "wild.example": "",
		"x y.wild.example": "", "*.wild.example": "*.wild.example",
	} {
		got := ca.ServedName(state, zone, sni)
		if got != want {
			t.Errorf("%q is served by a certificate for %q, want %q", sni, got, want)
		}
		if got != "" && !ca.Serves(state, zone, got) {
			t.Errorf("no certificate is made for %q", got)
		}
	}
	for _, name := range []string{"", "a.wild.example", "*.example.com", "*.warmfront.test", "d222.warmfront.test", "*.localhost"} {
		if ca.Serves(state, zone, name) {
			t.Errorf("a certificate is made for %q", name)
		}
	}
}

// Whatever a journal holds, no edge gets a certificate for control's name.
func TestTheNetworksOwnNamesAreServedByNobody(t *testing.T) {
	for _, alias := range []string{"control.warmfront.test", "*.warmfront.test"} {
		change, err := cdn.NewChange(cdn.KindDistributionPut, cdn.Distribution{
			ID: "E1", Domain: "d111.warmfront.test", Config: strings.Replace(config, "www.example.com", alias, 1),
		}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		change.Version = cdn.Version{Epoch: 1, Number: 1}
		state, err := cdn.NewState(1).Apply(change)
		if err != nil {
			t.Fatal(err)
		}
		if state.PlanFor("control.warmfront.test") == nil {
			t.Fatal("the alias did not take: the test tests nothing")
		}
		for _, name := range []string{"control.warmfront.test", "control.localhost", "*.warmfront.test"} {
			if got := ca.ServedName(state, zone, name); got != "" {
				t.Errorf("with the alias %s, %s is served by a certificate for %q", alias, name, got)
			}
			if ca.Serves(state, zone, name) {
				t.Errorf("with the alias %s, a certificate is made for %s", alias, name)
			}
		}
	}
}

func TestIDs(t *testing.T) {
	for id, good := range map[string]bool{"NRT-1": true, "router-1": true, "a": true, "": false, "-a": false, "a/b": false, "a b": false, "ä": false, strings.Repeat("a", 64): false} {
		if err := ca.CheckID(id); (err == nil) != good {
			t.Errorf("%q: %v", id, err)
		}
	}
	for id, is := range map[string]bool{"control-1": true, "CONTROL-9": true, "router-1": false, "NRT-1": false} {
		if ca.IsControl(id) != is {
			t.Errorf("%q is control's: %v", id, !is)
		}
	}
}
