package transport

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// What a stranger may hold of the TCP server (RFC 7766, section 6.2).
const (
	MaxConns       = 1024             // in all; more are closed at once
	MaxConnsClient = 128              // of one address
	Idle           = 10 * time.Second // how long a connection may be without a query
	tcpQuery       = 5 * time.Second  // from the first byte of a query to the last
	tcpWrite       = 5 * time.Second
)

// conns are the open connections.
type conns struct {
	mu       sync.Mutex
	open     map[net.Conn]netip.Addr
	client   map[netip.Addr]int
	draining bool
}

// add takes a connection in, unless there are too many.
func (c *conns) add(conn net.Conn, from netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining || len(c.open) >= MaxConns || c.client[from] >= MaxConnsClient {
		return false
	}
	c.open[conn] = from
	c.client[from]++
	return true
}

func (c *conns) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := c.open[conn]
	delete(c.open, conn)
	if c.client[from]--; c.client[from] == 0 {
		delete(c.client, from)
	}
}

// wait sets until when the next query may come. While draining it leaves the
// deadline alone, which is then the end.
func (c *conns) wait(conn net.Conn, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.draining {
		_ = conn.SetReadDeadline(until)
	}
}

// drain makes every connection end at a time, after the queries it has sent.
func (c *conns) drain(end time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	for conn := range c.open {
		_ = conn.SetReadDeadline(end)
	}
}

// closeAll ends the connections that did not drain in time.
func (c *conns) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Close()
	}
}

// serveTCP accepts connections until the listener is closed, and returns when
// the last has ended.
func (s *Server) serveTCP(ctx context.Context) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		conn, err := s.tcp.Accept()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case err != nil:
			// Out of files, or a connection that was gone before it was accepted.
			s.cfg.Logger.Warn("a DNS connection was not accepted", "err", err)
			pause(ctx)
			continue
		}
		from := addrPort(conn.RemoteAddr())
		if !s.conns.add(conn, from.Addr()) {
			s.cfg.Dropped("too many connections")
			_ = conn.Close()
			continue
		}
		serving.Go(func() {
			defer conn.Close()
			defer s.conns.remove(conn)
			s.serveConn(conn, from)
		})
	}
}

// serveConn answers the queries of one connection in their order. Answers to queries
// that came together leave together (RFC 7766, section 6.2.1.1).
func (s *Server) serveConn(conn net.Conn, from netip.AddrPort) {
	in, out := bufio.NewReaderSize(conn, 2048), bufio.NewWriterSize(conn, 2048)
	defer out.Flush()
	var packet, buf []byte
	for {
		if !complete(in) {
			if out.Flush() != nil {
				return
			}
			s.conns.wait(conn, time.Now().Add(Idle))
			if _, err := in.Peek(1); err != nil {
				return
			}
			s.conns.wait(conn, time.Now().Add(tcpQuery))
		}
		var length [2]byte
		if _, err := io.ReadFull(in, length[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(length[:]))
		if n > maxQuery {
			return
		}
		packet = append(packet[:0], make([]byte, n)...)
		if _, err := io.ReadFull(in, packet); err != nil {
			return
		}
		answer := s.cfg.Answer(packet, from, TCP, buf, s.cfg.Now())
		if answer == nil {
			return // not a query: nothing more is to be expected of this peer
		}
		buf = answer[:cap(answer)]
		_ = conn.SetWriteDeadline(time.Now().Add(tcpWrite))
		binary.BigEndian.PutUint16(length[:], uint16(len(answer)))
		_, _ = out.Write(length[:])
		if _, err := out.Write(answer); err != nil {
			return
		}
	}
}

// complete reports whether a whole query is already in the buffer: until then the
// answers so far must leave, because the peer may wait for them before it
// sends the rest.
func complete(in *bufio.Reader) bool {
	if in.Buffered() < 2 {
		return false
	}
	length, err := in.Peek(2)
	return err == nil && in.Buffered() >= 2+int(binary.BigEndian.Uint16(length))
}
