package control_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/control/relay"
	"github.com/warmfront/warmfront/journal"
)

// gossips is for how long a hint is on its way to the others.
const gossips = 400 * time.Millisecond

// relays is a cluster whose nodes relay, and hint to those they reach what they have
// applied.
type relays struct {
	*cluster
	mu    sync.Mutex
	nodes map[string]*relaying
}

// relaying is a node with its side of relaying.
type relaying struct {
	*running[*client.Client]
	id      string
	address string
	relay   *running[*relay.Server]
	serving sync.WaitGroup
	closed  func() error
}

func newRelays(t *testing.T) *relays {
	return &relays{cluster: newCluster(t), nodes: map[string]*relaying{}}
}

// peerNode is an edge that has a port for its neighbours.
func peerNode(k int) cdn.Node {
	n := edgeNode("FRA", k)
	n.Addr, n.PeerPort = netip.AddrFrom4([4]byte{127, 1, 0, byte(k)}), 7947
	return n
}

// add starts edge k; ready waits for its lease.
func (r *relays) add(k int, ready bool) *relaying {
	r.t.Helper()
	n := peerNode(k)
	node := &relaying{id: n.ID, address: netip.AddrPortFrom(n.Addr, n.PeerPort).String()}
	cl := r.newNode(n, func(cfg *client.Config) {
		cfg.Neighbours = func() []cdn.Node { return slices.Collect(maps.Values(node.d.State().Nodes)) }
		cfg.OnApply = func(s *cdn.State) { r.hint(n.ID, s.Version) }
	})
	node.running = &running[*client.Client]{d: cl}
	server := relay.New(cl, r.log)
	l, err := r.net.listenAs(n.ID, node.address)
	if err != nil {
		r.t.Fatal(err)
	}
	node.closed = l.Close
	node.relay = run(r.t, server)
	node.serving.Go(func() {
		if err := server.Serve(l); err != nil {
			r.t.Error(err)
		}
	})
	node.running = run(r.t, cl)
	r.mu.Lock()
	r.nodes[n.ID] = node
	r.mu.Unlock()
	if ready {
		r.ready(cl)
	}
	return node
}

// hint tells everybody whom the node reaches, after a while.
func (r *relays) hint(from string, v cdn.Version) {
	time.AfterFunc(gossips, func() {
		r.mu.Lock()
		all := slices.Collect(maps.Values(r.nodes))
		r.mu.Unlock()
		for _, n := range all {
			if n.id != from && !r.net.isLost(way{from, n.id}) {
				n.d.Hint(v)
			}
		}
	})
}

func (r *relays) stop(k int) {
	r.t.Helper()
	r.mu.Lock()
	n := r.nodes[edgeNode("FRA", k).ID]
	delete(r.nodes, n.id)
	r.mu.Unlock()
	n.running.stop(r.t)
	if err := n.closed(); err != nil {
		r.t.Error(err)
	}
	n.serving.Wait()
	n.relay.stop(r.t)
}

func (r *relays) stopAll(ks ...int) {
	r.t.Helper()
	for _, k := range ks {
		r.stop(k)
	}
}

// reaches waits until a node has applied v, and returns how long that took.
func (r *relays) reaches(n *relaying, v cdn.Version, most time.Duration) time.Duration {
	r.t.Helper()
	began := time.Now()
	until(r.t, most, fmt.Sprintf("%v at %s", v, n.id), func() bool { return n.d.State().Version == v })
	return time.Since(began)
}

