package wan

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pipeListener accepts the far ends of net.Pipes: a network without time.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return fakeAddr("listener") }
func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

func fixed(d time.Duration) func(net.Addr) time.Duration {
	return func(net.Addr) time.Duration { return d }
}

// The timeline of the package comment: handshake r, request 1.5 r, answer 2 r.
func TestRequestTakesTwoRoundTrips(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := newPipeListener()
		l := Listen(inner, fixed(100*ms), Options{})
		start := time.Now()
		go func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			within(t, "accepted", start, 100*ms)
			buf := make([]byte, 4)
			if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "ping" {
				t.Errorf("request %q, %v", buf, err)
			}
			within(t, "request", start, 150*ms)
			_, _ = c.Write([]byte("pong"))
			_ = c.Close()
			within(t, "closed", start, 150*ms)
		}()
		client := inner.dial()
		go func() { _, _ = client.Write([]byte("ping")) }()
		answer, err := io.ReadAll(client)
		if string(answer) != "pong" || err != nil {
			t.Errorf("answer %q, %v", answer, err)
		}
		within(t, "answer", start, 200*ms)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestHandshakesDoNotWaitForEachOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := newPipeListener()
		rtt := 300 * ms
		l := Listen(inner, func(net.Addr) time.Duration { return rtt }, Options{})
		start := time.Now()
		far := inner.dial()
		defer far.Close()
		synctest.Wait()
		rtt = 10 * ms
		for range 50 {
			defer inner.dial().Close()
		}
		for range 50 {
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			within(t, "near connection", start, 10*ms)
			defer c.Close()
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		within(t, "far connection", start, 300*ms)
		_ = c.Close()
		_ = l.Close()
	})
}

func TestListenerCloseEndsAcceptAndPendingHandshakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := newPipeListener()
		l := Listen(inner, fixed(time.Second), Options{})
		client := inner.dial()
		accepted := make(chan error)
		go func() { _, err := l.Accept(); accepted <- err }()
		synctest.Wait()
		_ = l.Close()
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close: %v", err)
		}
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("client in its handshake: %v, want EOF", err)
		}
	})
}

func TestDelayMayChangeUnderAConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := newPipeListener()
		var rtt time.Duration
		l := Listen(inner, func(net.Addr) time.Duration { return rtt }, Options{Wrap: true})
		client := inner.dial()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		echo := func(want time.Duration) {
			t.Helper()
			start := time.Now()
			go func() { _, _ = client.Write([]byte("x")) }()
			buf := make([]byte, 1)
			if _, err := io.ReadFull(server, buf); err != nil {
				t.Fatal(err)
			}
			_, _ = server.Write(buf)
			if _, err := io.ReadFull(client, buf); err != nil {
				t.Fatal(err)
			}
			within(t, "echo", start, want)
		}
		echo(0)
		rtt = 400 * ms
		echo(400 * ms)
		rtt = 0
		echo(0)
		_ = server.Close()
		_ = l.Close()
		_, _ = client.Read(make([]byte, 1))
	})
}

func TestZeroDelayHandsOutTheConnectionItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := newPipeListener()
		if l := Listen(inner, nil, Options{}); l != net.Listener(inner) {
			t.Error("a nil delay does not return the listener itself")
		}
		l := Listen(inner, fixed(0), Options{})
		client := inner.dial()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := c.(*wrapped); ok {
			t.Errorf("a connection without delay is wrapped: %T", c)
		}
		_, _ = c.Close(), client.Close()
		_ = l.Close()
	})
}

func TestDrainWaitsForWhatIsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := newPipeListener()
		l := Listen(inner, fixed(200*ms), Options{})
		client := inner.dial()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, _ = server.Write([]byte("bye"))
		_ = server.Close()
		_ = l.Close()
		go func() { _, _ = io.ReadAll(client) }()

		soon, cancel := context.WithTimeout(t.Context(), 20*ms)
		defer cancel()
		if err := Drain(soon, l); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain with no time left: %v", err)
		}
		if err := Drain(t.Context(), l); err != nil {
			t.Error(err)
		}
		within(t, "drained", start, 100*ms)
		if err := Drain(t.Context(), inner); err != nil {
			t.Errorf("Drain of a plain listener: %v", err)
		}
	})
}

// A client that reads nothing cannot keep a closed connection's socket.
func TestCloseGivesUpOnAClientThatDoesNotRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := newPipeListener()
		l := Listen(inner, fixed(100*ms), Options{})
		client := inner.dial()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, _ = server.Write([]byte("never read"))
		_ = server.Close()
		if err := server.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
		if err := Drain(t.Context(), l); err != nil {
			t.Error(err)
		}
		within(t, "socket freed", start, 50*ms+flushTimeout)
		_ = client.Close()
		_ = l.Close()
	})
}
