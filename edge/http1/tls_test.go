package http1

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// certificate makes one for a.test, and what trusts it.
func certificate(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"a.test"}, NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}

func overTLS(cfg *tls.Config) func(*Config) {
	return func(c *Config) { c.Scheme, c.TLS = "https", cfg }
}

func TestTLS(t *testing.T) {
	big := pattern(3 << 20)
	var asked message.Request
	h := handle(func(_ context.Context, r *message.Request) *message.Response {
		asked = *r.Detached()
		if r.Path == "/chunked" {
			return &message.Response{Status: 200, Body: &pieces{of: [][]byte{[]byte(big[:100]), []byte(big[100:])}}, Length: -1}
		}
		return &message.Response{Status: 200, Body: &pieces{of: [][]byte{[]byte(big)}}, Length: int64(len(big))}
	})
	server, roots := certificate(t)
	_, addr := listen(t, h, overTLS(server))
	for version, want := range map[uint16][2]string{tls.VersionTLS13: {"TLSv1.3", "TLS_AES_128_GCM_SHA256"}, tls.VersionTLS12: {"TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"}} {
		c := tls.Client(connect(t, addr), &tls.Config{ServerName: "a.test", RootCAs: roots, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}})
		r := bufio.NewReader(c)
		for _, path := range []string{"/", "/chunked", "/"} {
			_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a.test\r\n\r\n")
			if _, body := read(t, r); body != big {
				t.Errorf("%s: %d bytes", path, len(body))
			}
			if asked.Scheme != "https" || asked.ServerName != "a.test" || asked.TLSVersion != want[0] || asked.Cipher != want[1] {
				t.Errorf("%+v", asked)
			}
			<-h.delivered
			if d := h.deliveries[len(h.deliveries)-1]; d.Err != nil || d.Body != int64(len(big)) || d.Bytes < d.Body {
				t.Errorf("%+v", d)
			}
		}
		if p := c.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
			t.Error(p)
		}
		_ = c.Close()
	}
}

func TestHTTP2ConnectionsAreGivenAway(t *testing.T) {
	server, roots := certificate(t)
	given := make(chan *tls.Conn, 1)
	release := make(chan struct{})
	s, addr := listen(t, handle(echo), overTLS(server), func(c *Config) {
		c.HTTP2 = func(ctx context.Context, conn *tls.Conn) {
			given <- conn
			_, _ = io.WriteString(conn, "h2 speaking")
			<-ctx.Done()
			_ = conn.Close()
			close(release)
		}
	})
	c := tls.Client(connect(t, addr), &tls.Config{ServerName: "a.test", RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}})
	got := make([]byte, len("h2 speaking"))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "h2 speaking" {
		t.Errorf("%q %v", got, err)
	}
	if p := (<-given).ConnectionState().NegotiatedProtocol; p != "h2" {
		t.Error(p)
	}
	if err := s.Shutdown(t.Context()); err != nil { // which is not theirs to wait for
		t.Error(err)
	}
	_ = s.Close()
	<-release
}

func TestTLSThatGoesWrong(t *testing.T) {
	server, _ := certificate(t)
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(handle(echo), overTLS(server))
		defer s.Close()
		if got, after := ended(t, dial(s)); got != "" || after != 10*time.Second {
			t.Errorf("no handshake: after %v: %q", after, got)
		}
	})
	_, addr := listen(t, handle(echo), overTLS(server))
	c := connect(t, addr)
	_, _ = io.WriteString(c, ok+"\r\n")
	if got, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
		t.Errorf("a request without TLS: %q %v", got, err)
	}
}

func TestTLSDoesNotSayGoodbyeInTheMiddleOfABody(t *testing.T) {
	server, roots := certificate(t)
	_, addr := listen(t, answering(func() *message.Response {
		return &message.Response{Status: 200, Body: &pieces{of: [][]byte{[]byte("hello")}, err: errOrigin}, Length: -1}
	}), overTLS(server))
	for _, version := range []string{"1.0", "1.1"} {
		c := tls.Client(connect(t, addr), &tls.Config{ServerName: "a.test", RootCAs: roots})
		_, _ = io.WriteString(c, "GET / HTTP/"+version+"\r\nHost: a.test\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
		}
		if err == nil {
			t.Errorf("HTTP/%s: the viewer takes the body for whole", version)
		}
	}
}

func TestAWatchedViewerOverTLS(t *testing.T) {
	server, roots := certificate(t)
	left := make(chan struct{})
	_, addr := listen(t, handle(func(ctx context.Context, r *message.Request) *message.Response {
		done := ctx.Done()
		if r.Path == "/stay" {
			<-done
			close(left)
		}
		return echo(ctx, r)
	}), overTLS(server))
	c := tls.Client(connect(t, addr), &tls.Config{ServerName: "a.test", RootCAs: roots})
	r := bufio.NewReader(c)
	for range 3 {
		_, _ = io.WriteString(c, ok+"\r\n")
		if _, body := read(t, r); body != "GET https://a.test/x" {
			t.Error(body)
		}
	}
	_, _ = io.WriteString(c, "GET /stay HTTP/1.1\r\nHost: a.test\r\n\r\n")
	_ = c.Close()
	<-left
}

// wrapping makes connections that are the kernel's no more.
type wrapping struct{ net.Listener }

type wrappedConn struct{ net.Conn }

func (l wrapping) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return wrappedConn{c}, nil
}

func TestAListenerMayWrapItsConnections(t *testing.T) {
	big := pattern(300_000)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serverOf(answering(func() *message.Response {
		return &message.Response{Status: 200, Body: &pieces{of: [][]byte{[]byte(big[:7]), []byte(big[7:])}}, Length: -1}
	}))
	done := make(chan error, 1)
	go func() { done <- s.Serve(wrapping{ln}) }()
	c := connect(t, ln.Addr().String())
	r := bufio.NewReader(c)
	for range 3 {
		_, _ = io.WriteString(c, ok+"\r\n")
		if _, body := read(t, r); body != big {
			t.Errorf("%d bytes", len(body))
		}
	}
	_ = s.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNamesOfCiphers(t *testing.T) {
	for id, want := range map[uint16]string{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305", tls.TLS_RSA_WITH_AES_128_GCM_SHA256: "AES128-GCM-SHA256",
	} {
		if got := tlsCipher(tls.VersionTLS12, id); got != want {
			t.Errorf("%s instead of %s", got, want)
		}
	}
}
