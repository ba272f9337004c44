package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
)

// workers is how many goroutines answer packets.
func workers() int { return min(runtime.GOMAXPROCS(0), 8) }

// listen binds the sockets to one port.
func (s *Server) listen() error {
	// With port 0 the kernel's choice for UDP may be taken for TCP.
	const attempts = 16
	var err error
	for range attempts {
		if err = s.listenOnce(); err == nil || !portIsZero(s.cfg.Listen) {
			break
		}
	}
	return err
}

func portIsZero(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	return err == nil && (port == "0" || port == "")
}

func (s *Server) listenOnce() error {
	udp, err := s.listenUDP()
	if err != nil {
		return err
	}
	addr := addrPort(udp[0].LocalAddr())
	host, _, err := net.SplitHostPort(s.cfg.Listen)
	if err != nil {
		return errors.Join(err, closeUDP(udp))
	}
	// The TCP socket has its port alone, so two routers cannot share one by mistake.
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(addr.Port()))))
	if err != nil {
		return errors.Join(err, closeUDP(udp))
	}
	if s.cfg.WrapListener != nil {
		l = s.cfg.WrapListener(l)
	}
	s.udp, s.tcp = udp, l
	return nil
}

// receiveBuffer is what the kernel is asked to keep of packets that wait for an answer,
// while a snapshot is replaced, say. It gives as much as it is allowed to.
const receiveBuffer = 4 << 20

// listenUDP opens a socket for each worker, all of one port: workers that share one
// wait for its lock. On the wildcard address there is but one, whose packets
// are answered one by one with the address they were sent to.
func (s *Server) listenUDP() (sockets []*net.UDPConn, err error) {
	count := 1
	if canBatch {
		count = workers()
	}
	config := net.ListenConfig{Control: options(count > 1)}
	listen := s.cfg.Listen
	for range count {
		pc, err := config.ListenPacket(context.Background(), "udp", listen)
		if err != nil {
			return nil, errors.Join(err, closeUDP(sockets))
		}
		c, ok := pc.(*net.UDPConn)
		if !ok {
			return nil, errors.Join(fmt.Errorf("%s is no UDP address", listen), pc.Close(), closeUDP(sockets))
		}
		sockets = append(sockets, c)
		_ = c.SetReadBuffer(receiveBuffer)
		addr := addrPort(c.LocalAddr())
		if addr.Addr().IsUnspecified() {
			if err := askDestination(c); err != nil {
				return nil, errors.Join(err, closeUDP(sockets))
			}
			s.batched = false
			break
		}
		s.batched, listen = canBatch, c.LocalAddr().String() // with the port that was chosen
	}
	addr := addrPort(sockets[0].LocalAddr())
	s.addr = addr
	return sockets, nil
}

func closeUDP(sockets []*net.UDPConn) error {
	var errs []error
	for _, c := range sockets {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
