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
	MaxConns       = 1024             // in all
	MaxConnsClient = 128              // of one address; of IPv6, of one /56
	Idle           = 10 * time.Second // how long a connection may be without a query
	tcpQuery       = 5 * time.Second  // from the first byte of a query to the last
	tcpWrite       = 5 * time.Second  // for the peer to take what is sent
	// keepBuffer is how much memory a connection without a query keeps for answers.
	keepBuffer = 4 << 10
)

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
		out, taken := s.conns.add(conn, from.Addr(), time.Now())
		if out != nil {
			s.cfg.Dropped("connection gave way to another")
			_ = out.Close()
		}
		if !taken {
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
			if cap(buf) > keepBuffer {
				buf = nil
			}
			s.conns.wait(conn, time.Now(), Idle)
			if _, err := in.Peek(1); err != nil {
				return
			}
			s.conns.arrives(conn, time.Now().Add(tcpQuery))
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
