package memnet

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
)

var (
	one   = netip.MustParseAddr("10.0.0.1")
	two   = netip.MustParseAddr("10.0.0.2")
	three = netip.MustParseAddr("10.0.0.3")
)

const ms = time.Millisecond

func distance(from, to netip.Addr) time.Duration {
	if from == three || to == three {
		return 100 * ms
	}
	return 20 * ms
}

func listenPacket(t *testing.T, n *Network, host netip.Addr) net.PacketConn {
	t.Helper()
	p, err := n.ListenPacket(netip.AddrPortFrom(host, 7))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// received reads until nothing has come for a minute.
func received(t *testing.T, p net.PacketConn) (texts []string) {
	t.Helper()
	buf := make([]byte, 100)
	for {
		_ = p.SetReadDeadline(time.Now().Add(time.Minute))
		k, _, err := p.ReadFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(buf[:k]))
	}
}

func TestPackets(t *testing.T) {
	Bubble(t, func(t *testing.T) {
		n := New(1)
		n.SetDelay(distance)
		a, b, c := listenPacket(t, n, one), listenPacket(t, n, two), listenPacket(t, n, three)
		start := time.Now()
		_, _ = c.WriteTo([]byte("far"), a.LocalAddr())
		_, _ = b.WriteTo([]byte("near"), a.LocalAddr())
		buf := make([]byte, 10)
		for _, want := range []struct {
			text string
			from net.PacketConn
			at   time.Duration
		}{{"near", b, 20 * ms}, {"far", c, 100 * ms}} {
			k, from, err := a.ReadFrom(buf)
			if err != nil || string(buf[:k]) != want.text || from.String() != want.from.LocalAddr().String() {
				t.Errorf("got %q from %v, %v", buf[:k], from, err)
			}
			if at := time.Since(start); at != want.at {
				t.Errorf("%s after %v, want %v", want.text, at, want.at)
			}
		}

		n.Partition(func(h netip.Addr) int {
			if h == three {
				return 1
			}
			return 0
		})
		_, _ = c.WriteTo([]byte("cut"), a.LocalAddr())
		_, _ = b.WriteTo([]byte("same side"), a.LocalAddr())
		if got := received(t, a); len(got) != 1 || got[0] != "same side" {
			t.Errorf("across a partition: %q", got)
		}
		n.Heal()
		n.SetDown(two, true)
		_, _ = b.WriteTo([]byte("down"), a.LocalAddr())
		_, _ = c.WriteTo([]byte("up"), a.LocalAddr())
		if got := received(t, a); len(got) != 1 || got[0] != "up" {
			t.Errorf("with a host down: %q", got)
		}
		n.SetDown(two, false)
		n.SetLoss(0.25)
		for range 1000 {
			_, _ = b.WriteTo([]byte("x"), a.LocalAddr())
		}
		if got := len(received(t, a)); got < 700 || got > 800 {
			t.Errorf("%d of 1000 packets arrived with a loss of a quarter", got)
		}
	})
}

func TestStreams(t *testing.T) {
	Bubble(t, func(t *testing.T) {
		n := New(1)
		n.SetDelay(distance)
		l, err := n.Listen(netip.AddrPortFrom(three, 0))
		if err != nil {
			t.Fatal(err)
		}
		to := netip.MustParseAddrPort(l.Addr().String())
		if _, err := n.Listen(to); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("second listener on %v: %v", to, err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
			_, _ = io.WriteString(w, r.RemoteAddr)
		})}
		go func() { _ = srv.Serve(l) }()
		client := &http.Client{Transport: &http.Transport{DialContext: n.Dialer(one), DisableKeepAlives: true}}
		start := time.Now()
		resp, err := client.Get("http://" + to.String())
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if from, err := netip.ParseAddrPort(string(body)); err != nil || from.Addr() != one {
			t.Errorf("server sees %q, %v", body, err)
		}
		if took := time.Since(start); took < 400*ms || took > 402*ms {
			t.Errorf("request took %v, want two round trips of 200 ms", took)
		}
		_ = srv.Close()

		start = time.Now()
		if _, err = n.Dial(t.Context(), one, to); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial without a listener: %v", err)
		}
		if took := time.Since(start); took != 200*ms {
			t.Errorf("refused after %v, want a round trip", took)
		}
	})
}

