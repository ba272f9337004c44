package network

import (
	"net"
	"sync"
)

// sniffed puts goroutines between a listener whose connections must be read
// before they know who is at the other end (PROXY protocol) and one that asks
// for that in Accept (the delay model): a client that says nothing holds up
// itself alone.
type sniffed struct {
	net.Listener
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	err   error // set before conns is closed
}

// maxSniffed is how many connections may be silent at a time; further ones wait
// in the kernel.
const maxSniffed = 1024

func newSniffed(l net.Listener) net.Listener {
	s := &sniffed{Listener: l, conns: make(chan net.Conn), done: make(chan struct{})}
	go s.run()
	return s
}

func (s *sniffed) run() {
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxSniffed)
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			s.err = err
			wg.Wait()
			close(s.conns)
			return
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c.RemoteAddr() // reads what it needs, within a bound of its own
			select {
			case s.conns <- c:
			case <-s.done:
				_ = c.Close()
			}
		})
	}
}

func (s *sniffed) Accept() (net.Conn, error) {
	select {
	case c, ok := <-s.conns:
		if ok {
			return c, nil
		}
		return nil, s.err
	case <-s.done:
		return nil, net.ErrClosed
	}
}

func (s *sniffed) Close() error {
	s.once.Do(func() { close(s.done) })
	return s.Listener.Close()
}