func TestANodeCutOffFromControlHearsFromANeighbour(t *testing.T) {
	for name, cut := range map[string]func(r *relays, node string, on bool){
		"both ways":         func(r *relays, node string, on bool) { r.net.part("control", node, on) },
		"what control says": func(r *relays, node string, on bool) { r.net.setLost("control", node, on) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRelays(t)
				r.startControl()
				near, far := r.add(1, true), r.add(2, true)
				r.add(3, true)
				r.settles(journal.Completed, r.set("a", "1"))

				cut(r, far.id, true)
				v := r.set("a", "2")
				settled := make(chan time.Duration, 1)
				go func() { settled <- r.settles(journal.Completed, v) }()
				if took := r.reaches(near, v, time.Second); took > 100*time.Millisecond {
					t.Errorf("the first change was with the nodes that control reaches after %v", took)
				}
				t.Logf("the first change was there after %v", r.reaches(far, v, 2*time.Second))
				if name == "both ways" {
					if took := <-settled; took < journal.LabTerms().Length/2 || took > journal.LabTerms().Held() {
						t.Errorf("settled after %v, without the word of the node", took)
					}
					if far.d.Lease().Valid(time.Now()) {
						t.Error("settled while the node may serve, whose word control has not")
					}
				} else {
					// Its word arrives, and no lease comes back.
					if took := <-settled; took > 3*time.Second {
						t.Errorf("settled after %v", took)
					}
				}

				// Up to date, and fenced: a relay renews nothing.
				for i := range 20 {
					v = r.set("a", fmt.Sprint(i))
					if took := r.reaches(far, v, 2*time.Second); took > 100*time.Millisecond && i > 0 {
						t.Errorf("a later change was there after %v", took)
					}
					pass(time.Second)
				}
				if far.d.Lease().Valid(time.Now()) || far.d.Direct() {
					t.Error("a node without control has a lease, or takes itself for one that follows control")
				}

				cut(r, far.id, false)
				until(t, 10*time.Second, "control's own stream", far.d.Direct)
				until(t, 10*time.Second, "lease", func() bool { return far.d.Lease().Valid(time.Now()) })
				if took := r.settles(journal.Completed, r.set("a", "last")); took > time.Second {
					t.Errorf("after the partition a change settled after %v", took)
				}
				r.stopAll(1, 2, 3)
				r.ctl.stop(t)
			})
		})
	}
}

// A lease that cannot be renewed ends, however the changes arrive.
func TestWhatANodeSaysIsLostButItHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRelays(t)
		r.startControl()
		far := r.add(1, true)
		r.add(2, true)
		r.settles(journal.Completed, r.set("a", "1"))
		r.net.setLost(far.id, "control", true)
		v := r.set("a", "2")
		if took := r.reaches(far, v, 2*time.Second); took > 100*time.Millisecond {
			t.Errorf("the change was there after %v", took)
		}
		if took := r.settles(journal.Completed, v); took < journal.LabTerms().Length/2 || far.d.Lease().Valid(time.Now()) {
			t.Errorf("settled after %v, the node may serve: %v", took, far.d.Lease().Valid(time.Now()))
		}
		r.stopAll(1, 2)
		r.ctl.stop(t)
	})
}

// Eight nodes, of which each has lost control at another version.
func TestWithoutControlNodesGetAsFarAsAnyOfThemIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRelays(t)
		r.startControl()
		const n = 8
		var nodes []*relaying
		for k := 1; k <= n; k++ {
			nodes = append(nodes, r.add(k, true))
		}
		r.settles(journal.Completed, r.set("a", "1"))
		for _, a := range nodes {
			for _, b := range nodes {
				r.net.setLost(a.id, b.id, true)
			}
		}
		var head cdn.Version
		for i, node := range nodes {
			r.net.part("control", node.id, true)
			head = r.set("lost to", node.id)
			for _, other := range nodes[i+1:] {
				r.reaches(other, head, time.Second)
			}
		}
		head = r.set("a", "nobody but control knows")
		pass(time.Minute)
		r.ctl.stop(t)
		last := cdn.Version{}
		for i, node := range nodes {
			v := node.d.State().Version
			if i > 0 && !last.Before(v) {
				t.Errorf("%s is at %v, the one before it at %v", node.id, v, last)
			}
			last = v
		}
		for _, a := range nodes {
			for _, b := range nodes {
				r.net.setLost(a.id, b.id, false)
			}
		}
		for _, node := range nodes {
			t.Logf("%s is at %v after %v", node.id, last, r.reaches(node, last, 20*time.Second))
		}
		pass(time.Minute) // of following one another
		for _, node := range nodes {
			if got := node.d.State().Version; got != last || node.d.Lease().Valid(time.Now()) {
				t.Errorf("%s is at %v, may serve: %v", node.id, got, node.d.Lease().Valid(time.Now()))
			}
		}
		r.startControl()
		for _, node := range nodes {
			r.net.part("control", node.id, false)
		}
		for _, node := range nodes {
			r.reaches(node, head, 20*time.Second)
			until(t, 20*time.Second, "control's own stream", node.d.Direct)
		}
		r.settles(journal.Completed, head)
		r.stopAll(1, 2, 3, 4, 5, 6, 7, 8)
		r.ctl.stop(t)
	})
}

// Nodes that reach control through one of them only: whoever follows a neighbour
// that follows nobody asks others.
func TestALoopOfRelaysIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRelays(t)
		r.startControl()
		const n = 12
		var nodes []*relaying
		for k := 1; k <= n; k++ {
			nodes = append(nodes, r.add(k, true))
		}
		for _, node := range nodes[1:] {
			r.net.part("control", node.id, true)
		}
		pass(30 * time.Second)
		for i := range 5 {
			v := r.set("a", fmt.Sprint(i))
			var worst time.Duration
			for _, node := range nodes {
				worst = max(worst, r.reaches(node, v, 5*time.Second))
			}
			t.Logf("everybody has change %d after %v", i, worst)
			pass(7 * time.Second)
		}
		r.stopAll(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
		r.ctl.stop(t)
	})
}

