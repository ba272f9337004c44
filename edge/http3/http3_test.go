package http3

import (
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
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/warmfront/warmfront/edge/message"
)

// answers is an exchange whose answers a function gives.
type answers struct {
	handle    func(ctx context.Context, r *message.Request) *message.Response
	delivered chan message.Delivery
}

func (a answers) Handle(ctx context.Context, r *message.Request) *message.Response {
	return a.handle(ctx, r)
}
func (a answers) Delivered(d message.Delivery) { a.delivered <- d }

func text(s string) *message.Response {
	return &message.Response{Status: 200, Length: int64(len(s)), Body: io.NopCloser(strings.NewReader(s))}
}

// certificate is for the names *.test and 127.0.0.1.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"www.test", "old.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
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
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// served is a server on a real socket, and a client of it.
type served struct {
	*Server
	addr      *net.UDPAddr
	roots     *x509.CertPool
	transport *Transport
	client    *http.Client
	delivered chan message.Delivery
	done      chan error
}

func serve(t testing.TB, handle func(ctx context.Context, r *message.Request) *message.Response, change func(*Config)) *served {
	t.Helper()
	s := &served{delivered: make(chan message.Delivery, 4096), done: make(chan error, 1)}
	var cert tls.Certificate
	cert, s.roots = certificate(t)
	cfg := Config{
		NewExchange: func() Exchange { return answers{handle, s.delivered} },
		TLS:         &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1", "h3"}},
		Logger:      slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	s.Server = New(cfg)
	pc := listenUDP(t)
	s.addr = pc.LocalAddr().(*net.UDPAddr)
	go func() { s.done <- s.Serve(pc) }()
	var err error
	if s.transport, err = NewTransport(s.addr.AddrPort().Addr(), s.addr.AddrPort(), s.clientTLS("www.test")); err != nil {
		t.Fatal(err)
	}
	s.client = &http.Client{Transport: s.transport}
	t.Cleanup(func() {
		_ = s.transport.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-s.done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func listenUDP(t testing.TB) *net.UDPConn {
	t.Helper()
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	return pc
}

func (s *served) clientTLS(name string) *tls.Config {
	return &tls.Config{RootCAs: s.roots, ServerName: name, NextProtos: []string{"h3"}}
}

func (s *served) url(path string) string { return "https://" + s.addr.String() + path }

func (s *served) request(t testing.TB, method, path string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url(path), body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *served) do(t testing.TB, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := s.client.Do(r)
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

func TestRequests(t *testing.T) {
	asked := make(chan *message.Request, 1)
	s := serve(t, func(_ context.Context, r *message.Request) *message.Response {
		asked <- r.Detached()
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				t.Error(err)
			}
		}
		return text(fmt.Sprintf("%d bytes of %d", len(body), r.Length))
	}, nil)
	for _, c := range []struct {
		method string
		body   io.Reader
		want   string
	}{
		{"GET", nil, "0 bytes of 0"},
		{"HEAD", nil, ""},
		{"DELETE", nil, "0 bytes of 0"},
		{"POST", strings.NewReader("abc"), "3 bytes of 3"},
		{"PUT", strings.NewReader(""), "0 bytes of 0"},
		{"POST", io.LimitReader(zeros{}, 5<<20), "5242880 bytes of -1"},
		{"GET", io.LimitReader(zeros{}, 10), "10 bytes of -1"}, // the core's to refuse
	} {
		r := s.request(t, c.method, "/p%2Fq?x=%20", c.body)
		r.Host = "WWW.test:1"
		resp, body := s.do(t, r)
		got := <-asked
		if resp.StatusCode != 200 || body != c.want || resp.ProtoMajor != 3 || resp.Header["Content-Type"] != nil {
			t.Errorf("%s: %d %q %v", c.method, resp.StatusCode, body, resp.Header)
		}
		if got.Method != c.method || got.Host != "www.test" || got.Path != "/p%2Fq" || got.Query != "x=%20" || got.Major != 3 || got.Minor != 0 ||
			got.Scheme != "https" || got.ServerName != "www.test" || got.TLSVersion != "TLSv1.3" || !strings.HasPrefix(got.Cipher, "TLS_") ||
			got.Viewer.Addr().String() != "127.0.0.1" || got.Header.Has("Host") {
			t.Errorf("%s: %+v", c.method, got)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestALargeBodyArrivesWhole(t *testing.T) {
	page := make([]byte, 20<<20)
	_, _ = rand.Read(page)
	s := serve(t, func(context.Context, *message.Request) *message.Response {
		return &message.Response{Status: 200, Length: int64(len(page)), Body: io.NopCloser(bytes.NewReader(page))}
	}, nil)
	start := time.Now()
	if _, body := s.do(t, s.request(t, "GET", "/", nil)); body != string(page) {
		t.Errorf("%d bytes, not those that were sent", len(body))
	}
	t.Logf("%d MiB in %v", len(page)>>20, time.Since(start))
	if d := <-s.delivered; d.Err != nil || d.Body != int64(len(page)) {
		t.Errorf("%+v", d)
	}
}

func TestTrailersBothWays(t *testing.T) {
	s := serve(t, func(_ context.Context, r *message.Request) *message.Response {
		_, _ = io.Copy(io.Discard, r.Body)
		resp := text(fmt.Sprint(r.Trailer()))
		resp.Length = -1
		resp.Trailer = func() message.Header { return message.Header{{Name: "grpc-status", Value: "0"}} }
		return resp
	}, nil)
	r := s.request(t, "POST", "/", io.LimitReader(zeros{}, 10))
	r.Trailer = http.Header{"X-Sum": {"42"}}
	resp, body := s.do(t, r)
	if body != "[{X-Sum 42}]" || !reflect.DeepEqual(resp.Trailer, http.Header{"Grpc-Status": {"0"}}) {
		t.Errorf("%q %v", body, resp.Trailer)
	}
}

func TestEarlyHintsAndContinue(t *testing.T) {
	s := serve(t, func(_ context.Context, r *message.Request) *message.Response {
		r.Interim(103, message.Header{{Name: "Link", Value: "</a.css>"}})
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		return text("done")
	}, nil)
	var got []string
	r := s.request(t, "POST", "/", strings.NewReader("x"))
	r.Header.Set("Expect", "100-continue")
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		got = append(got, fmt.Sprint(code, h))
		return nil
	}}))
	resp, body := s.do(t, r)
	if want := []string{"103 map[Link:[</a.css>]]", "100 map[]"}; !reflect.DeepEqual(got, want) || resp.Header.Get("Link") != "" || body != "done" {
		t.Errorf("%q, then %v %q", got, resp.Header, body)
	}
}

func TestAViewerThatLeavesEndsTheRequest(t *testing.T) {
	arrived, ended := make(chan struct{}), make(chan struct{})
	s := serve(t, func(ctx context.Context, _ *message.Request) *message.Response {
		close(arrived)
		<-ctx.Done()
		close(ended)
		return text("nobody reads it")
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if resp, err := s.client.Do(s.request(t, "GET", "/", nil).WithContext(ctx)); err == nil {
		_ = resp.Body.Close()
		t.Error("answered")
	}
	<-ended
	if d := <-s.delivered; d.Err == nil {
		t.Errorf("delivered to nobody: %+v", d)
	}
}

func TestABodyThatBreaksOffBreaksTheStreamAlone(t *testing.T) {
	s := serve(t, func(_ context.Context, r *message.Request) *message.Response {
		resp := text("half")
		if r.Path == "/short" {
			resp.Length = 8
		}
		return resp
	}, nil)
	resp, err := s.client.Do(s.request(t, "GET", "/short", nil))
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Error("a body that is too short is taken for whole")
	}
	if _, body := s.do(t, s.request(t, "GET", "/", nil)); body != "half" {
		t.Errorf("the connection has suffered: %q", body)
	}
}

func TestManyRequestsOnOneConnection(t *testing.T) {
	var running, most atomic.Int64
	var accepted atomic.Int64
	s := serve(t, func(context.Context, *message.Request) *message.Response {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-time.After(time.Millisecond)
		return text("x")
	}, func(c *Config) {
		c.MaxStreams = 50
		c.TLS.VerifyConnection = func(tls.ConnectionState) error { accepted.Add(1); return nil }
	})
	s.do(t, s.request(t, "GET", "/", nil)) // one connection for all
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			if _, body := s.do(t, s.request(t, "GET", "/", nil)); body != "x" {
				t.Error(body)
			}
		})
	}
	wg.Wait()
	if most.Load() > 50 || accepted.Load() != 1 {
		t.Errorf("%d at a time on %d connections", most.Load(), accepted.Load())
	}
}

