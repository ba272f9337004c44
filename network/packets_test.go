package network

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/warmfront/warmfront/edge/http3"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network/gate"
	"github.com/warmfront/warmfront/wan"
)

// cable is a packet socket whose other end is another one in memory.
type cable struct {
	self    net.Addr
	in, out chan []byte
	peer    net.Addr
	closed  chan struct{}
	buffers atomic.Int64 // asked for
}

func cables() (server, client *cable) {
	a := &net.UDPAddr{IP: net.IPv4(127, 120, 0, 1), Port: 8443}
	b := &net.UDPAddr{IP: net.IPv4(127, 143, 8, 1), Port: 5000}
	up, down := make(chan []byte, 10_000), make(chan []byte, 10_000)
	return &cable{self: a, in: up, out: down, peer: b, closed: make(chan struct{})}, &cable{self: b, in: down, out: up, peer: a, closed: make(chan struct{})}
}

func (c *cable) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-c.in:
		return copy(b, p), c.peer, nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	}
}

func (c *cable) WriteTo(b []byte, _ net.Addr) (int, error) {
	c.out <- append([]byte(nil), b...)
	return len(b), nil
}
func (c *cable) Close() error                     { close(c.closed); return nil }
func (c *cable) LocalAddr() net.Addr              { return c.self }
func (c *cable) SetDeadline(time.Time) error      { return nil }
func (c *cable) SetReadDeadline(time.Time) error  { return nil }
func (c *cable) SetReadBuffer(n int) error        { c.buffers.Add(int64(n)); return nil }
func (c *cable) SetWriteBuffer(n int) error       { c.buffers.Add(int64(n)); return nil }
func (c *cable) SetWriteDeadline(time.Time) error { return nil }

// hello answers every request.
type hello struct{}

func (hello) Handle(context.Context, *message.Request) *message.Response {
	return &message.Response{Status: 200, Length: 5, Body: io.NopCloser(strings.NewReader("hello"))}
}
func (hello) Delivered(message.Delivery) {}

// quicEdge serves HTTP/3 on a socket and returns a client that sends from another.
func quicEdge(t *testing.T, server, client net.PacketConn) *http.Client {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"www.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := http3.New(http3.Config{
		NewExchange: func() http3.Exchange { return hello{} }, Logger: slog.New(slog.DiscardHandler),
		TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"h3"}},
	})
	done := make(chan error, 1)
	go func() { done <- s.Serve(server) }()
	from := &quic.Transport{Conn: client}
	transport := &quichttp3.Transport{
		TLSClientConfig: &tls.Config{ServerName: "www.test", InsecureSkipVerify: true}, //nolint:gosec // its certificate is its own
		Dial: func(ctx context.Context, _ string, tc *tls.Config, qc *quic.Config) (*quic.Conn, error) {
			return from.DialEarly(ctx, server.LocalAddr(), tc, qc)
		},
	}
	t.Cleanup(func() {
		_ = transport.Close()
		_ = from.Close()
		_ = client.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &http.Client{Transport: transport}
}

// ask makes a request and returns how long it took.
func ask(t *testing.T, c *http.Client) time.Duration {
	t.Helper()
	start := time.Now()
	resp, err := c.Get("https://www.test/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); string(body) != "hello" || err != nil {
		t.Fatalf("%q %v", body, err)
	}
	return time.Since(start)
}

// A handshake is one round trip, a request another.
func TestDistanceAndFaultsActOnQUIC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rtt = 300 * time.Millisecond
		g := gate.New()
		server, client := cables()
		delay := func(a net.Addr) time.Duration {
			if a != server.peer {
				t.Errorf("the delay of %v is asked for", a)
			}
			return rtt + g.Delay()
		}
		c := quicEdge(t, viewerPackets(server, g, delay), wan.NewPacketConn(client, func(net.Addr) time.Duration { return 0 }))
		took := func(what string, got, want time.Duration) {
			t.Helper()
			if got < want || got > want+want/50 {
				t.Errorf("%s took %v, want %v", what, got, want)
			}
		}
		took("handshake and request", ask(t, c), 2*rtt)
		if server.buffers.Load() < 2<<20 {
			t.Errorf("the socket's buffers were not sized: %d", server.buffers.Load())
		}
		took("a second request", ask(t, c), rtt)
		g.Partition(false)
		took("a request of a partitioned edge", ask(t, c), rtt)
		g.Heal()
		g.Slow(200 * time.Millisecond)
		took("a request of a slow edge", ask(t, c), rtt+200*time.Millisecond)
		g.Heal()
		g.Pause()
		time.AfterFunc(10*time.Second, g.Heal)
		if got := ask(t, c); got < 10*time.Second || got > 12*time.Second {
			t.Errorf("a request of an edge that was paused for 10 s took %v", got)
		}
	})
}

func TestAPausedEdgeCanBeClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate.New()
		server, client := cables()
		c := quicEdge(t, viewerPackets(server, g, func(net.Addr) time.Duration { return 0 }), wan.NewPacketConn(client, func(net.Addr) time.Duration { return 0 }))
		ask(t, c)
		g.Pause() // and the end of the test closes it
	})
}

func TestViewersOverQUICAreWhereTheirAddressIs(t *testing.T) {
	db, err := geo.Open(geo.Config{Home: "FRA"})
	if err != nil {
		t.Fatal(err)
	}
	nrt, _ := db.Catalogue().ByCode("NRT")
	syd, _ := db.Catalogue().ByCode("SYD")
	cfg := EdgeConfig{NodeConfig: NodeConfig{Geo: db, WAN: wan.Model{Seed: 1, Scale: 1}, Sandbox: true, gate: gate.New()}}
	wrap := (&Edge{}).wrapViewerPackets(cfg, nrt)
	listen := func(a netip.Addr) net.PacketConn {
		pc, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		if err != nil {
			t.Skipf("not every address of the loopback network can be used here: %v", err)
		}
		return pc
	}
	inSydney := netip.AddrFrom4([4]byte{127, byte(syd.N), 8, 1})
	c := quicEdge(t, wrap(listen(EdgeAddr(nrt.N, 1))), listen(inSydney))
	ask(t, c)
	if got, want := ask(t, c), cfg.WAN.ViewerRTT(cfg.world().at(inSydney), popPoint(nrt)); got < want || want < 50*time.Millisecond {
		t.Errorf("Sydney asks Tokyo in %v, the way is %v", got, want)
	}
	cfg.Sandbox = false
	if (&Edge{}).wrapViewerPackets(cfg, nrt) != nil {
		t.Error("packets are wrapped outside a sandbox")
	}
}