func TestANodeThatStartsWithoutControlHearsFromItsNeighboursAndStaysFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRelays(t)
		r.startControl()
		r.add(1, true)
		late := r.add(2, true)
		r.settles(journal.Completed, r.set("a", "1"))
		r.stop(2)
		v := r.set("a", "2")
		r.net.part("control", late.id, true)
		late = r.add(2, false)
		t.Logf("it was up to date after %v", r.reaches(late, v, 5*time.Second))
		pass(30 * time.Second)
		if late.d.Lease().Valid(time.Now()) || late.d.Entitled() {
			t.Error("it may serve without having been level with control")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if late.d.Ready(ctx) == nil {
			t.Error("it is ready without having been level with control")
		}
		r.net.part("control", late.id, false)
		r.ready(late.d)
		r.stopAll(1, 2)
		r.ctl.stop(t)
	})
}

// A relay that is put back to a backup's epoch takes nobody back, and those ahead of
// it in epoch are not held up by it.
func TestAcrossEpochsNobodyIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRelays(t)
		r.startControl()
		old, next := r.add(1, true), r.add(2, true)
		r.settles(journal.Completed, r.set("a", "kept"))
		r.ctl.stop(t)
		backup := t.TempDir()
		copyDir(t, filepath.Join(r.dir, "control"), backup)
		r.startControl()
		r.ready(old.d)
		lost := r.set("a", "lost")
		r.reaches(old, lost, 20*time.Second)
		r.reaches(next, lost, 20*time.Second)
		r.net.part("control", old.id, true)
		r.net.part(next.id, old.id, true)
		r.ctl.stop(t)
		copyDir(t, backup, filepath.Join(r.dir, "control"))
		r.startControl(func(cfg *control.Config) { cfg.NewEpoch = true })
		until(t, time.Minute, "the new epoch", func() bool { return next.d.State().Version.Epoch > lost.Epoch })
		if old.d.State().Version != lost {
			t.Errorf("the node that was cut off is at %v", old.d.State().Version)
		}
		r.net.part(next.id, old.id, false)
		until(t, 10*time.Second, "the new epoch at the other", func() bool { return old.d.State().Version == next.d.State().Version })
		if got := string(old.d.State().Settings["a"]); got != `"kept"` {
			t.Errorf("it holds %s", got)
		}
		r.stopAll(1, 2)
		r.ctl.stop(t)
	})
}

// Both networks have the same addresses and ids, and not even the same authority.
func TestANodeOfAnotherNetworkIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRelays(t)
		r.startControl()
		r.add(1, true)
		own := r.add(2, true)
		before := r.set("a", "1")
		r.settles(journal.Completed, before)
		r.stopAll(1, 2)
		r.ctl.stop(t)

		other := newRelays(t)
		other.net = r.net
		other.startControl()
		other.add(1, true)
		for range 10 {
			other.settles(journal.Completed, other.set("a", "other"))
		}
		other.net.part("control", own.id, true)
		own = r.add(2, false)
		pass(time.Minute)
		if got := own.d.State(); got.Version != before || string(got.Settings["a"]) != `"1"` {
			t.Errorf("the node is at %v with %s", got.Version, got.Settings["a"])
		}
		r.stop(2)
		other.stop(1)
		other.ctl.stop(t)
	})
}

// The authority is the same, the journal is not: control has lost that file.
func TestANodeOfAnotherJournalIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRelays(t)
		r.startControl()
		r.add(1, true)
		own := r.add(2, true)
		before := r.set("a", "1")
		r.settles(journal.Completed, before)
		r.stopAll(1, 2)
		r.ctl.stop(t)
		if err := os.Remove(filepath.Join(r.dir, "control", "journal.db")); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(r.dir, edgeNode("FRA", 1).ID)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		r.startControl()
		other := r.add(1, true)
		for range 10 {
			r.settles(journal.Completed, r.set("a", "other"))
		}
		r.net.part("control", own.id, true)
		own = r.add(2, false)
		pass(time.Minute)
		if got := own.d.State(); got.Version != before || string(got.Settings["a"]) != `"1"` {
			t.Errorf("the node is at %v with %s, its neighbour at %v", got.Version, got.Settings["a"], other.d.State().Version)
		}
		r.stopAll(1, 2)
		r.ctl.stop(t)
	})
}
