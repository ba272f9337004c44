package gossip

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/gossip/memnet"
)

var testKey = DeriveKey([]byte("a secret of the test cluster"))

// cluster is a number of members on one network in memory, inside a bubble.
type cluster struct {
	t     *testing.T
	net   *memnet.Network
	seeds []string
	nodes []*node
	size  atomic.Int32 // of nodes, for Registered
}

type node struct {
	*Gossip
	cfg  Config
	stop func()

	mu     sync.Mutex
	heads  []cdn.Version
	states map[string][]State // of each member, in the order OnMember told
}

const oneWay = 40 * time.Millisecond

// startCluster runs n members 40 ms apart, the first two being the seeds.
func startCluster(t *testing.T, n int) *cluster {
	c := &cluster{t: t, net: memnet.New(1), seeds: []string{address(0).String(), address(1).String()}}
	c.net.SetDelay(func(_, _ netip.Addr) time.Duration { return oneWay })
	for i := range n {
		c.start(i)
	}
	t.Cleanup(c.close)
	return c
}

func address(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, byte(i + 1), 10}), 7946)
}

// start runs member i, again if it ran before.
func (c *cluster) start(i int) *node {
	n := &node{states: map[string][]State{}}
	a := address(i)
	n.cfg = Config{
		Node: cdn.Node{
			ID: fmt.Sprintf("N%02d-1", i), Role: cdn.RoleEdge, POP: fmt.Sprintf("N%02d", i), K: 1,
			Addr: a.Addr(), HTTPPort: 8080, HTTPSPort: 8443, PeerPort: 7947, MetricsPort: 9100,
		},
		Key: testKey, Bind: a, Seeds: c.seeds, Timing: Lab(), Network: c.net,
		Registered: func() (all []netip.AddrPort) {
			for i := range c.size.Load() {
				all = append(all, address(int(i)))
			}
			return all
		},
		OnHead: func(v cdn.Version) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.heads = append(n.heads, v)
		},
		OnMember: func(m Member) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.states[m.Node.ID] = append(n.states[m.Node.ID], m.State)
		},
	}
	g, err := New(n.cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	n.Gossip = g
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := g.Run(ctx); err != nil {
			c.t.Errorf("Run of %s: %v", n.cfg.Node.ID, err)
		}
	}()
	n.stop = func() { cancel(); <-done }
	if i < len(c.nodes) {
		c.nodes[i] = n
	} else {
		c.nodes = append(c.nodes, n)
		c.size.Store(int32(len(c.nodes)))
	}
	return n
}

func (c *cluster) close() {
	var wg sync.WaitGroup
	for _, n := range c.nodes {
		wg.Go(n.stop)
	}
	wg.Wait()
	// memberlist's probes end by their timers, for which the clock must go on.
	<-time.After(time.Minute)
}

// in reports how many members of each state a node sees.
func (n *node) in() map[State]int {
	count := map[State]int{}
	for _, m := range n.Members() {
		count[m.State]++
	}
	return count
}

func (n *node) state(id string) State {
	for _, m := range n.Members() {
		if m.Node.ID == id {
			return m.State
		}
	}
	return "unknown"
}

// told returns the states OnMember reported of a member.
func (n *node) told(id string) []State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.states[id])
}

func (n *node) lastHead() cdn.Version {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.heads) == 0 {
		return cdn.Version{}
	}
	return n.heads[len(n.heads)-1]
}

// eventually waits on the bubble's clock and returns how long it took.
func eventually(t *testing.T, limit time.Duration, what string, cond func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !cond() {
		if time.Since(start) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		<-time.After(20 * time.Millisecond)
	}
	return time.Since(start)
}

func (c *cluster) converged(nodes ...*node) func() bool {
	return func() bool {
		for _, n := range nodes {
			if n.in()[Alive] != len(nodes) {
				return false
			}
		}
		return true
	}
}

func TestConvergence(t *testing.T) {
	for _, size := range []int{1, 2, 12, 32, 103} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			memnet.Bubble(t, func(t *testing.T) {
				c := startCluster(t, size)
				c.net.SetLoss(0.05)
				took := eventually(t, 3*time.Second, "all see all", c.converged(c.nodes...))
				t.Logf("%d members saw each other after %v", size, took)
				want := c.nodes[0].cfg.Node
				want.GossipPort = 7946
				last := c.nodes[size-1]
				if m := last.Members()[0]; m.Node != want || m.Gossip != address(0) {
					t.Errorf("the last sees the first as %+v at %v, want %+v", m.Node, m.Gossip, want)
				}
			})
		})
	}
}