func TestDrain(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	s := serve(t, func(_ context.Context, r *message.Request) *message.Response {
		if r.Path == "/slow" {
			close(arrived)
			<-release
		}
		return text("finished")
	}, nil)
	body := make(chan string, 1)
	go func() {
		_, b := s.do(t, s.request(t, "GET", "/slow", nil))
		body <- b
	}()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(t.Context()) }()
	// The client was told to ask elsewhere, and there it is refused.
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		resp, err := s.client.Do(s.request(t, "GET", "/next", nil).WithContext(ctx))
		cancel()
		if err != nil {
			var refused *quic.TransportError
			if !errors.As(err, &refused) || refused.ErrorCode != quic.ConnectionRefused {
				t.Errorf("a new connection while draining: %v", err)
			}
			break
		}
		_ = resp.Body.Close()
	}
	close(release)
	if got := <-body; got != "finished" {
		t.Errorf("in flight: %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestDrainDoesNotWaitForIdleViewers(t *testing.T) {
	s := serve(t, func(context.Context, *message.Request) *message.Response { return text("x") }, nil)
	conn := s.dial(t, "www.test") // does not heed GOAWAY
	if _, err := conn.AcceptUniStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 3*settled {
		t.Errorf("took %v", took)
	}
	<-conn.Context().Done()
	var closed *quic.ApplicationError
	if err := context.Cause(conn.Context()); !errors.As(err, &closed) || closed.ErrorCode != quic.ApplicationErrorCode(http3.ErrCodeNoError) {
		t.Errorf("closed with %v", err)
	}
}

func TestDrainHasALimit(t *testing.T) {
	arrived := make(chan struct{})
	s := serve(t, func(ctx context.Context, _ *message.Request) *message.Response {
		close(arrived)
		<-ctx.Done()
		return text("too late")
	}, nil)
	go func() {
		if resp, err := s.client.Do(s.request(t, "GET", "/", nil)); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// dial makes a QUIC connection that speaks HTTP/3 by hand.
func (s *served) dial(t testing.TB, name string) *quic.Conn {
	t.Helper()
	conn, err := quic.DialAddr(t.Context(), s.addr.String(), s.clientTLS(name), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseWithError(0, "") })
	return conn
}

func TestOnlyNamesThatOfferHTTP3AreServed(t *testing.T) {
	var plain *tls.Config
	s := serve(t, func(context.Context, *message.Request) *message.Response { return text("x") }, func(c *Config) {
		plain = &tls.Config{Certificates: c.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
		c.TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			switch hello.ServerName {
			case "old.test":
				return plain, nil
			case "none.test":
				return &tls.Config{Certificates: plain.Certificates}, nil
			case "unknown.test":
				return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }, NextProtos: []string{"h3"}}, nil
			}
			return nil, nil
		}
	})
	for name, alert := range map[string]quic.TransportErrorCode{
		"www.test": 0, "old.test": 0x100 + 120, "none.test": 0x100 + 120, // no_application_protocol
		"unknown.test": 0x100 + 112, // unrecognized_name
	} {
		conn, err := quic.DialAddr(t.Context(), s.addr.String(), s.clientTLS(name), nil)
		if err == nil {
			_ = conn.CloseWithError(0, "")
		}
		var refused *quic.TransportError
		if errors.As(err, &refused); alert == 0 && err != nil || alert != 0 && (refused == nil || refused.ErrorCode != alert) {
			t.Errorf("%s: %v, want alert %v", name, err, alert)
		}
	}
}