// A stream across a partition stands still, and goes on where it stood.
func TestStreamAcrossAPartition(t *testing.T) {
	Bubble(t, func(t *testing.T) {
		n := New(1)
		n.SetDelay(distance)
		l, err := n.Listen(netip.AddrPortFrom(two, 80))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		near, err := n.Dial(t.Context(), one, netip.AddrPortFrom(two, 80))
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		n.SetDown(two, true)
		_, _ = near.Write([]byte("hello"))
		buf := make([]byte, 5)
		_ = far.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := far.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read across a partition: %v", err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var timeout net.Error
		if _, err := n.Dial(short, one, netip.AddrPortFrom(two, 80)); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("dial across a partition: %v", err)
		}
		n.SetDown(two, false)
		_ = far.SetReadDeadline(time.Time{})
		if _, err := io.ReadFull(far, buf); err != nil || string(buf) != "hello" {
			t.Errorf("after the partition: %q, %v", buf, err)
		}
		_, _ = near.Close(), far.Close()
		if len(n.streams) != 0 {
			t.Errorf("%d streams remembered after both ends closed", len(n.streams))
		}
	})
}

// connected returns the two ends of a stream from one to two.
func connected(t *testing.T, n *Network) (near, far net.Conn) {
	t.Helper()
	at := netip.AddrPortFrom(two, 80)
	l, err := n.Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if near, err = n.Dial(t.Context(), one, at); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestAWayThatIsCutLetsTheOtherGoOn(t *testing.T) {
	Bubble(t, func(t *testing.T) {
		n := New(1)
		near, far := connected(t, n)
		pa, pb := listenPacket(t, n, one), listenPacket(t, n, two)
		n.Cut(func(from, to netip.Addr) bool { return from == one && to == two })
		_, _ = near.Write([]byte("there"))
		_, _ = far.Write([]byte("back!"))
		_, _ = pa.WriteTo([]byte("there"), pb.LocalAddr())
		_, _ = pb.WriteTo([]byte("back"), pa.LocalAddr())
		buf := make([]byte, 5)
		if _, err := io.ReadFull(near, buf); err != nil || string(buf) != "back!" {
			t.Errorf("by the free way: %q, %v", buf, err)
		}
		if got := received(t, pa); len(got) != 1 {
			t.Errorf("packets by the free way: %q", got)
		}
		if got := received(t, pb); len(got) != 0 {
			t.Errorf("packets by the way that is cut: %q", got)
		}
		_ = far.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := far.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("by the way that is cut: %v", err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Dial(short, two, netip.AddrPortFrom(one, 80)); err == nil {
			t.Error("a stream was opened with one way cut")
		}
		n.Cut(nil)
		_ = far.SetReadDeadline(time.Time{})
		if _, err := io.ReadFull(far, buf); err != nil || string(buf) != "there" {
			t.Errorf("once the way is free: %q, %v", buf, err)
		}
		_, _ = near.Close(), far.Close()
	})
}

func TestABrokenStreamIsBrokenAtBothEnds(t *testing.T) {
	Bubble(t, func(t *testing.T) {
		n := New(1)
		n.SetDelay(distance)
		near, far := connected(t, n)
		n.SetDown(two, true) // being held does not spare it
		_, _ = near.Write([]byte("lost"))
		read := make(chan error)
		go func() {
			_, err := near.Read(make([]byte, 1))
			read <- err
		}()
		n.Break(func(client, _ netip.Addr) bool { return client == three })
		select {
		case err := <-read:
			t.Fatalf("a stream of others was broken: %v", err)
		case <-time.After(time.Second):
		}
		n.Break(func(client, server netip.Addr) bool { return client == one && server == two })
		if err := <-read; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("who waited read: %v", err)
		}
		if k, err := far.Read(make([]byte, 9)); k != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the other end read %d bytes, %v", k, err)
		}
		for _, c := range []net.Conn{near, far} {
			if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("wrote: %v", err)
			}
			_ = c.Close()
		}
		if len(n.streams) != 0 {
			t.Errorf("%d streams remembered", len(n.streams))
		}
	})
}
