package upstream

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// silentPort is one whose connections are never made: its queue is full.
func silentPort(t *testing.T) net.Addr {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	at := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Bind(fd, at); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}
	for range 8 { // until one is not taken any more
		c, err := net.DialTimeout("tcp", addr.String(), 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Skip("this kernel takes connections that nobody has asked for")
	return nil
}

// TestTheConnectionTimeout counts for each attempt, and is a 504 (belief 102).
func TestTheConnectionTimeout(t *testing.T) {
	addr := silentPort(t)
	for _, c := range []struct {
		attempts int
		timeout  time.Duration
		least    time.Duration
	}{{1, 300 * time.Millisecond, 300 * time.Millisecond}, {2, 300 * time.Millisecond, 600 * time.Millisecond}, {1, 900 * time.Millisecond, 900 * time.Millisecond}} {
		u, o := asker(t, addr, Config{})
		o.ConnectAttempts, o.ConnectTimeout = c.attempts, c.timeout
		begun := time.Now()
		_, _, err := get(t, u, o, request("/"))
		took := time.Since(begun)
		if reason(err) != ConnectTimeout || took < c.least || took > c.least+5*time.Second {
			t.Errorf("%d attempts of %v: %v after %v", c.attempts, c.timeout, err, took)
		}
	}
}