func TestSessionsAreResumedAndEarlyDataIsNot(t *testing.T) {
	other := &tls.Config{}
	s := serve(t, func(context.Context, *message.Request) *message.Response { return text("x") }, func(c *Config) {
		other.Certificates, other.NextProtos = c.TLS.Certificates, c.TLS.NextProtos
		c.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return other, nil }
	})
	conf := s.clientTLS("www.test")
	conf.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for _, resumed := range []bool{false, true} {
		transport := &http3.Transport{TLSClientConfig: conf}
		resp, err := transport.RoundTrip(s.request(t, http3.MethodGet0RTT, "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.TLS.DidResume != resumed {
			t.Errorf("resumed: %v, want %v", resp.TLS.DidResume, resumed)
		}
		_ = transport.Close()
	}
	conn, err := quic.DialAddrEarly(t.Context(), s.addr.String(), conf, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-conn.HandshakeComplete()
	if conn.ConnectionState().Used0RTT {
		t.Error("early data was accepted")
	}
	_ = conn.CloseWithError(0, "")
}

func TestTheLibraryWritesNothingToTheLog(t *testing.T) {
	var written bytes.Buffer
	defer log.SetOutput(log.Writer())
	log.SetOutput(&written)
	var gso atomic.Bool
	s := serve(t, func(context.Context, *message.Request) *message.Response { return text("x") }, nil)
	s.do(t, s.request(t, "GET", "/", nil))
	s.conns.mu.Lock()
	for c := range s.conns.open {
		gso.Store(c.quic != nil && c.quic.ConnectionState().GSO)
	}
	s.conns.mu.Unlock()
	if !gso.Load() {
		t.Error("the socket is not used for what it can do: segmentation by the kernel")
	}
	// What the library does before it complains: it sees no size to complain about.
	udp := quiet(listenUDP(t)).(*udpSocket)
	_, before := udp.SyscallConn()
	read, write := udp.SetReadBuffer(1<<40), udp.SetWriteBuffer(1<<40)
	if _, after := udp.SyscallConn(); before == nil || read != nil || write != nil || after != nil {
		t.Error(before, read, write, after)
	}
	// A socket of another kind is spared too.
	pc := listenUDP(t)
	done := make(chan error, 1)
	go func() { done <- s.Serve(struct{ net.PacketConn }{pc}) }()
	other, err := NewTransport(s.addr.AddrPort().Addr(), pc.LocalAddr().(*net.UDPAddr).AddrPort(), s.clientTLS("www.test"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := other.RoundTrip(s.request(t, "GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	_ = other.Close()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if written.Len() > 0 {
		t.Errorf("written: %s", &written)
	}
}
