package gossip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// run starts a member on real sockets at 127.n.0.1, port 0.
func run(t testing.TB, id string, n int, key []byte, seeds ...string) *Gossip {
	t.Helper()
	bind := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(n), 0, 1}), 0)
	g, err := New(Config{
		Node: cdn.Node{ID: id, Role: cdn.RoleEdge, Addr: bind.Addr()},
		Key:  key, Bind: bind, Seeds: seeds, Timing: Lab(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run of %s: %v", id, err)
		}
	})
	return g
}

func alive(g *Gossip) (n int) {
	for _, m := range g.Members() {
		if m.State == Alive {
			n++
		}
	}
	return n
}

func TestSockets(t *testing.T) {
	t.Parallel()
	first := run(t, "router-1", 20, testKey)
	seed := first.Addr().String()
	others := []*Gossip{first}
	for i := range 5 {
		others = append(others, run(t, fmt.Sprintf("E%d-1", i), 21+i, testKey, seed))
	}
	stranger := run(t, "stranger", 30, DeriveKey([]byte("another secret")), seed)
	eventually(t, 10*time.Second, "all see all", func() bool {
		for _, g := range others {
			if alive(g) != len(others) {
				return false
			}
		}
		return true
	})
	if n := alive(stranger); n != 1 {
		t.Errorf("with another key one sees %d members", n)
	}
	for _, g := range others {
		for _, m := range g.Members() {
			if m.Node.ID == "stranger" {
				t.Errorf("%s lists a member with another key", g.node.ID)
			}
			if m.Gossip.Port() == 0 || m.Node.GossipPort != m.Gossip.Port() {
				t.Errorf("%s is at %v, its metadata says port %d", m.Node.ID, m.Gossip, m.Node.GossipPort)
			}
		}
	}
	v := cdn.Version{Epoch: 1, Number: 5}
	others[3].AnnounceHead(v)
	eventually(t, 10*time.Second, "the head at all", func() bool {
		for _, g := range others {
			if g.Head() != v {
				return false
			}
		}
		return true
	})
	if h := stranger.Head(); !h.IsZero() {
		t.Errorf("with another key one hears of head %v", h)
	}
}

// What strangers open or send takes neither memory without end nor the place
// of the members for longer than the time-out.
func TestStrangers(t *testing.T) {
	t.Parallel()
	g := run(t, "router-1", 31, testKey)
	addr := g.Addr().String()
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range 2 * maxStreams {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	// The last is refused at once, not when the time-out ends the first.
	last := open[len(open)-1]
	_ = last.SetReadDeadline(time.Now().Add(Lab().Stream / 2))
	if _, err := last.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d silent streams are all kept", len(open))
	}
	udp, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for _, junk := range [][]byte{{}, {0}, []byte(strings.Repeat("x", 60000)), encodeHead(cdn.Version{Epoch: 9, Number: 9})} {
		if _, err := udp.Write(junk); err != nil {
			t.Fatal(err)
		}
	}
	friend := run(t, "E1-1", 32, testKey, addr)
	eventually(t, 10*time.Second, "a member among strangers", func() bool { return alive(friend) == 2 && alive(g) == 2 })
	if h := g.Head(); !h.IsZero() {
		t.Errorf("a stranger's hint %v was taken", h)
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Node: cdn.Node{ID: "a"}, Key: testKey, Bind: netip.MustParseAddrPort("127.0.0.1:0"), Timing: Lab()}
	for _, tt := range []struct {
		name  string
		spoil func(*Config)
		want  string
	}{
		{"no ID", func(c *Config) { c.Node.ID = "" }, "node ID"},
		{"no key", func(c *Config) { c.Key = DeriveKey(nil) }, "key"},
		{"no address", func(c *Config) { c.Bind = netip.AddrPort{} }, "address to bind"},
		{"any address", func(c *Config) { c.Bind = netip.MustParseAddrPort("0.0.0.0:0") }, "advertise"},
		{"no timing", func(c *Config) { c.Timing = Timing{} }, "Lab()"},
		{"a seed without port", func(c *Config) { c.Seeds = []string{"router-1"} }, "router-1"},
		{"a seed with a strange port", func(c *Config) { c.Seeds = []string{"router-1:gossip"} }, "gossip"},
		{"metadata that does not fit", func(c *Config) { c.Node.POP = strings.Repeat("p", 300) }, "too long"},
		{"an address of somebody else", func(c *Config) { c.Bind = netip.MustParseAddrPort("192.0.2.1:7946") }, "assign"},
	} {
		c := good
		tt.spoil(&c)
		g, err := New(c)
		if err == nil {
			_ = g.Close()
			t.Errorf("%s: taken", tt.name)
		} else if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want a word of %q", tt.name, err, tt.want)
		}
	}
}

// TestAtRest prints what a number of members cost in one process, on sockets;
// WARMFRONT_GOSSIP_NODES says how many.
func TestAtRest(t *testing.T) {
	size, _ := strconv.Atoi(os.Getenv("WARMFRONT_GOSSIP_NODES"))
	if size == 0 {
		t.Skip("a measurement: set WARMFRONT_GOSSIP_NODES")
	}
	used := func() (time.Duration, uint64) {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano()), m.HeapInuse + m.StackInuse
	}
	cpu0, mem0 := used()
	start := time.Now()
	nodes := make([]*Gossip, 0, size)
	var seeds []string
	for i := range size {
		g := run(t, fmt.Sprintf("N%03d-1", i), 1+i%250, testKey, seeds...)
		if nodes = append(nodes, g); len(seeds) < 2 {
			seeds = append(seeds, g.Addr().String())
		}
	}
	eventually(t, time.Minute, "all see all", func() bool {
		for _, g := range nodes {
			if alive(g) != size {
				return false
			}
		}
		return true
	})
	cpu1, _ := used()
	t.Logf("%d members saw each other after %v, %v of CPU", size, time.Since(start).Round(time.Millisecond), cpu1-cpu0)
	<-time.After(15 * time.Second)
	cpu2, mem2 := used()
	t.Logf("first 15 s more: %v of CPU", cpu2-cpu1)
	<-time.After(30 * time.Second)
	cpu3, _ := used()
	t.Logf("at rest: %.3f %% of a core a member, %d KiB a member, %d goroutines",
		100*(cpu3-cpu2).Seconds()/30/float64(size), (mem2-mem0)/uint64(size)>>10, runtime.NumGoroutine())
	var wg sync.WaitGroup
	announced := time.Now()
	v := cdn.Version{Epoch: 1, Number: 1}
	nodes[0].AnnounceHead(v)
	for _, g := range nodes {
		wg.Go(func() { eventually(t, time.Minute, "the head", func() bool { return g.Head() == v }) })
	}
	wg.Wait()
	t.Logf("a hint reached all after %v", time.Since(announced).Round(time.Millisecond))
	leaving := time.Now()
	for _, g := range nodes {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), Lab().Leave)
			defer cancel()
			_ = g.Leave(ctx) // the last ones have nobody to tell
			_ = g.Close()
		})
	}
	wg.Wait()
	t.Logf("all left after %v", time.Since(leaving).Round(time.Millisecond))
}
