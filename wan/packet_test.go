package wan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// looped is a packet connection that receives what is put into in and keeps
// what is sent in out.
type looped struct {
	in, out chan packet
	done    chan struct{}
}

func newLooped() *looped {
	return &looped{in: make(chan packet, 64), out: make(chan packet, 64), done: make(chan struct{})}
}

func (l *looped) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-l.in:
		return copy(b, p.data), p.addr, p.err
	case <-l.done:
		return 0, nil, net.ErrClosed
	}
}
func (l *looped) WriteTo(b []byte, a net.Addr) (int, error) {
	l.out <- packet{data: append([]byte(nil), b...), addr: a}
	return len(b), nil
}
func (l *looped) Close() error                     { close(l.done); return nil }
func (l *looped) LocalAddr() net.Addr              { return fakeAddr("local") }
func (l *looped) SetDeadline(time.Time) error      { return nil }
func (l *looped) SetReadDeadline(time.Time) error  { return nil }
func (l *looped) SetWriteDeadline(time.Time) error { return nil }

func byName(a net.Addr) time.Duration {
	switch a {
	case fakeAddr("far"):
		return 300 * ms
	case fakeAddr("near"):
		return 20 * ms
	}
	return 0
}

func TestPacketsArriveHalfARoundTripLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := newLooped()
		c := NewPacketConn(inner, byName)
		start := time.Now()
		for i, from := range []fakeAddr{"far", "far", "near", "here"} {
			inner.in <- packet{data: fmt.Appendf(nil, "%s %d", from, i), addr: from}
		}
		buf := make([]byte, 100)
		for _, want := range []struct {
			text string
			at   time.Duration
		}{{"here 3", 0}, {"near 2", 10 * ms}, {"far 0", 150 * ms}, {"far 1", 150 * ms}} {
			n, _, err := c.ReadFrom(buf)
			if err != nil || string(buf[:n]) != want.text {
				t.Errorf("got %q, %v, want %q", buf[:n], err, want.text)
			}
			within(t, want.text, start, want.at)
		}
		start = time.Now()
		for _, to := range []fakeAddr{"far", "near", "far", "here"} {
			if n, err := c.WriteTo([]byte(to), to); n != len(to) || err != nil {
				t.Errorf("WriteTo = %d, %v", n, err)
			}
		}
		for _, want := range []struct {
			addr fakeAddr
			at   time.Duration
		}{{"here", 0}, {"near", 10 * ms}, {"far", 150 * ms}, {"far", 150 * ms}} {
			if p := <-inner.out; p.addr != want.addr || string(p.data) != string(want.addr) {
				t.Errorf("sent %q to %v, want %v", p.data, p.addr, want.addr)
			}
			within(t, string(want.addr), start, want.at)
		}
		_ = c.Close()
	})
}

func TestPacketDeadlineDrainAndClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := newLooped()
		if NewPacketConn(inner, nil) != net.PacketConn(inner) {
			t.Error("a nil delay does not return the connection itself")
		}
		c := NewPacketConn(inner, byName)
		start := time.Now()
		inner.in <- packet{data: []byte("x"), addr: fakeAddr("far")}
		_ = c.SetReadDeadline(start.Add(50 * ms))
		if _, _, err := c.ReadFrom(make([]byte, 9)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("ReadFrom past its deadline: %v", err)
		}
		within(t, "deadline", start, 50*ms)
		_ = c.SetReadDeadline(time.Time{})
		if n, _, err := c.ReadFrom(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("after the deadline: %d, %v", n, err)
		}
		within(t, "packet", start, 150*ms)

		start = time.Now()
		_, _ = c.WriteTo([]byte("y"), fakeAddr("far"))
		ctx, cancel := context.WithTimeout(t.Context(), ms)
		defer cancel()
		if err := Drain(ctx, c); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain with no time left: %v", err)
		}
		if err := Drain(t.Context(), c); err != nil || len(inner.out) != 1 {
			t.Errorf("drained with %d packets sent, %v", len(inner.out), err)
		}
		within(t, "drained", start, 150*ms)

		blocked := make(chan error)
		go func() { _, _, err := c.ReadFrom(make([]byte, 9)); blocked <- err }()
		synctest.Wait()
		_ = c.Close()
		if err := <-blocked; !errors.Is(err, net.ErrClosed) {
			t.Errorf("ReadFrom at Close: %v", err)
		}
		if _, err := c.WriteTo([]byte("z"), fakeAddr("far")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("WriteTo after Close: %v", err)
		}
	})
}

func TestPacketErrorsArePassedOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := newLooped()
		c := NewPacketConn(inner, byName)
		boom := errors.New("boom")
		inner.in <- packet{err: boom, addr: fakeAddr("")}
		inner.in <- packet{data: []byte("after"), addr: fakeAddr("near")}
		if _, _, err := c.ReadFrom(make([]byte, 9)); !errors.Is(err, boom) {
			t.Errorf("got %v, want the socket's error", err)
		}
		if n, _, err := c.ReadFrom(make([]byte, 9)); n != 5 || err != nil {
			t.Errorf("after an error: %d, %v", n, err)
		}
		_ = c.Close()
	})
}
