// Package sniff accepts connections that must be read before they know who is at the other
// end.
package sniff

import (
	"errors"
	"net"
	"sync"
)

type sniffed struct {
	net.Listener
	accepted chan accepted
	done     chan struct{}
	once     sync.Once
}

type accepted struct {
	conn net.Conn
	err  error
}

// maxSniffed is how many connections may be silent at a time; further ones wait
// in the kernel.
const maxSniffed = 1024

// Listen puts goroutines between a listener whose connections must be read
// before they know who is at the other end (PROXY protocol) and one that asks
// for that in Accept (the delay model): a client that says nothing holds up
// itself alone.
func Listen(l net.Listener) net.Listener {
	s := &sniffed{Listener: l, accepted: make(chan accepted), done: make(chan struct{})}
	go s.run()
	return s
}

// run accepts until the listener is closed. Any other error, such as too many
// open files, passes: it is handed on, so that who calls Accept decides how long
// to wait, and accepting goes on once it was taken.
func (s *sniffed) run() {
	slots := make(chan struct{}, maxSniffed)
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			if !s.hand(accepted{err: err}) || errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			c.RemoteAddr() // reads what it needs, within a bound of its own
			if !s.hand(accepted{conn: c}) {
				_ = c.Close()
			}
		}()
	}
}

func (s *sniffed) hand(a accepted) bool {
	select {
	case s.accepted <- a:
		return true
	case <-s.done:
		return false
	}
}

func (s *sniffed) Accept() (net.Conn, error) {
	select {
	case a := <-s.accepted:
		return a.conn, a.err
	case <-s.done:
		return nil, net.ErrClosed
	}
}

func (s *sniffed) Close() error {
	s.once.Do(func() { close(s.done) })
	return s.Listener.Close()
}
