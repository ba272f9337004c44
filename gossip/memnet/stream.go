package memnet

import (
	"net"
	"net/netip"
	"sync"

	"github.com/warmfront/warmfront/wan"
)

type listener struct {
	net     *Network
	addr    netip.AddrPort
	backlog chan net.Conn
	done    chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, opError("accept", l.addr, net.ErrClosed)
	}
}

func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

// Close frees the address and closes what was not accepted.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.listeners, l.addr)
		l.net.mu.Unlock()
		close(l.done)
		for {
			select {
			case c := <-l.backlog:
				_ = c.Close()
			default:
				return
			}
		}
	})
	return nil
}

// stream is what the network knows of a connection: whom to stop when the way
// is cut.
type stream struct {
	net            *Network
	client, server netip.Addr
	ends           [2]*wan.End

	mu     sync.Mutex
	closed int
}

type streamEnd struct {
	*wan.End
	stream *stream
}

// Close forgets the stream once both ends are closed: what one of them wrote
// last may still be held back.
func (e streamEnd) Close() error {
	err := e.End.Close()
	e.stream.mu.Lock()
	e.stream.closed++
	gone := e.stream.closed >= 2
	e.stream.mu.Unlock()
	if gone {
		e.stream.net.mu.Lock()
		delete(e.stream.net.streams, e.stream)
		e.stream.net.mu.Unlock()
	}
	return err
}
