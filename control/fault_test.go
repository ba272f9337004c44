package control_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/journal"
)

func TestAPartitionedEdgeHoldsCompletionUpToItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		near, far := c.startNode(edgeNode("FRA", 1)), c.startNode(edgeNode("NRT", 1))
		c.settles(journal.Completed, c.set("a", "1"))

		c.net.setCut("NRT-1", true)
		v := c.set("a", "2")
		took := c.settles(journal.Completed, v)
		if took < 5*time.Second || took > journal.LabTerms().Held() {
			t.Errorf("settled after %v", took)
		}
		if far.d.Lease().Valid(time.Now()) || far.d.State().Version == v {
			t.Error("the edge that was cut off may serve, or has heard of the change")
		}
		if !near.d.Lease().Valid(time.Now()) || near.d.State().Version != v {
			t.Error("the other edge may not serve, or has not applied the change")
		}
		if took := c.settles(journal.Completed, c.set("a", "3")); took > time.Second {
			t.Errorf("with the edge fenced the next change settled after %v", took)
		}

		c.net.setCut("NRT-1", false)
		healed := time.Now()
		until(t, 20*time.Second, "a lease after the partition", func() bool { return far.d.Lease().Valid(time.Now()) })
		if far.d.State().Version != c.ctl.d.Head() {
			t.Errorf("serves by %v, the journal is at %v", far.d.State().Version, c.ctl.d.Head())
		}
		t.Logf("back after %v", time.Since(healed))
		near.stop(t)
		far.stop(t)
		c.ctl.stop(t)
	})
}

func TestARestartedControlWaitsForTheLeasesItKnowsNothingOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		node := c.startNode(edgeNode("FRA", 1))
		before := c.set("a", "1")
		c.settles(journal.Completed, before)
		c.ctl.stop(t)

		c.startControl()
		if got := c.ctl.d.Settled(journal.Completed); got.Before(before) {
			t.Errorf("after the restart %v is settled, %v was reported", got, before)
		}
		if took := c.settles(journal.Completed, c.set("a", "2")); took < journal.LabTerms().Held()-100*time.Millisecond || took > journal.LabTerms().Held()+time.Second {
			t.Errorf("settled after %v", took)
		}
		node.stop(t)
		c.ctl.stop(t)

		// Nobody held a lease when it ended: there is nothing to wait for.
		c.startControl()
		if took := c.settles(journal.Completed, c.set("a", "3")); took > time.Second {
			t.Errorf("after a stop in good order, settled after %v", took)
		}
		c.ctl.stop(t)
	})
}

func TestANodeStartsFromDiskFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl(func(cfg *control.Config) {
			cfg.NodeSettings = func(n cdn.Node) map[string]string { return map[string]string{"for": n.ID} }
		})
		node := c.startNode(edgeNode("FRA", 1))
		v := c.set("a", "1")
		c.settles(journal.Completed, v)
		first, _ := node.d.Incarnation()
		node.stop(t)
		c.ctl.stop(t)

		node = run(t, c.newNode(edgeNode("FRA", 1)))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := node.d.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ready without control: %v", err)
		}
		if node.d.State().Version != v || node.d.Lease().Valid(time.Now()) {
			t.Errorf("starts at %v with lease %v", node.d.State().Version, node.d.Lease().Valid(time.Now()))
		}
		if got := node.d.Settings()["for"]; got != "FRA-1" || node.d.Zone() != testZone || len(node.d.ViewerCA()) == 0 {
			t.Errorf("starts with settings for %q, zone %q", got, node.d.Zone())
		}
		c.startControl()
		c.ready(node.d)
		if again, back := node.d.Incarnation(); again <= first || back {
			t.Errorf("incarnation %d after %d, rolled back: %v", again, first, back)
		}
		node.stop(t)
		c.ctl.stop(t)
	})
}

func TestANodeWhoseDiskWasPutBackIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		c.startNode(edgeNode("FRA", 1)).stop(t)
		backup := t.TempDir()
		copyDir(t, filepath.Join(c.dir, "FRA-1"), backup)
		c.startNode(edgeNode("FRA", 1)).stop(t)
		copyDir(t, backup, filepath.Join(c.dir, "FRA-1"))
		node := c.startNode(edgeNode("FRA", 1))
		if n, back := node.d.Incarnation(); n != 3 || !back {
			t.Errorf("incarnation %d, rolled back: %v", n, back)
		}
		node.stop(t)
		c.ctl.stop(t)
	})
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from).(fs.ReadDirFS)); err != nil {
		t.Fatal(err)
	}
}

func TestANodeThatIsBehindTheCompactionTakesTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl(func(cfg *control.Config) { cfg.CompactAfter = 5 })
		node := c.startNode(edgeNode("FRA", 1))
		c.set("kept", "since the beginning")
		c.net.setCut("FRA-1", true)
		for range 20 {
			c.set("a", "1")
			pass(time.Second) // the journal is compacted between
		}
		c.net.setCut("FRA-1", false)
		v := c.set("a", "2")
		until(t, time.Minute, "the acknowledgement", func() bool { return c.ctl.d.NodeStatus()[0].Acked == v })
		if got := node.d.State(); string(got.Settings["kept"]) != `"since the beginning"` || string(got.Settings["a"]) != `"2"` {
			t.Errorf("the node has %s", got.Settings)
		}
		node.stop(t)
		c.ctl.stop(t)
		// And control itself restarts from the snapshot.
		c.startControl()
		if got := c.ctl.d.State(); got.Version != v || string(got.Settings["kept"]) != `"since the beginning"` {
			t.Errorf("after a restart: %v, %s", got.Version, got.Settings)
		}
		c.ctl.stop(t)
	})
}

func TestAControlPutBackBeginsANewEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		c.set("a", "kept")
		c.ctl.stop(t)
		backup := t.TempDir()
		copyDir(t, filepath.Join(c.dir, "control"), backup)

		c.startControl()
		node := c.startNode(edgeNode("FRA", 1))
		lost := c.set("a", "lost")
		c.settles(journal.Completed, lost)
		c.ctl.stop(t)
		copyDir(t, backup, filepath.Join(c.dir, "control"))

		c.startControl()
		until(t, time.Minute, "the new epoch and a lease", func() bool {
			return node.d.State().Version.Epoch != lost.Epoch && node.d.Lease().Valid(time.Now())
		})
		if got := node.d.State(); got.Version.Epoch <= lost.Epoch || string(got.Settings["a"]) != `"kept"` {
			t.Errorf("the node is at %v with %s", got.Version, got.Settings["a"])
		}
		v := c.set("a", "new")
		if v.Epoch != node.d.State().Version.Epoch {
			t.Errorf("the next change is %v", v)
		}
		c.settles(journal.Completed, v)
		node.stop(t)
		c.ctl.stop(t)
		c.startControl(func(cfg *control.Config) { cfg.NewEpoch = true })
		if head := c.ctl.d.Head(); head.Epoch <= v.Epoch || head.Number != 0 {
			t.Errorf("with NewEpoch the journal is at %v", head)
		}
		c.ctl.stop(t)
		// The same backup again, in which nothing of the epochs since is.
		epochs := map[uint64]bool{v.Epoch: true}
		for range 2 {
			copyDir(t, backup, filepath.Join(c.dir, "control"))
			pass(time.Second)
			c.startControl(func(cfg *control.Config) { cfg.NewEpoch = true })
			head := c.ctl.d.Head()
			if epochs[head.Epoch] {
				t.Errorf("put back again, the journal begins epoch %d a second time", head.Epoch)
			}
			epochs[head.Epoch] = true
			c.ctl.stop(t)
		}
	})
}

// A backup taken after a stop in good order says that no lease is running; yet a
// node that joined since, and is cut off, serves by the run that was lost.
func TestANewEpochWaitsForTheLeasesOfTheRunThatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		c.ctl.stop(t)
		backup := t.TempDir()
		copyDir(t, filepath.Join(c.dir, "control"), backup)

		c.startControl()
		node := c.startNode(edgeNode("FRA", 1))
		c.settles(journal.Completed, c.set("a", "lost"))
		c.net.setCut("FRA-1", true)
		c.ctl.stop(t)
		copyDir(t, backup, filepath.Join(c.dir, "control"))

		c.startControl(func(cfg *control.Config) { cfg.NewEpoch = true })
		c.settles(journal.Completed, c.set("a", "new"))
		if node.d.Lease().Valid(time.Now()) {
			t.Error("settled while a node serves by the run that was lost")
		}
		c.net.setCut("FRA-1", false)
		node.stop(t)
		c.ctl.stop(t)
	})
}

func TestASecondProcessOfANodeReplacesTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		first := c.startNode(edgeNode("FRA", 1))
		second := c.startNode(edgeNode("FRA", 1), func(cfg *client.Config) { cfg.DataDir = "" })
		if err := <-first.ended; !errors.Is(err, client.ErrSuperseded) {
			t.Errorf("the first process: %v", err)
		}
		if first.d.Lease().Valid(time.Now()) {
			t.Error("the first process has a lease")
		}
		c.settles(journal.Completed, c.set("a", "1"))
		second.stop(t)
		c.ctl.stop(t)
	})
}

func TestAForgottenNodeThatRunsJoinsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		node := c.startNode(edgeNode("FRA", 1))
		if err := c.ctl.d.Forget(t.Context(), "FRA-1"); err != nil {
			t.Fatal(err)
		}
		if err := c.ctl.d.Forget(t.Context(), "FRA-1"); cdn.ErrorCode(err) != "NoSuchNode" {
			t.Errorf("forgotten twice: %v", err)
		}
		until(t, time.Minute, "a lease", func() bool {
			s := c.ctl.d.NodeStatus()
			return len(s) == 1 && s[0].Leased()
		})
		c.settles(journal.Completed, c.set("a", "1"))
		node.stop(t)
		if s := c.ctl.d.NodeStatus(); len(s) != 1 || s[0].Leased() {
			t.Errorf("after the node ended: %+v", s)
		}
		c.ctl.stop(t)
	})
}

func TestAHintWakesANodeThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		node := c.startNode(edgeNode("FRA", 1))
		c.ctl.stop(t)
		pass(time.Minute) // by now it tries every second or two
		c.startControl()
		v := c.set("a", "1")
		pass(time.Millisecond)
		node.d.Hint(v)
		until(t, 100*time.Millisecond, "change", func() bool { return node.d.State().Version == v })
		node.stop(t)
		c.ctl.stop(t)
	})
}
