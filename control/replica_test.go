package control_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/journal"
)

// leads waits until a member leads.
func (c *cluster) leads(m *member, most time.Duration) *control.Control {
	c.t.Helper()
	until(c.t, most, "leader "+m.address, func() bool { return m.core.Load() != nil })
	return m.core.Load()
}

// at makes a node call these members, in this order.
func at(members ...*member) func(*client.Config) {
	return func(cfg *client.Config) {
		cfg.Control = nil
		for _, m := range members {
			cfg.Control = append(cfg.Control, m.address)
		}
	}
}

func (c *cluster) proposeAt(core *control.Control, name string) cdn.Version {
	c.t.Helper()
	v, err := core.Propose(c.t.Context(), setting(name, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

func completes(core *control.Control, v cdn.Version) func() bool {
	return func() bool { return !core.Settled(journal.Completed).Before(v) }
}

func TestAnotherControlTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		s := newSharedStore(t)
		a := c.startMember(s, "control-1")
		first := c.leads(a, time.Second)
		b := c.startMember(s, "control-2")
		// A node that is told of the one that stands by first finds the other.
		node := c.startNode(edgeNode("FRA", 1), at(b, a))
		one := c.proposeAt(first, "one")
		until(t, time.Second, "completion", completes(first, one))
		if l := b.leader.Load(); l == nil || l.ID != "control-1" || l.API != "http://control-1" {
			t.Errorf("the other sees %+v lead", l)
		}

		ended := time.Now()
		a.running.stop(t)
		second := c.leads(b, 3*time.Second)
		t.Logf("after a resignation another led within %v", time.Since(ended))
		if got := second.Settled(journal.Completed); got.Before(one) {
			t.Errorf("%v is settled, %v was reported", got, one)
		}
		two := c.proposeAt(second, "two")
		if two != one.Next() {
			t.Errorf("%v follows %v", two, one)
		}
		// Rule G, for the leases that the other has granted.
		if pass(journal.LabTerms().Length / 2); second.Settled(journal.Completed) == two {
			t.Error("settled before a lease of the other's can have ended")
		}
		until(t, journal.LabTerms().Held(), "completion", completes(second, two))
		if !node.d.Lease().Valid(time.Now()) || node.d.State().Version != two {
			t.Errorf("the node is at %v", node.d.State().Version)
		}

		a = c.startMember(s, "control-1")
		pass(time.Minute)
		if a.core.Load() != nil || b.core.Load() != second {
			t.Error("the leader has changed without a reason")
		}
		node.stop(t)
		b.running.stop(t)
		a.running.stop(t)
	})
}

// TestALeaderThatWasPausedGrantsNothing is rule N: a leader that nobody renews, as
// it is while its process is paused, and whose place another has taken, grants no
// lease, though it does not know of the other; or a node that calls it serves what
// the other has reported as Completed.
func TestALeaderThatWasPausedGrantsNothing(t *testing.T) {
	for name, unfounded := range map[string]bool{"the rule": false, "without it": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				s := newSharedStore(t)
				a := c.startMember(s, "control-1", func(r *control.Replica) {
					if unfounded {
						r.Unfounded()
					}
				})
				old := c.leads(a, time.Second)
				b := c.startMember(s, "control-2")
				node := c.startNode(edgeNode("FRA", 1), at(a))
				until(t, time.Second, "completion", completes(old, c.proposeAt(old, "one")))

				a.hold(false)
				fresh := c.leads(b, journal.LabTerms().Length)
				v := c.proposeAt(fresh, "two")
				until(t, journal.LabTerms().Held()+time.Second, "completion", completes(fresh, v))
				serves := node.d.Lease().Valid(time.Now()) && node.d.State().Version != v
				if serves != unfounded {
					t.Errorf("the node may serve by %v while %v is Completed: %v", node.d.State().Version, v, serves)
				}
				a.letGo()
				node.stop(t)
				a.running.stop(t)
				b.running.stop(t)
			})
		})
	}
}

// TestWhatAnOldLeaderWritesLateIsRefused lets an append and a report of an old
// leader arrive when another leads.
func TestWhatAnOldLeaderWritesLateIsRefused(t *testing.T) {
	for name, careless := range map[string]bool{"the rule": false, "without it": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				s := newSharedStore(t)
				s.careless = careless
				a := c.startMember(s, "control-1")
				old := c.leads(a, time.Second)
				b := c.startMember(s, "control-2")
				node := c.startNode(edgeNode("FRA", 1), at(a))
				until(t, time.Second, "completion", completes(old, c.proposeAt(old, "one")))

				a.hold(true)
				reported := c.proposeAt(old, "two") // its report is under way
				pass(100 * time.Millisecond)
				if old.Settled(journal.Completed) == reported {
					t.Fatal("reported before it was written down")
				}
				node.stop(t)
				fresh := c.leads(b, journal.LabTerms().Length)
				a.letGo()
				pass(10 * time.Millisecond)
				if got := old.Settled(journal.Completed) == reported; got != careless {
					t.Errorf("the old leader reports %v: %v", reported, got)
				}
				if !careless {
					until(t, 5*time.Second, "end of the old reign", func() bool { return a.core.Load() == nil })
				}
				until(t, journal.LabTerms().Held()+time.Second, "completion", completes(fresh, reported))
				b.running.stop(t)
				a.running.stop(t)
			})
		})
	}
}

func TestALateAppendIsRefused(t *testing.T) {
	for name, careless := range map[string]bool{"the rule": false, "without it": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				s := newSharedStore(t)
				s.careless = careless
				a := c.startMember(s, "control-1")
				old := c.leads(a, time.Second)
				b := c.startMember(s, "control-2")
				one := c.proposeAt(old, "one")

				a.hold(false)
				late := make(chan error, 1)
				go func() {
					_, err := old.Propose(t.Context(), setting("late", "late"))
					late <- err
				}()
				fresh := c.leads(b, journal.LabTerms().Length)
				a.letGo()
				if err := <-late; (err == nil) != careless {
					t.Errorf("the old leader's append: %v", err)
				}
				v, err := fresh.Propose(t.Context(), setting("two", "two"))
				if (err == nil && v == one.Next()) == careless {
					t.Errorf("the new leader's append: %v, %v", v, err)
				}
				a.running.stop(t)
				b.running.stop(t)
			})
		})
	}
}

func TestAControlOutOfReachOfTheStoreLeadsOnWhenItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		s := newSharedStore(t)
		a := c.startMember(s, "control-1")
		core := c.leads(a, time.Second)
		node := c.startNode(edgeNode("FRA", 1), at(a))
		one := c.proposeAt(core, "one")
		until(t, time.Second, "completion", completes(core, one))

		a.hold(false)
		until(t, 2*journal.LabTerms().Held(), "end of the node's lease", func() bool { return !node.d.Lease().Valid(time.Now()) })
		a.letGo()
		until(t, 5*time.Second, "lease", func() bool { return node.d.Lease().Valid(time.Now()) })
		if a.core.Load() != core {
			t.Error("nobody else led, and the reign ended")
		}
		until(t, time.Second, "completion", completes(core, c.proposeAt(core, "two")))
		node.stop(t)
		a.running.stop(t)
		if l, err := a.Leader(t.Context()); err != nil || l.Mark != 0 || l == (store.Leader{}) {
			t.Errorf("after the end there leads %+v, %v", l, err)
		}
	})
}
