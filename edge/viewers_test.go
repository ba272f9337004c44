package edge

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/proxyproto"
	"github.com/warmfront/warmfront/edge/reuse"
)

// oneCertificate serves the names of distribution E1 and no others.
type oneCertificate struct {
	cert  tls.Certificate
	roots *x509.CertPool
}

func newCertificate(t *testing.T) oneCertificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"de1.warmfront.test", "www.e1.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	c := oneCertificate{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, x509.NewCertPool()}
	c.roots.AddCert(leaf)
	return c
}

func (c oneCertificate) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName != "de1.warmfront.test" && hello.ServerName != "www.e1.test" {
		return nil, fmt.Errorf("%q is not served", hello.ServerName)
	}
	return &c.cert, nil
}

// daemon is an edge on real sockets before a real origin.
type daemon struct {
	*Edge
	cert oneCertificate
	stop func() error
}

func startDaemon(t *testing.T, s site, origin http.Handler, change func(*Config)) *daemon {
	t.Helper()
	n := newNetwork(t, s, nil) // for its state and lease
	server := httptest.NewServer(origin)
	t.Cleanup(server.Close)
	d := &daemon{cert: newCertificate(t)}
	cfg := Config{
		Node: cdn.Node{ID: "NRT-1", POP: "NRT", K: 1}, POPNumber: 20, Zone: "warmfront.test", HTTPAddr: "127.0.0.1:0", HTTPSAddr: "127.0.0.1:0",
		State: n.state.Load, Lease: &n.lease, Certificates: d.cert, Origins: map[string]string{"origin.test": server.Listener.Addr().String()},
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if d.Edge, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	d.stop = func() error {
		cancel()
		err := <-done
		done <- err
		return err
	}
	t.Cleanup(func() { _ = d.stop() })
	return d
}

// client connects to the edge whatever the URL's host.
func (d *daemon) client(http2 bool) *http.Client {
	dial := func(to net.Addr) func(ctx context.Context, _, _ string) (net.Conn, error) {
		return func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
		}
	}
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: d.cert.roots}, ForceAttemptHTTP2: http2, DisableCompression: true}
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasSuffix(addr, ":80") {
			return dial(d.HTTPAddr())(ctx, network, addr)
		}
		return dial(d.HTTPSAddr())(ctx, network, addr)
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func curl(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestOverHTTPAndHTTPS(t *testing.T) {
	page := strings.Repeat("0123456789", 50_000)
	d := startDaemon(t, site{behaviors: []behavior{{protocol: "redirect-to-https", policy: optimized}}},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"a"`)
			if r.URL.Path == "/base/untyped" {
				w.Header()["Content-Type"] = nil
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(page)))
			_, _ = io.WriteString(w, page)
		}), nil)
	c1, c2 := d.client(false), d.client(true)
	defer c1.CloseIdleConnections()
	defer c2.CloseIdleConnections()
	resp, _ := curl(t, c1, "http://de1.warmfront.test/page")
	if want := fmt.Sprintf("https://de1.warmfront.test:%d/page", d.HTTPSAddr().(*net.TCPAddr).Port); resp.StatusCode != 301 || resp.Header.Get("Location") != want {
		t.Errorf("%d %q, want %q", resp.StatusCode, resp.Header.Get("Location"), want)
	}
	for i, c := range []struct {
		client *http.Client
		host   string
		major  int
		xcache string
	}{{c1, "de1.warmfront.test", 1, "Miss"}, {c1, "www.e1.test", 1, "Hit"}, {c2, "de1.warmfront.test", 2, "Hit"}, {c2, "www.e1.test", 2, "Hit"}} {
		resp, body := curl(t, c.client, "https://"+c.host+"/page")
		if resp.StatusCode != 200 || body != page || resp.ProtoMajor != c.major || resp.Header.Get("X-Cache") != c.xcache+" from cloudfront" || resp.ContentLength != int64(len(page)) {
			t.Errorf("%d: %d, %d bytes, HTTP/%d, %s, length %d", i, resp.StatusCode, len(body), resp.ProtoMajor, resp.Header.Get("X-Cache"), resp.ContentLength)
		}
	}
	if resp, _ := curl(t, c2, "https://de1.warmfront.test/untyped"); resp.Header.Get("Content-Type") != "" {
		t.Errorf("a type was guessed: %q", resp.Header.Get("Content-Type"))
	}
	// An answer is counted once it was delivered, which its reader may know before.
	wanted := []string{`warmfront_edge_requests_total{result="Hit"} 3`, `warmfront_edge_requests_total{result="Redirect"} 1`,
		`warmfront_edge_origin_requests_total{outcome="2xx"} 2`, "warmfront_edge_cache_objects 2", "warmfront_edge_lease_valid 1", "warmfront_edge_applied_number 2"}
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(2 * time.Millisecond) {
		metrics := httptest.NewRecorder()
		promhttp.HandlerFor(d.cfg.Registry, promhttp.HandlerOpts{}).ServeHTTP(metrics, httptest.NewRequest("GET", "/metrics", nil))
		lacks := slices.IndexFunc(wanted, func(want string) bool { return !strings.Contains(metrics.Body.String(), want) })
		if lacks < 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s in\n%s", wanted[lacks], metrics.Body)
		}
	}
}

func TestHTTP11OnlyDistributionsGetNoHTTP2(t *testing.T) {
	d := startDaemon(t, site{httpVersion: "http1.1"}, http.NotFoundHandler(), nil)
	c := d.client(true)
	defer c.CloseIdleConnections()
	if resp, _ := curl(t, c, "https://de1.warmfront.test/"); resp.ProtoMajor != 1 {
		t.Errorf("HTTP/%d", resp.ProtoMajor)
	}
}

func TestAnUnknownNameGetsNoCertificate(t *testing.T) {
	d := startDaemon(t, site{}, http.NotFoundHandler(), nil)
	for name, want := range map[string]string{"other.test": "unrecognized name", "": "unrecognized name"} {
		c, err := tls.Dial("tcp", d.HTTPSAddr().String(), &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // there is nothing to verify
		if err == nil {
			_ = c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	old, err := tls.Dial("tcp", d.HTTPSAddr().String(), &tls.Config{ServerName: "www.e1.test", RootCAs: d.cert.roots, MaxVersion: tls.VersionTLS11}) //nolint:gosec // it must be refused
	if err == nil {
		_ = old.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

func TestABodyThatBreaksOffBreaksTheConnection(t *testing.T) {
	d := startDaemon(t, site{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}), nil)
	for _, http2 := range []bool{false, true} {
		c := d.client(http2)
		resp, err := c.Get("https://de1.warmfront.test/x")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err == nil || string(body) != "half" {
			t.Errorf("%q, %v", body, err)
		}
		_ = resp.Body.Close()
		c.CloseIdleConnections()
	}
}

func TestPiecesArePassedOnAtOnce(t *testing.T) {
	pieces := make(chan string)
	d := startDaemon(t, site{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for p := range pieces {
			_, _ = io.WriteString(w, p)
			_ = http.NewResponseController(w).Flush()
		}
	}), nil)
	c := d.client(true)
	defer c.CloseIdleConnections()
	go func() { pieces <- "one\n" }()
	resp, err := c.Get("https://de1.warmfront.test/drip")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReader(resp.Body)
	for _, p := range []string{"one\n", "two\n", "three\n"} {
		if p != "one\n" {
			pieces <- p
		}
		if got, err := lines.ReadString('\n'); got != p || err != nil {
			t.Fatalf("%q %v", got, err)
		}
	}
	close(pieces)
	if _, err := lines.ReadByte(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestRawRequests(t *testing.T) {
	d := startDaemon(t, site{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) }), nil)
	for _, c := range []struct{ request, want string }{
		{"GET /a/../b%2Fc HTTP/1.1\r\nHost: de1.warmfront.test:8080\r\n\r\n", "HTTP/1.1 200 OK"},
		{"GET http://de1.warmfront.test/abs HTTP/1.1\r\nHost: ignored\r\n\r\n", "HTTP/1.1 200 OK"},
		{"GET /x HTTP/1.0\r\nHost: DE1.warmfront.test\r\n\r\n", "HTTP/1.0 200 OK"},
		{"GET /x HTTP/1.1\r\nHost: de1.warmfront.test\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 403 Forbidden"},
		{"GET /x HTTP/1.1\r\nHost: other\r\n\r\n", "HTTP/1.1 403 Forbidden"},
		{"GET /" + strings.Repeat("x", 9000) + " HTTP/1.1\r\nHost: de1.warmfront.test\r\n\r\n", "HTTP/1.1 413 Request Entity Too Large"},
		{"GET /x HTTP/1.1\r\nHost: de1.warmfront.test\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n", "HTTP/1.1 431 Request Header Fields Too Large"},
		{"OPTIONS * HTTP/1.1\r\nHost: de1.warmfront.test\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		{"GET /healthz HTTP/1.1\r\nHost: health.warmfront.test:1\r\n\r\n", "HTTP/1.1 200 OK"},
	} {
		conn, err := net.Dial("tcp", d.HTTPAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, c.request) }()
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || strings.TrimSpace(line) != c.want && !(strings.HasPrefix(c.want, "HTTP/1.0") && strings.HasSuffix(strings.TrimSpace(line), "200 OK")) {
			t.Errorf("%.60q: %q %v", c.request, line, err)
		}
		_ = conn.Close()
	}
}

func TestTheViewersAddressComesByPROXYProtocol(t *testing.T) {
	key := []byte("key")
	d := startDaemon(t, site{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-For"))
	}),
		func(c *Config) {
			c.WrapListener = func(ln net.Listener) net.Listener { return proxyproto.Listener(ln, key) }
		})
	conn, err := net.Dial("tcp", d.HTTPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	src := request("/").Viewer
	_, _ = conn.Write(proxyproto.Header(src, d.HTTPAddr().(*net.TCPAddr).AddrPort(), key, time.Now()))
	_, _ = io.WriteString(conn, "GET /x HTTP/1.0\r\nHost: de1.warmfront.test\r\n\r\n")
	got, err := io.ReadAll(conn)
	if !bytes.HasSuffix(got, []byte("\r\n\r\n"+src.Addr().String())) {
		t.Errorf("%q %v", got, err)
	}
}

func TestDrainFinishesWhatIsInFlight(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	d := startDaemon(t, site{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "finished")
	}), nil)
	c := d.client(false)
	defer c.CloseIdleConnections()
	got := make(chan string, 1)
	go func() {
		resp, err := c.Get("https://de1.warmfront.test/slow")
		if err != nil {
			got <- err.Error()
			return
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		got <- string(body)
	}()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- d.stop() }()
	for !d.draining.Load() { // polled; the stop has been asked for
		<-time.After(time.Millisecond)
	}
	if status, text := d.healthy(false); status != 503 {
		t.Errorf("health while draining: %d %s", status, text)
	}
	close(release)
	if body := <-got; body != "finished" {
		t.Errorf("in flight: %q", body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestDrainHasALimit(t *testing.T) {
	arrived := make(chan struct{})
	d := startDaemon(t, site{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}), func(c *Config) { c.DrainLimit = 20 * time.Millisecond })
	c := d.client(false)
	defer c.CloseIdleConnections()
	go func() {
		if resp, err := c.Get("https://de1.warmfront.test/stuck"); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-arrived
	if err := d.stop(); err != nil {
		t.Error(err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	n := newNetwork(t, site{}, nil)
	good := Config{Node: cdn.Node{ID: "NRT-1", POP: "NRT"}, Zone: "warmfront.test", HTTPAddr: "127.0.0.1:0", State: n.state.Load, Lease: &n.lease}
	e, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	if e.HTTPAddr() == nil || e.HTTPSAddr() != nil {
		t.Error(e.HTTPAddr(), e.HTTPSAddr())
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"no node": func(c *Config) { c.Node.ID = "" }, "no zone": func(c *Config) { c.Zone = "" }, "no state": func(c *Config) { c.State = nil },
		"no address": func(c *Config) { c.HTTPAddr = "" }, "no certificates": func(c *Config) { c.HTTPSAddr = "127.0.0.1:0" },
		"little memory": func(c *Config) { c.MemoryBytes = 1 }, "bad endpoint": func(c *Config) { c.S3Endpoint = "x" }, "bad address": func(c *Config) { c.HTTPAddr = "256.0.0.1:0" },
	} {
		c := good
		change(&c)
		if e, err := New(c); err == nil {
			_ = e.Close()
			t.Errorf("%s is accepted", name)
		}
	}
}

// TestAnErrorPageIsTheSameOnceReady, as HTTP/2 asks: what has one of its own waits.
func TestAnErrorPageIsTheSameOnceReady(t *testing.T) {
	n := newNetwork(t, site{errors: "<CustomErrorResponse><ErrorCode>416</ErrorCode><ResponsePagePath>/page</ResponsePagePath><ResponseCode>416</ResponseCode></CustomErrorResponse>"}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		return ok("of "+r.Path, "ETag", `"a"`), nil
	})
	n.get("/a")
	x, req := n.edge.newExchange(), n.request("GET", "/a", "Range", "bytes=900-")
	if x.Ready(req) {
		t.Error("what may need a page is ready")
	}
	resp := x.Handle(t.Context(), req)
	if b, err := io.ReadAll(resp.Body); resp.Status != 416 || string(b) != "of /base/page" || err != nil {
		t.Errorf("%d %q %v", resp.Status, b, err)
	}
	resp.Close()
	if x := n.edge.newExchange(); !x.Ready(n.request("GET", "/a")) {
		t.Error("a hit is not ready")
	}
}

// TestAnIdleConnectionHoldsNothingItWasServed: the cache is to be all that counts.
func TestAnIdleConnectionHoldsNothingItWasServed(t *testing.T) {
	d := startDaemon(t, site{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "served")
	}), nil)
	c, err := net.Dial("tcp", d.HTTPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	answers := bufio.NewReader(c)
	for range 2 { // a miss and a hit
		_, _ = io.WriteString(c, "GET /a HTTP/1.1\r\nHost: de1.warmfront.test\r\n\r\n")
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); string(b) != "served" || err != nil {
			t.Fatalf("%q %v", b, err)
		}
	}
	x := d.newExchange()
	x.receive(&message.Request{Method: "GET", Scheme: "http", Host: "de1.warmfront.test", Path: "/a", Major: 1, Minor: 1})
	if f := x.refused(); f != nil {
		t.Fatal(f.sentence)
	}
	o, act := x.recall()
	if act != reuse.Serve {
		t.Fatal("nothing is stored")
	}
	served := weak.Make(o)
	d.store.Remove(o)
	for deadline := time.Now().Add(10 * time.Second); served.Value() != nil; <-time.After(time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatal("the connection still holds what it was served")
		}
	}
}
