package control_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/journal"
)

const smallConfig = `<DistributionConfig><CallerReference>x</CallerReference><Origins><Items><Origin><Id>o</Id><DomainName>demo.s3.us-east-1.amazonaws.com</DomainName></Origin></Items></Origins>` +
	`<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy><CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior><Enabled>true</Enabled></DistributionConfig>`

func (c *cluster) propose(kind cdn.Kind, body any) cdn.Version {
	c.t.Helper()
	v, err := c.ctl.d.Propose(c.t.Context(), func(*cdn.State) ([]cdn.Change, error) {
		change, err := cdn.NewChange(kind, body, time.Now())
		return []cdn.Change{change}, err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// isolated makes a distribution, or changes its setting.
func (c *cluster) isolated(id string, w cdn.WhenIsolated) cdn.Version {
	c.t.Helper()
	return c.propose(cdn.KindDistributionPut, cdn.Distribution{ID: id, Config: smallConfig, Tags: map[string]string{cdn.WhenIsolatedTag: w.String()}})
}

func (c *cluster) invalidate(id string) cdn.Version {
	c.t.Helper()
	return c.propose(cdn.KindInvalidation, cdn.Invalidation{ID: fmt.Sprint("I", id), Distribution: id, Paths: []string{"/*"}})
}

func (c *cluster) completed(id string, v cdn.Version) bool {
	return !c.ctl.d.CompletedFor(id).Before(v)
}

func (c *cluster) completes(id string, v cdn.Version, most time.Duration) {
	c.t.Helper()
	until(c.t, most, "completion for "+id, func() bool { return c.completed(id, v) })
}

// staysInProgress lets longer pass than any lease lasts.
func (c *cluster) staysInProgress(id string, v cdn.Version, when string) {
	c.t.Helper()
	pass(2 * journal.LabTerms().Held())
	if c.completed(id, v) {
		c.t.Errorf("%s: Completed", when)
	}
}

// twoSites starts a control, two edges, and the distributions "stale", which is
// served without a lease, and "sure".
func twoSites(t *testing.T) (c *cluster, near, far *running[*client.Client]) {
	c = newCluster(t)
	c.startControl()
	near, far = c.startNode(edgeNode("FRA", 1)), c.startNode(edgeNode("NRT", 1))
	c.isolated("sure", cdn.Confirm)
	c.completes("stale", c.isolated("stale", cdn.ServeStale), time.Second)
	return c, near, far
}

func TestAPartitionedNodeThatServesStaleHoldsItsDistributionsInvalidations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, near, far := twoSites(t)
		c.net.setCut("NRT-1", true)
		stale, sure := c.invalidate("stale"), c.invalidate("sure")
		c.completes("sure", sure, journal.LabTerms().Held()+time.Second)
		c.staysInProgress("stale", stale, "cut off")
		if !far.d.Entitled() || far.d.Lease().Valid(time.Now()) {
			t.Error("the node that was cut off has a lease, or may not serve without one")
		}
		got := c.ctl.d.Completion("stale", stale)
		if len(got.Waiting) != 1 || got.Waiting[0].Node != "NRT-1" || !got.Waiting[0].Endless || got.Edges != 2 || got.Acknowledged != 1 || len(got.Fenced) != 0 || got.Completed {
			t.Errorf("waiting: %+v", got)
		}
		got = c.ctl.d.Completion("sure", sure)
		if !got.Completed || len(got.Waiting) != 0 || !slices.Equal(got.Fenced, []string{"NRT-1"}) {
			t.Errorf("not waiting: %+v", got)
		}
		// The settings of all but the one distribution make no difference.
		c.completes("sure", c.invalidate("sure"), time.Second)

		c.net.setCut("NRT-1", false)
		c.completes("stale", stale, 20*time.Second)
		if far.d.State().Version.Before(stale) {
			t.Error("completed though the node has not applied it")
		}
		near.stop(t)
		far.stop(t)
		c.ctl.stop(t)
	})
}

func TestAForgottenNodeFreesWhatItServedStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, near, far := twoSites(t)
		c.net.setCut("NRT-1", true)
		v := c.invalidate("stale")
		c.staysInProgress("stale", v, "cut off")
		if err := c.ctl.d.Forget(t.Context(), "NRT-1"); err != nil {
			t.Fatal(err)
		}
		c.completes("stale", v, time.Second)
		// It is there again: it joins anew, and is entitled to nothing until it is level.
		c.net.setCut("NRT-1", false)
		until(t, 30*time.Second, "lease", func() bool { return far.d.Lease().Valid(time.Now()) })
		if !far.d.Entitled() || far.d.State().Version.Before(v) {
			t.Error("it has a lease without being level")
		}
		near.stop(t)
		far.stop(t)
		c.ctl.stop(t)
	})
}

func TestWhatWasCompletedStaysSoWhateverTheSettingBecomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		near, far := c.startNode(edgeNode("FRA", 1)), c.startNode(edgeNode("NRT", 1))
		c.isolated("d", cdn.Confirm)
		pass(time.Second)
		c.net.setCut("NRT-1", true)
		done := c.invalidate("d")
		c.completes("d", done, journal.LabTerms().Held()+time.Second)
		going := c.invalidate("d")
		on := c.isolated("d", cdn.ServeStale) // with one in progress, perhaps
		again := c.invalidate("d")
		if !c.completed("d", done) {
			t.Error("what was Completed is not, now that it is served stale")
		}
		c.staysInProgress("d", again, "cut off since before it was served stale")
		reported := c.ctl.d.CompletedFor("d")
		if reported.Before(done) || !reported.Before(on) {
			t.Errorf("%v is Completed; the invalidations were %v, %v and, served stale, %v", reported, done, going, again)
		}
		off := c.isolated("d", cdn.Confirm)
		c.staysInProgress("d", off, "NRT-1 has not heard that it is off")

		// A control that is killed and one that ends in good order remember.
		near.stop(t)
		c.ctl.stop(t)
		c.startControl()
		if got := c.ctl.d.CompletedFor("d"); got != reported {
			t.Errorf("after a restart %v is Completed, %v was", got, reported)
		}
		near = c.startNode(edgeNode("FRA", 1))
		c.staysInProgress("d", off, "after a restart")
		c.net.setCut("NRT-1", false)
		c.completes("d", off, 20*time.Second)

		// Everybody has heard: it is like any other distribution.
		c.net.setCut("NRT-1", true)
		c.completes("d", c.invalidate("d"), journal.LabTerms().Held()+time.Second)
		c.ctl.stop(t)
		c.startControl()
		until(t, time.Minute, "lease", func() bool { return near.d.Lease().Valid(time.Now()) })
		c.completes("d", c.invalidate("d"), time.Minute)
		near.stop(t)
		far.d.Close()
		far.end()
		<-far.ended
		c.ctl.stop(t)
	})
}

func TestANodeThatEndedInGoodOrderIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, near, far := twoSites(t)
		far.stop(t)
		c.completes("stale", c.invalidate("stale"), time.Second)
		near.stop(t)
		c.ctl.stop(t)
		c.startControl() // nor by a control that has started since
		near = c.startNode(edgeNode("FRA", 1))
		c.completes("stale", c.invalidate("stale"), time.Minute)
		near.stop(t)
		c.ctl.stop(t)
	})
}

