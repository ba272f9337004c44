package http3

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/warmfront/warmfront/edge/message"
)

func say(s string) func(context.Context, *message.Request) *message.Response {
	return func(context.Context, *message.Request) *message.Response { return text(s) }
}

// cause waits for a connection's end and returns why.
func cause(t *testing.T, c *quic.Conn) error {
	t.Helper()
	select {
	case <-c.Context().Done():
		return context.Cause(c.Context())
	case <-time.After(10 * time.Second):
		t.Fatal("the connection is open still")
		return nil
	}
}

func wasClosed(err error, code http3.ErrCode) bool {
	var closed *quic.ApplicationError
	return errors.As(err, &closed) && closed.ErrorCode == quic.ApplicationErrorCode(code)
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	s := serve(t, say("x"), func(c *Config) { c.IdleTimeout = 100 * time.Millisecond })
	// Neither a connection without a request nor one whose requests never get a
	// whole header is kept.
	silent, slow := s.dial(t, "www.test"), s.dial(t, "www.test")
	for range 3 {
		str, err := slow.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = str.Write(headers(get...)[:5])
	}
	for _, c := range []*quic.Conn{silent, slow} {
		if err := cause(t, c); !wasClosed(err, http3.ErrCodeNoError) {
			t.Error(err)
		}
	}
	if _, body := s.do(t, s.request(t, "GET", "/", nil)); body != "x" {
		t.Error(body)
	}
}

func TestAConnectionWithARequestIsNotIdle(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(context.Context, *message.Request) *message.Response {
		<-release
		return text("at last")
	}, func(c *Config) { c.IdleTimeout = 100 * time.Millisecond })
	time.AfterFunc(300*time.Millisecond, func() { close(release) })
	if _, body := s.do(t, s.request(t, "GET", "/", nil)); body != "at last" {
		t.Error(body)
	}
}

func TestConnectionsPerViewer(t *testing.T) {
	s := serve(t, say("x"), func(c *Config) { c.MaxPerViewer = 2 })
	first, second := s.dial(t, "www.test"), s.dial(t, "www.test")
	for _, c := range []*quic.Conn{first, second} { // established at the other end too
		if _, err := c.AcceptUniStream(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := cause(t, s.dial(t, "www.test")); !wasClosed(err, http3.ErrCodeExcessiveLoad) {
		t.Error(err)
	}
	_ = first.CloseWithError(0, "")
	for s.counted() > 1 { // polled
		<-time.After(time.Millisecond)
	}
	if _, err := s.dial(t, "www.test").AcceptUniStream(t.Context()); err != nil {
		t.Errorf("after one has gone: %v", err)
	}
}

// counted is how many connections count against the tests' address.
func (s *served) counted() int {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	return s.conns.perViewer[viewerOf(s.addr)]
}

func TestConnectionsInAll(t *testing.T) {
	s := serve(t, say("x"), func(c *Config) { c.MaxConnections = 1 })
	s.dial(t, "www.test")
	_, err := quic.DialAddr(t.Context(), s.addr.String(), s.clientTLS("www.test"), nil)
	var refused *quic.TransportError
	if !errors.As(err, &refused) || refused.ErrorCode != quic.ConnectionRefused {
		t.Error(err)
	}
}

func TestNothingIsLeftOfConnectionsThatEnded(t *testing.T) {
	s := serve(t, say("x"), nil)
	if _, err := quic.DialAddr(t.Context(), s.addr.String(), s.clientTLS("127.0.0.2"), nil); err == nil { // the client refuses the certificate
		t.Fatal("connected")
	}
	_ = s.dial(t, "www.test").CloseWithError(0, "")
	for { // polled
		s.conns.mu.Lock()
		open, handshakes, viewers := len(s.conns.open), s.conns.handshakes, len(s.conns.perViewer)
		s.conns.mu.Unlock()
		if open == 0 && handshakes == 0 && viewers == 0 {
			return
		}
		<-time.After(time.Millisecond)
	}
}

// tapped shows the packets that a client receives.
type tapped struct {
	net.PacketConn
	saw func([]byte)
}

func (p tapped) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.PacketConn.ReadFrom(b)
	if err == nil {
		p.saw(b[:n])
	}
	return n, from, err
}

func TestAddressesAreProvenWhileManyHandshakesAreUnderWay(t *testing.T) {
	s := serve(t, say("x"), nil)
	for _, crowd := range []int{0, maxUnproven} {
		s.conns.mu.Lock()
		s.conns.handshakes += crowd
		s.conns.mu.Unlock()
		var mu sync.Mutex
		retried := false
		client := quic.Transport{Conn: quiet(tapped{listenUDP(t), func(b []byte) {
			mu.Lock()
			defer mu.Unlock()
			retried = retried || b[0]&0xf0 == 0xf0 // a Retry packet of version 1 (RFC 9000 section 17.2.5)
		}})}
		conn, err := client.Dial(t.Context(), s.addr, s.clientTLS("www.test"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.AcceptUniStream(t.Context()); err != nil { // the handshake is counted off
			t.Fatal(err)
		}
		mu.Lock()
		if retried != (crowd > 0) {
			t.Errorf("%d handshakes: retry %v", crowd, retried)
		}
		mu.Unlock()
		_ = conn.CloseWithError(0, "")
		_ = client.Close()
	}
	s.conns.mu.Lock()
	s.conns.handshakes -= maxUnproven
	s.conns.mu.Unlock()
}

func TestStreamsThatAreCancelledCountUntilTheyHaveEnded(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(context.Context, *message.Request) *message.Response {
		<-release // does not heed that the viewer has gone
		return text("x")
	}, func(c *Config) { c.MaxStreams = 4 })
	conn := s.dial(t, "www.test")
	for n := 0; ; n++ {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		str, err := conn.OpenStreamSync(ctx)
		cancel()
		if err != nil {
			if n != 4 {
				t.Errorf("%d requests at a time", n)
			}
			break
		}
		_, _ = str.Write(headers(get...))
		_ = str.Close()
		str.CancelRead(0)
	}
	close(release)
	if _, err := conn.OpenStreamSync(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPacketsThatAreNoQUIC(t *testing.T) {
	s := serve(t, say("x"), nil)
	stranger := listenUDP(t)
	for _, p := range [][]byte{{}, {0}, {0xff}, make([]byte, 1200), append([]byte{0xc0, 0, 0, 0, 1, 20}, make([]byte, 1194)...)} {
		_, _ = stranger.WriteTo(p, s.addr)
	}
	if _, body := s.do(t, s.request(t, "GET", "/", nil)); body != "x" {
		t.Error(body)
	}
}
