package sniff

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
)

func TestASilentConnectionHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeListener{conns: make(chan net.Conn, 2)}
		s := Listen(l)
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
		s := Listen(l)
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
