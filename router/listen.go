package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
)

// workers is how many goroutines answer packets.
func workers() int { return min(runtime.GOMAXPROCS(0), 8) }

// listen binds the sockets to one port.
func (r *Router) listen() error {
	// With port 0 the kernel's choice for UDP may be taken for TCP.
	const attempts = 16
	var err error
	for range attempts {
		if err = r.listenOnce(); err == nil || !portIsZero(r.cfg.Listen) {
			break
		}
	}
	return err
}

func portIsZero(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	return err == nil && (port == "0" || port == "")
}

func (r *Router) listenOnce() error {
	udp, err := r.listenUDP()
	if err != nil {
		return fmt.Errorf("router: %w", err)
	}
	addr := addrPort(udp[0].LocalAddr())
	host, _, err := net.SplitHostPort(r.cfg.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("router: %w", err), closeUDP(udp))
	}
	// The TCP socket has its port alone, so two routers cannot share one by mistake.
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(addr.Port()))))
	if err != nil {
		return errors.Join(fmt.Errorf("router: %w", err), closeUDP(udp))
	}
	if r.cfg.WrapListener != nil {
		l = r.cfg.WrapListener(l)
	}
	r.udp, r.tcp = udp, l
	return nil
}

// receiveBuffer is what the kernel is asked to keep of packets that wait for an answer,
// while a snapshot is replaced, say. It gives as much as it is allowed to.
const receiveBuffer = 4 << 20

// listenUDP opens a socket for each worker, all of one port: workers that share one
// wait for its lock. On the wildcard address there is but one, whose packets
// are answered one by one with the address they were sent to.
func (r *Router) listenUDP() (sockets []*net.UDPConn, err error) {
	config := net.ListenConfig{}
	count := 1
	if canBatch && workers() > 1 {
		count, config.Control = workers(), reusePort
	}
	listen := r.cfg.Listen
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
			r.batched = false
			break
		}
		r.batched, listen = canBatch, c.LocalAddr().String() // with the port that was chosen
	}
	addr := addrPort(sockets[0].LocalAddr())
	r.addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	return sockets, nil
}

func closeUDP(sockets []*net.UDPConn) error {
	var errs []error
	for _, c := range sockets {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
