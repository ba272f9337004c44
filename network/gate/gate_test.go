package gate

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is a dialer whose other end is handed to the test.
func pipe(far chan<- net.Conn) DialFunc {
	return func(context.Context, string, string) (net.Conn, error) {
		a, b := net.Pipe()
		far <- b
		return a, nil
	}
}

func TestPartitionCutsTheClusterAndNotOrigins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, far := New(), make(chan net.Conn, 10)
		cluster, out := g.DialCluster(pipe(far)), g.DialOut(pipe(far))
		open, err := cluster(t.Context(), "tcp", "control")
		if err != nil {
			t.Fatal(err)
		}
		origin, err := out(t.Context(), "tcp", "origin")
		if err != nil {
			t.Fatal(err)
		}
		g.Partition(false)
		if _, err := open.Read(make([]byte, 1)); err == nil {
			t.Error("an open connection to the cluster goes on")
		}
		if _, err := cluster(t.Context(), "tcp", "control"); !errors.Is(err, errPartitioned) {
			t.Errorf("a new connection to the cluster: %v", err)
		}
		<-far
		other := <-far
		go func() { _, _ = other.Write([]byte("x")) }()
		if _, err := origin.Read(make([]byte, 1)); err != nil {
			t.Errorf("the origin's connection: %v", err)
		}
		if !g.isSevered("anybody") || !g.Hides(netip.Addr{}) || g.State() != "partitioned" {
			t.Errorf("state %q", g.State())
		}
		g.Heal()
		if _, err := cluster(t.Context(), "tcp", "control"); err != nil || g.State() != "" {
			t.Errorf("healed: %v, %q", err, g.State())
		}
	})
}

func TestAPartitionFromControlCutsNothingElse(t *testing.T) {
	g := New()
	g.Knows([]string{"127.0.0.1:7947"})
	g.Partition(true)
	for address, want := range map[string]bool{"127.0.0.1:7947": true, "127.86.0.1:7947": false, "127.0.0.1:9000": false} {
		if g.isSevered(address) != want {
			t.Errorf("%s is cut off: %v", address, !want)
		}
	}
	if !g.Hides(netip.MustParseAddr("127.0.0.1")) || g.Hides(netip.MustParseAddr("127.86.0.1")) {
		t.Error("gossip is dropped with others than control, or not with control")
	}
	if g.State() != "cut off from control" {
		t.Errorf("state %q", g.State())
	}
	if g.Heal(); g.isSevered("127.0.0.1:7947") || g.State() != "" {
		t.Errorf("healed: %q", g.State())
	}
}

func TestPauseHoldsWhatArrivesUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, far := New(), make(chan net.Conn, 1)
		c, err := g.DialOut(pipe(far))(t.Context(), "tcp", "x")
		if err != nil {
			t.Fatal(err)
		}
		other := <-far
		read := make(chan time.Time, 1)
		start := time.Now()
		go func() {
			_, _ = c.Read(make([]byte, 1)) // waits in the kernel when the pause begins
			read <- time.Now()
		}()
		synctest.Wait()
		g.Pause()
		go func() { _, _ = other.Write([]byte("x")) }()
		time.AfterFunc(time.Minute, g.Heal)
		if took := (<-read).Sub(start); took != time.Minute {
			t.Errorf("read after %v, want after the pause", took)
		}
		g.Pause()
		time.AfterFunc(time.Second, func() { _ = c.Close() })
		if _, err := c.Write([]byte("x")); err == nil {
			t.Error("a write went through during the pause")
		}
		if time.Since(start) != time.Minute+time.Second {
			t.Error("closing did not end the wait")
		}
	})
}