func TestHeadReachesAll(t *testing.T) {
	memnet.Bubble(t, func(t *testing.T) {
		c := startCluster(t, 32)
		eventually(t, 3*time.Second, "all see all", c.converged(c.nodes...))
		reached := func(v cdn.Version) func() bool {
			return func() bool {
				for _, n := range c.nodes[1:] {
					if n.lastHead() != v {
						return false
					}
				}
				return true
			}
		}
		c.net.SetLoss(0.1)
		for n := uint64(1); n <= 100; n++ {
			c.nodes[0].AnnounceHead(cdn.Version{Epoch: 1, Number: n})
		}
		v := cdn.Version{Epoch: 1, Number: 100}
		took := eventually(t, 5*time.Second, "the head at all", reached(v))
		t.Logf("a burst of 100 hints ended at 32 members after %v, with a loss of 10%%", took)
		if q := c.nodes[0].head.queue.NumQueued(); q > 1 {
			t.Errorf("%d hints queued, want one", q)
		}

		c.nodes[0].AnnounceHead(cdn.Version{Epoch: 1, Number: 7})
		c.nodes[0].AnnounceHead(cdn.Version{Epoch: 2, Number: 1})
		v = cdn.Version{Epoch: 2, Number: 1}
		eventually(t, 5*time.Second, "a new epoch at all", reached(v))
		for _, n := range c.nodes[1:] {
			n.mu.Lock()
			if !slices.IsSortedFunc(n.heads, cdn.Version.Compare) {
				t.Errorf("%s was told of heads %v, not rising", n.cfg.Node.ID, n.heads)
			}
			n.mu.Unlock()
		}
		if got := c.nodes[0].lastHead(); !got.IsZero() {
			t.Errorf("the announcer was told of its own head %v", got)
		}
	})
}

// Whom the broadcasts missed hears of the head with the next exchange of state.
func TestHeadComesWithTheState(t *testing.T) {
	memnet.Bubble(t, func(t *testing.T) {
		c := startCluster(t, 4)
		eventually(t, 3*time.Second, "all see all", c.converged(c.nodes...))
		v := cdn.Version{Epoch: 3, Number: 14}
		c.nodes[2].AnnounceHead(v)
		<-time.After(10 * time.Second) // long after the broadcasts ended
		late := c.start(4)
		eventually(t, time.Second, "the head at who came late", func() bool { return late.lastHead() == v })
	})
}

func TestPartitionHeals(t *testing.T) {
	for _, length := range []time.Duration{20 * time.Second, 5 * time.Minute} {
		t.Run(length.String(), func(t *testing.T) {
			memnet.Bubble(t, func(t *testing.T) {
				c := startCluster(t, 16)
				eventually(t, 3*time.Second, "all see all", c.converged(c.nodes...))
				// Both seeds are in the smaller half.
				near, far := c.nodes[:6], c.nodes[6:]
				c.net.Partition(func(a netip.Addr) int {
					if a.As4()[2] <= 6 {
						return 1
					}
					return 2
				})
				<-time.After(length)
				// After the shorter one the halves are still in doubt of each other.
				if n := near[0].in(); n[Alive] != 6 && length > time.Minute {
					t.Errorf("after %v the smaller half sees %v", length, n)
				}
				if n := far[9].in(); n[Alive] != 10 && length > time.Minute {
					t.Errorf("after %v the larger half sees %v", length, n)
				}
				v := cdn.Version{Epoch: 1, Number: 9}
				near[0].AnnounceHead(v)
				c.net.Heal()
				took := eventually(t, 12*time.Second, "all see all again", c.converged(c.nodes...))
				t.Logf("a partition of %v healed after %v", length, took)
				eventually(t, 5*time.Second, "the head in the other half", func() bool { return far[9].lastHead() == v })
			})
		})
	}
}

// A node that answers late, or pauses, is not called dead by anybody.
func TestSlowNodeIsNotDead(t *testing.T) {
	for _, tt := range []struct {
		name string
		slow func(c *cluster, victim netip.Addr)
	}{
		{"a second and a half to answer", func(c *cluster, victim netip.Addr) {
			c.net.SetDelay(func(from, to netip.Addr) time.Duration {
				if from == victim || to == victim {
					return 750 * time.Millisecond
				}
				return oneWay
			})
			<-time.After(3 * time.Minute)
		}},
		{"pauses of eight seconds", func(c *cluster, victim netip.Addr) {
			for range 5 {
				c.net.SetDown(victim, true)
				<-time.After(8 * time.Second)
				c.net.SetDown(victim, false)
				<-time.After(20 * time.Second)
			}
		}},
		{"a third of its packets lost", func(c *cluster, _ netip.Addr) {
			c.net.SetLoss(0.33)
			<-time.After(3 * time.Minute)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			memnet.Bubble(t, func(t *testing.T) {
				c := startCluster(t, 12)
				eventually(t, 3*time.Second, "all see all", c.converged(c.nodes...))
				tt.slow(c, address(5).Addr())
				for _, n := range c.nodes {
					for _, m := range c.nodes {
						if n == m || n == c.nodes[5] {
							continue // cut off, it may well think the others dead
						}
						if told := n.told(m.cfg.Node.ID); slices.Contains(told, Dead) {
							t.Errorf("%s took %s for dead: %v", n.cfg.Node.ID, m.cfg.Node.ID, told)
						}
					}
				}
				eventually(t, 30*time.Second, "all see all again", c.converged(c.nodes...))
			})
		})
	}
}

