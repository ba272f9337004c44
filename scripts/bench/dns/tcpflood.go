//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// The TCP flood: from each of so many addresses of the loopback network as many connections
// are held as the server lets, opened anew as soon as they are closed, a number a second at
// most.
const (
	floodAddresses = 12
	floodHeld      = 128
	floodDials     = 2000 // a second, from all addresses
	goodTCPEvery   = 50 * time.Millisecond
)

// tcpFlood runs d long beside a measurement, and returns how many good queries by TCP were
// answered, each on a connection of its own, and how many were not.
func tcpFlood(ctx context.Context, addr string, d time.Duration) (good, bad int) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var flooding sync.WaitGroup
	for i := range floodAddresses {
		flooding.Go(func() { floodFrom(ctx, fmt.Sprintf("127.0.9.%d", i+1), addr, i) })
	}
	query := queries(false)[0]
	tick := time.NewTicker(goodTCPEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			flooding.Wait()
			return good, bad
		case <-tick.C:
			if askTCP(addr, query) == nil {
				good++
			} else {
				bad++
			}
		}
	}
}

// floodFrom holds connections from an address: silent ones, ones with half a query, and ones
// that ask and do not read.
func floodFrom(ctx context.Context, from, addr string, kind int) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: time.Second}
	query := queries(false)[0]
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	says := [][]byte{nil, framed[:len(framed)/2], framed}[kind%3]
	var held []net.Conn
	defer func() {
		for _, c := range held {
			_ = c.Close()
		}
	}()
	tick := time.NewTicker(time.Second * floodAddresses / floodDials)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			continue
		}
		_, _ = c.Write(says)
		if held = append(held, c); len(held) > floodHeld {
			_ = held[0].Close()
			held = held[1:]
		}
	}
}

// askTCP asks on a connection of its own, within a second.
func askTCP(addr string, query []byte) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		return err
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return err
	}
	answer := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, answer); err != nil {
		return err
	}
	if len(answer) < 12 || answer[3]&0x0f != 0 || answer[7] == 0 {
		return errors.New("it is not an answer")
	}
	return nil
}

// besideTCP measures good queries by UDP beside the flood.
func besideTCP(addr string, cfg config) (turn, error) {
	var good, bad int
	var flooding sync.WaitGroup
	flooding.Go(func() { good, bad = tcpFlood(context.Background(), addr, cfg.duration) })
	t, err := steady(addr, stream{queries(true), cfg.rate / 10}, cfg.duration)
	flooding.Wait()
	if err == nil && (bad > 0 || good == 0) {
		fmt.Fprintf(os.Stderr, "%d good queries by TCP were answered, %d were not\n", good, bad)
	}
	return t, err
}
