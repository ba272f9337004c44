package transport

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve runs a server that answers each packet with itself, but for empty ones, which get
// no answer.
func serve(t *testing.T) (s *Server, dropped *atomic.Int64) {
	t.Helper()
	dropped = &atomic.Int64{}
	s, err := Listen(Config{
		Listen: "127.0.0.1:0", Now: time.Now, Dropped: func(string) { dropped.Add(1) }, Logger: slog.New(slog.DiscardHandler),
		Answer: func(packet []byte, from netip.AddrPort, proto Proto, buf []byte, now time.Time) []byte {
			if len(packet) < 12 {
				return nil
			}
			return append(buf[:0], packet...)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, dropped
}

var query = []byte("some forty bytes, as queries usually are")

func framed(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }

// dialFrom connects from an address of the loopback network.
func dialFrom(from string, s *Server) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	return d.Dial("tcp", s.Addr().String())
}

// ask sends the query and reads the answer.
func ask(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write(framed(query)); err != nil {
		return err
	}
	answer := make([]byte, 2+len(query))
	if _, err := io.ReadFull(c, answer); err != nil {
		return err
	}
	if !bytes.Equal(answer[2:], query) {
		return fmt.Errorf("answer %q", answer)
	}
	return nil
}

// flooder opens connections from an address over and over, and on each does something that
// holds it.
func flooder(ctx context.Context, s *Server, from string, hold func(net.Conn)) {
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Millisecond): // of one core this test is not to take all
		}
		c, err := dialFrom(from, s)
		if err != nil {
			continue // out of ports, perhaps
		}
		hold(c)
		if open = append(open, c); len(open) > 2*MaxConnsClient {
			_ = open[0].Close()
			open = open[1:]
		}
	}
}

// TestFlood: while a dozen addresses open as many connections as they can, and hold them in
// all the ways there are, whoever asks is answered: on a connection of long ago, on a new one,
// and by UDP.
func TestFlood(t *testing.T) {
	s, dropped := serve(t)
	old, err := dialFrom("127.0.0.200", s)
	if err != nil {
		t.Skip("this system has 127.0.0.1 alone")
	}
	defer old.Close()
	if err := ask(old); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var flooding sync.WaitGroup
	holds := []func(net.Conn){
		func(net.Conn) {},
		func(c net.Conn) { _, _ = c.Write([]byte{0}) },                 // half a length
		func(c net.Conn) { _, _ = c.Write(framed(query)[:20]) },        // half a query
		func(c net.Conn) { _, _ = c.Write(framed(make([]byte, 300))) }, // an answer that is not read
		func(c net.Conn) { // as much as goes, and nothing is read
			_ = c.SetWriteDeadline(time.Now().Add(time.Millisecond))
			_, _ = c.Write(bytes.Repeat(framed(make([]byte, 4000)), 100))
		},
		func(c net.Conn) { _, _ = c.Write([]byte{0, 3, 1, 2, 3}) }, // not a query
	}
	for i := range 12 {
		flooding.Go(func() { flooder(ctx, s, fmt.Sprintf("127.0.1.%d", i+1), holds[i%len(holds)]) })
	}
	for deadline := time.Now().Add(20 * time.Second); s.Connections() < MaxConns-MaxConnsClient || dropped.Load() == 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %d connections, %d were too much: the test says little", s.Connections(), dropped.Load())
		}
	}
	const rounds = 20
	slowest := time.Duration(0)
	for n := range rounds {
		start := time.Now()
		if err := ask(old); err != nil {
			t.Fatalf("on a connection of long ago, after %d: %v", n, err)
		}
		fresh, err := dialFrom("127.0.0.201", s)
		if err == nil {
			err = ask(fresh)
			_ = fresh.Close()
		}
		if err != nil {
			t.Fatalf("on a new connection, after %d: %v", n, err)
		}
		c, err := net.Dial("udp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write(query); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 100)); err != nil {
			t.Fatalf("by UDP, after %d: %v", n, err)
		}
		_ = c.Close()
		slowest = max(slowest, time.Since(start))
	}
	cancel()
	flooding.Wait()
	t.Logf("%d rounds of three queries, the slowest in %v; %d connections were closed", rounds, slowest, dropped.Load())
	if c := s.Connections(); c > MaxConns {
		t.Errorf("%d connections", c)
	}
}

// TestGivesWay: of whom a connection is closed for another's.
func TestGivesWay(t *testing.T) {
	c := newConns()
	start := time.Now()
	at := start
	fill := func(from string, n int) (list []net.Conn) {
		for range n {
			a, b := net.Pipe()
			t.Cleanup(func() { a.Close(); b.Close() })
			at = at.Add(time.Microsecond)
			if out, ok := c.add(a, netip.MustParseAddr(from), at); !ok || out != nil {
				t.Fatalf("%s: %v %v", from, out, ok)
			}
			list = append(list, a)
		}
		return list
	}
	add := func(from string, now time.Time) (net.Conn, bool) {
		a, b := net.Pipe()
		t.Cleanup(func() { a.Close(); b.Close() })
		return c.add(a, netip.MustParseAddr(from), now)
	}
	great := fill("192.0.2.1", MaxConnsClient)
	if _, ok := add("192.0.2.1", at); ok {
		t.Error("more than one address may have")
	}
	fill("2001:db8::1", MaxConnsClient-1)
	if _, ok := add("2001:db8:0:ff::1", at); !ok {
		t.Error("the last of a /56 is refused")
	}
	if _, ok := add("2001:db8:0:ab::1", at); ok {
		t.Error("more than one /56 may have")
	}
	for i := range (MaxConns - 2*MaxConnsClient) / 2 {
		fill(fmt.Sprintf("198.51.%d.%d", i/200, i%200), 2)
	}
	// The client with most gives way, with the connection that was waited for longest.
	c.wait(great[0], at.Add(time.Second), Idle)
	if out, ok := add("203.0.113.1", at.Add(time.Second)); !ok || out != great[1] {
		t.Errorf("%v %v", out, ok)
	}
	c.remove(great[1]) // which was forgotten already
	if n := c.count(); n != MaxConns {
		t.Errorf("%d connections", n)
	}
	// Who has as many as the newcomer would have is let be for a moment.
	c = newConns()
	for i := range MaxConns {
		fill(fmt.Sprintf("10.0.%d.%d", i/200, i%200), 1)
	}
	if out, ok := add("203.0.113.1", at.Add(patience/2)); ok {
		t.Errorf("%v gave way at once", out)
	}
	if out, ok := add("203.0.113.1", at.Add(patience)); !ok || out == nil {
		t.Error("nobody gives way who does not ask")
	}
	if out, ok := add("203.0.113.1", at.Add(patience)); ok {
		t.Errorf("%v gave way to one who has one already", out)
	}
}