func TestCrashIsSuspectThenDead(t *testing.T) {
	memnet.Bubble(t, func(t *testing.T) {
		c := startCluster(t, 12)
		eventually(t, 3*time.Second, "all see all", c.converged(c.nodes...))
		c.net.SetDown(address(3).Addr(), true)
		took := eventually(t, 40*time.Second, "dead at all", func() bool {
			for i, n := range c.nodes {
				if i != 3 && n.state("N03-1") != Dead {
					return false
				}
			}
			return true
		})
		t.Logf("a crash was known to all 11 after %v", took)
		synctest.Wait() // for OnMember
		for i, n := range c.nodes {
			if told := n.told("N03-1"); i != 3 && !slices.Equal(told, []State{Alive, Suspect, Dead}) {
				t.Errorf("%s was told %v", n.cfg.Node.ID, told)
			}
		}
		c.net.SetDown(address(3).Addr(), false)
		eventually(t, 12*time.Second, "alive again at all", c.converged(c.nodes...))
	})
}

func TestLeaveAndReturn(t *testing.T) {
	memnet.Bubble(t, func(t *testing.T) {
		c := startCluster(t, 12)
		eventually(t, 3*time.Second, "all see all", c.converged(c.nodes...))
		start := time.Now()
		c.nodes[7].stop()
		took := time.Since(start)
		if took > Lab().Leave+time.Second {
			t.Errorf("leaving took %v", took)
		}
		left := eventually(t, time.Second, "left at all", func() bool {
			for i, n := range c.nodes {
				if i != 7 && n.state("N07-1") != Left {
					return false
				}
			}
			return true
		})
		t.Logf("Run returned %v after its context ended; all knew %v later", took, left)
		<-time.After(time.Minute)
		synctest.Wait()
		for i, n := range c.nodes {
			if told := n.told("N07-1"); i != 7 && !slices.Equal(told, []State{Alive, Left}) {
				t.Errorf("%s was told %v", n.cfg.Node.ID, told)
			}
		}
		c.start(7)
		eventually(t, 5*time.Second, "back at all", c.converged(c.nodes...))
	})
}

// What a node says of itself changes without its leaving.
func TestUpdate(t *testing.T) {
	memnet.Bubble(t, func(t *testing.T) {
		c := startCluster(t, 5)
		eventually(t, 3*time.Second, "all see all", c.converged(c.nodes...))
		n := c.nodes[4].cfg.Node
		n.HTTPPort = 9999
		if err := c.nodes[4].Update(t.Context(), n); err != nil {
			t.Error(err)
		}
		eventually(t, 3*time.Second, "the new port at all", func() bool {
			for _, other := range c.nodes {
				if other.Members()[4].Node.HTTPPort != 9999 {
					return false
				}
			}
			return true
		})
	})
}

// Config.Cut takes a node out and lets it back, on a network without fault.
func TestCut(t *testing.T) {
	memnet.Bubble(t, func(t *testing.T) {
		c := startCluster(t, 6)
		eventually(t, 3*time.Second, "all see all", c.converged(c.nodes...))
		c.nodes[5].stop()
		var mu sync.Mutex
		cut := false
		setCut := func(b bool) { mu.Lock(); cut = b; mu.Unlock() }
		cfg := c.nodes[5].cfg
		cfg.Cut = func(netip.AddrPort) bool { mu.Lock(); defer mu.Unlock(); return cut }
		g, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = g.Run(ctx) }()
		c.nodes[5] = &node{Gossip: g, cfg: cfg, stop: func() { cancel(); <-done }, states: map[string][]State{}}

		eventually(t, 3*time.Second, "all see all", c.converged(c.nodes...))
		setCut(true)
		// A node that reaches nobody doubts itself, and takes its time.
		eventually(t, 2*time.Minute, "the cut node dead at the others, and they at it", func() bool {
			return c.nodes[0].state("N05-1") == Dead && c.nodes[5].in()[Dead] == 5
		})
		setCut(false)
		eventually(t, 12*time.Second, "all see all again", c.converged(c.nodes...))
	})
}