// A process that is cut off and replaced goes on serving. One that starts from its
// disk proves that it has ended, one that starts from an empty disk does not.
func TestAReplacedProcessIsWaitedForUntilItIsKnownToHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, near, far := twoSites(t)
		c.net.setCut("NRT-1", true)
		other := func(cfg *client.Config) {
			cfg.DataDir, cfg.Dial = filepath.Join(c.dir, "another disk"), c.net.dialer("NRT-1, replaced")
		}
		second := c.startNode(edgeNode("NRT", 1), other)
		v := c.invalidate("stale")
		c.staysInProgress("stale", v, "the first process may be alive")
		got := c.ctl.d.Completion("stale", v)
		if len(got.Waiting) != 1 || !got.Waiting[0].Replaced || !got.Waiting[0].Endless || got.Acknowledged != 2 {
			t.Errorf("waiting: %+v", got)
		}
		c.net.setCut("NRT-1", false) // it is told that it was replaced, and ends
		if err := <-far.ended; err == nil {
			t.Error("the first process ended in good order")
		}
		c.completes("stale", v, time.Second)
		if far.d.Entitled() {
			t.Error("the first process may still serve")
		}
		if err := far.d.Close(); err != nil {
			t.Error(err)
		}

		// The second is killed: nothing is given up, and its disk is all that is left.
		c.net.setCut("NRT-1, replaced", true)
		second.stop(t)
		v = c.invalidate("stale")
		c.staysInProgress("stale", v, "killed")
		c.net.setCut("NRT-1, replaced", false)
		third := c.startNode(edgeNode("NRT", 1), other)
		c.completes("stale", v, time.Second)
		for _, n := range []*running[*client.Client]{near, third} {
			n.stop(t)
		}
		c.ctl.stop(t)
	})
}

func TestAStateFolderIsOneProcesss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		first := c.newNode(edgeNode("FRA", 1))
		cfg := client.Config{Node: edgeNode("FRA", 1), Control: []string{testAddress}, Secret: testSecret, DataDir: filepath.Join(c.dir, "FRA-1"), Log: c.log}
		if _, err := client.New(cfg); err == nil {
			t.Error("two processes have one folder")
		}
		for range 2 {
			if err := first.Close(); err != nil {
				t.Error(err)
			}
		}
		second, err := client.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A node from disk that was never level with control in this run is entitled to
// nothing (rule E), and one that registers later holds nothing up until then.
func TestANodeFromDiskIsEntitledToNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, near, far := twoSites(t)
		far.stop(t)
		c.net.setCut("NRT-1", true)
		far = run(t, c.newNode(edgeNode("NRT", 1)))
		pass(time.Minute)
		if far.d.Entitled() || far.d.State().Plans["stale"] == nil {
			t.Error("it may serve what its disk has")
		}
		c.net.setCut("NRT-1", false)
		c.ready(far.d)
		later := c.startNode(edgeNode("IAD", 1))
		c.net.setCut("IAD-1", true)
		v := c.invalidate("stale")
		c.staysInProgress("stale", v, "the node that registered later is cut off")
		c.net.setCut("IAD-1", false)
		c.completes("stale", v, 20*time.Second)
		v = c.propose(cdn.KindDistributionDelete, cdn.Ref{ID: "stale"})
		c.completes("stale", v, time.Second)
		for _, n := range []*running[*client.Client]{near, far, later} {
			n.stop(t)
		}
		c.ctl.stop(t)
	})
}

// What was reported is written before it is reported: a control that is killed at
// any moment has not said what its successor does not know.
func TestAKilledControlTakesNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, near, far := twoSites(t)
		v := c.invalidate("stale")
		c.completes("stale", v, time.Second)
		c.isolated("stale", cdn.Confirm)
		c.isolated("stale", cdn.ServeStale)
		reported := c.ctl.d.CompletedFor("stale")
		image := t.TempDir()
		copyDir(t, filepath.Join(c.dir, "control"), image)
		for _, n := range []*running[*client.Client]{near, far} {
			n.stop(t)
		}
		c.ctl.stop(t)
		if err := os.RemoveAll(filepath.Join(c.dir, "control")); err != nil {
			t.Fatal(err)
		}
		copyDir(t, image, filepath.Join(c.dir, "control"))
		c.startControl()
		if got := c.ctl.d.CompletedFor("stale"); got.Before(reported) {
			t.Errorf("%v is Completed, %v was", got, reported)
		}
		c.ctl.stop(t)
	})
}
