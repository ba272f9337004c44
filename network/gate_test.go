package network

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is a dialer whose other end is handed to the test.
func pipe(far chan<- net.Conn) dialFunc {
	return func(context.Context, string, string) (net.Conn, error) {
		a, b := net.Pipe()
		far <- b
		return a, nil
	}
}

func TestPartitionCutsTheClusterAndNotOrigins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, far := newGate(), make(chan net.Conn, 10)
		cluster, out := g.dialCluster(pipe(far)), g.dialOut(pipe(far))
		open, err := cluster(t.Context(), "tcp", "control")
		if err != nil {
			t.Fatal(err)
		}
		origin, err := out(t.Context(), "tcp", "origin")
		if err != nil {
			t.Fatal(err)
		}
		g.partition(false)
		if _, err := open.Read(make([]byte, 1)); err == nil {
			t.Error("an open connection to the cluster goes on")
		}
		if _, err := cluster(t.Context(), "tcp", "control"); !errors.Is(err, errPartitioned) {
			t.Errorf("a new connection to the cluster: %v", err)
		}
		<-far
		other := <-far
		go func() { _, _ = other.Write([]byte("x")) }()
		if _, err := origin.Read(make([]byte, 1)); err != nil {
			t.Errorf("the origin's connection: %v", err)
		}
		if !g.isSevered("anybody") || !g.hides(netip.Addr{}) || g.state() != "partitioned" {
			t.Errorf("state %q", g.state())
		}
		g.heal()
		if _, err := cluster(t.Context(), "tcp", "control"); err != nil || g.state() != "" {
			t.Errorf("healed: %v, %q", err, g.state())
		}
	})
}

func TestAPartitionFromControlCutsNothingElse(t *testing.T) {
	g := newGate()
	g.knows([]string{"127.0.0.1:7947"})
	g.partition(true)
	for address, want := range map[string]bool{"127.0.0.1:7947": true, "127.86.0.1:7947": false, "127.0.0.1:9000": false} {
		if g.isSevered(address) != want {
			t.Errorf("%s is cut off: %v", address, !want)
		}
	}
	if !g.hides(netip.MustParseAddr("127.0.0.1")) || g.hides(netip.MustParseAddr("127.86.0.1")) {
		t.Error("gossip is dropped with others than control, or not with control")
	}
	if g.state() != "cut off from control" {
		t.Errorf("state %q", g.state())
	}
	if g.heal(); g.isSevered("127.0.0.1:7947") || g.state() != "" {
		t.Errorf("healed: %q", g.state())
	}
}

func TestPauseHoldsWhatArrivesUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, far := newGate(), make(chan net.Conn, 1)
		c, err := g.dialOut(pipe(far))(t.Context(), "tcp", "x")
		if err != nil {
			t.Fatal(err)
		}
		other := <-far
		read := make(chan time.Time, 1)
		start := time.Now()
		go func() {
			_, _ = c.Read(make([]byte, 1)) // waits in the kernel when the pause begins
			read <- time.Now()
		}()
		synctest.Wait()
		g.pause()
		go func() { _, _ = other.Write([]byte("x")) }()
		time.AfterFunc(time.Minute, g.heal)
		if took := (<-read).Sub(start); took != time.Minute {
			t.Errorf("read after %v, want after the pause", took)
		}
		g.pause()
		time.AfterFunc(time.Second, func() { _ = c.Close() })
		if _, err := c.Write([]byte("x")); err == nil {
			t.Error("a write went through during the pause")
		}
		if time.Since(start) != time.Minute+time.Second {
			t.Error("closing did not end the wait")
		}
	})
}

func TestASilentConnectionHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeListener{conns: make(chan net.Conn, 2)}
		s := newSniffed(l)
		silent, talks := make(chan struct{}), make(chan struct{})
		close(talks)
		l.conns <- slowAddr{ready: silent}
		l.conns <- slowAddr{ready: talks}
		c, err := s.Accept()
		if err != nil || c.(slowAddr).ready != talks {
			t.Fatalf("accepted %v, %v: want the one that talks", c, err)
		}
		close(silent)
		if c, err = s.Accept(); err != nil || c.(slowAddr).ready != silent {
			t.Fatalf("accepted %v, %v", c, err)
		}
		_ = s.Close()
		if _, err := s.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestAListenerSurvivesAnErrorThatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeListener{conns: make(chan net.Conn, 1), passing: []error{syscall.EMFILE}}
		s := newSniffed(l)
		if _, err := s.Accept(); !errors.Is(err, syscall.EMFILE) {
			t.Fatalf("too many open files: %v", err)
		}
		ready := make(chan struct{})
		close(ready)
		l.conns <- slowAddr{ready: ready}
		if _, err := s.Accept(); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		_ = s.Close()
	})
}

type fakeListener struct {
	net.Listener
	conns   chan net.Conn
	passing []error // returned first
}

func (l *fakeListener) Accept() (net.Conn, error) {
	if len(l.passing) > 0 {
		err := l.passing[0]
		l.passing = l.passing[1:]
		return nil, err
	}
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l *fakeListener) Close() error { close(l.conns); return nil }

// slowAddr is a connection that knows its peer when ready is closed.
type slowAddr struct {
	net.Conn
	ready chan struct{}
}

func (c slowAddr) RemoteAddr() net.Addr { <-c.ready; return &net.TCPAddr{} }

// life is a program that notes when it is stopped.
type life struct {
	name    string
	stopped chan<- string
	fail    error
}

func (l life) Run(ctx context.Context) error {
	if l.fail != nil {
		return l.fail
	}
	<-ctx.Done()
	return ctx.Err()
}

func (l life) Close() error { l.stopped <- l.name; return nil }

func TestSupervisorStopsInGroupsThenInReverse(t *testing.T) {
	stopped := make(chan string, 10)
	s := newSupervisor()
	for _, name := range []string{"control", "origin", "edge A", "edge B", "router"} {
		s.start(t.Context(), name, life{name: name, stopped: stopped})
	}
	if err := s.stopAll([]string{"edge"}); err != nil {
		t.Fatal(err)
	}
	first := map[string]bool{<-stopped: true, <-stopped: true}
	if !first["edge A"] || !first["edge B"] {
		t.Errorf("first %v", first)
	}
	for _, want := range []string{"router", "origin", "control"} {
		if got := <-stopped; got != want {
			t.Errorf("stopped %s, want %s", got, want)
		}
	}
}

func TestSupervisorEndsTheWaitWhenAProgramFails(t *testing.T) {
	s := newSupervisor()
	s.start(t.Context(), "bad", life{name: "bad", stopped: make(chan string, 1), fail: io.ErrUnexpectedEOF})
	s.wait(context.Background())
	if err := s.stopAll(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("err %v", err)
	}
}
