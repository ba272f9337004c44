package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// handshakes asks for an object over one new connection after the other, each with a full TLS handshake, sixteen at a
// time.
func handshakes(ctx context.Context, b *bench, t target) (sample, error) {
	const workers = 16
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	var mu sync.Mutex
	var s sample
	var took []time.Duration
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			var mine []time.Duration
			var got int64
			for n := 0; ctx.Err() == nil && time.Since(began) < b.cfg.duration; n++ {
				start := time.Now()
				size, err := handshake(ctx, t, w, n)
				if err != nil {
					cancel(err)
					return
				}
				mine, got = append(mine, time.Since(start)), got+size
			}
			mu.Lock()
			defer mu.Unlock()
			took, s.bytes = append(took, mine...), s.bytes+got
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return s, err
	}
	s.elapsed, s.answers = time.Since(began), int64(len(took))
	if len(took) > 0 {
		slices.Sort(took)
		s.p50, s.p99 = took[len(took)/2], took[len(took)*99/100]
	}
	return s, nil
}

// handshake makes a connection from an address that changes, so that ports do not run out, and returns how many bytes
// came.
func handshake(ctx context.Context, t target, worker, n int) (int64, error) {
	from := netip.AddrFrom4([4]byte{127, 252, byte(worker), byte(1 + n%250)})
	d := tls.Dialer{NetDialer: &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 10 * time.Second}, Config: t.server.TLSConfig()}
	c, err := d.DialContext(ctx, "tcp", t.server.HTTPS)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", t.one(0), t.server.Host); err != nil {
		return 0, err
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
		return 0, fmt.Errorf("answer %.60q", answer)
	}
	return int64(len(answer)), nil
}
