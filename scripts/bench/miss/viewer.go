package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// maxViewers is how many addresses viewers have, and what an origin and a server on one machine can bear.
const maxViewers = 25000

// A viewer is one connection and what came on it.
type viewer struct {
	conn  net.Conn
	first time.Time // when the first byte of the body was there
	whole time.Time
	err   error
}

// connect makes the viewers' connections, each from an address of its own: a server may limit what one viewer has.
func connect(ctx context.Context, s *peers.Server, n int) ([]*viewer, error) {
	crowd := make([]*viewer, n)
	var next atomic.Int64
	var group sync.WaitGroup
	for range 64 { // at once, lest the queue of those not yet accepted overflows
		group.Go(func() {
			for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
				from := netip.AddrFrom4([4]byte{127, 253, byte(i / 250), byte(1 + i%250)})
				d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 20 * time.Second}
				v := &viewer{}
				v.conn, v.err = d.DialContext(ctx, "tcp", s.HTTP)
				crowd[i] = v
			}
		})
	}
	group.Wait()
	var errs error
	made := crowd[:0]
	for _, v := range crowd {
		if v.err != nil {
			errs = v.err
			continue
		}
		made = append(made, v)
	}
	return made, errs
}

// ask has all viewers ask at once and waits until all have all, or an error. It returns when they began.
func ask(ctx context.Context, crowd []*viewer, host, path string, want []byte) time.Time {
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench-miss\r\n\r\n", path, host)
	stop := context.AfterFunc(ctx, func() {
		for _, v := range crowd {
			_ = v.conn.SetDeadline(time.Now())
		}
	})
	defer stop()
	gate := make(chan struct{})
	var ready, group sync.WaitGroup
	for _, v := range crowd {
		ready.Add(1)
		group.Go(func() {
			buf := make([]byte, 16<<10)
			in := bufio.NewReaderSize(v.conn, 4<<10)
			ready.Done()
			<-gate
			v.err = v.fetch(in, request, buf, want)
		})
	}
	ready.Wait()
	began := time.Now()
	close(gate)
	group.Wait()
	return began
}

func (v *viewer) fetch(in *bufio.Reader, request, buf, want []byte) error {
	if err := v.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := v.conn.Write(request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("answer %s", answer.Status)
	}
	n, err := answer.Body.Read(buf[:1])
	v.first = time.Now()
	runtime.Gosched() // others whose first byte is there are not to wait for what this one reads on
	rest := want
	for {
		if !bytes.Equal(buf[:n], rest[:min(n, len(rest))]) {
			return fmt.Errorf("wrong bytes at %d", len(want)-len(rest))
		}
		rest = rest[n:]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		n, err = answer.Body.Read(buf)
	}
	if len(rest) != 0 {
		return fmt.Errorf("%d bytes of %d", len(want)-len(rest), len(want))
	}
	v.whole = time.Now()
	return nil
}
