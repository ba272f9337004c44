package control_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/journal"
)

// keeps checks that a node has what it had, has no lease, and says so. It may serve
// without one what is to be served so if it was level with what it has in this run.
func (c *cluster) keeps(node *client.Client, had cdn.Version, level bool) {
	c.t.Helper()
	if got := node.State(); got.Version != had || string(got.Settings["old"]) != `"1"` {
		c.t.Errorf("the node is at %v with %s, it was at %v", got.Version, got.Settings["old"], had)
	}
	if node.Lease().Valid(time.Now()) || node.Entitled() != level {
		c.t.Errorf("the node has a lease of a journal that control does not have, or is entitled to serve without: %v, want %v", node.Entitled(), level)
	}
	err := node.Refusing()
	if !errors.Is(err, client.ErrOtherJournal) || !strings.Contains(err.Error(), "--adopt-journal "+c.ctl.d.Journal()) {
		c.t.Errorf("the node says %v", err)
	}
	s := c.ctl.d.NodeStatus()
	if len(s) != 1 || s[0].Follows == "" || s[0].Follows == c.ctl.d.Journal() || s[0].Acked != had || !s[0].Fenced {
		c.t.Errorf("control says of it %+v", s)
	}
	if _, registered := c.ctl.d.State().Nodes["FRA-1"]; registered {
		c.t.Error("the node is registered in a journal that it does not follow")
	}
}

// lose has control lose files; "" is all of them.
func (c *cluster) lose(name string) {
	c.t.Helper()
	if err := os.RemoveAll(filepath.Join(c.dir, "control", name)); err != nil {
		c.t.Fatal(err)
	}
}

func TestAControlThatHasLostItsJournalTakesNobodyBack(t *testing.T) {
	for name, lost := range map[string]string{"its journal": "journal.db", "everything": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				c.startControl()
				node := c.startNode(edgeNode("FRA", 1))
				had := c.set("old", "1")
				c.settles(journal.Completed, had)
				c.ctl.stop(t)
				backup := t.TempDir()
				copyDir(t, filepath.Join(c.dir, "control"), backup)
				c.lose(lost)
				c.startControl()
				pass(time.Minute)
				c.keeps(node.d, had, true)
				node.stop(t)

				// Started anew it does not wait in vain.
				node = run(t, c.newNode(edgeNode("FRA", 1)))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				if err := node.d.Ready(ctx); !errors.Is(err, client.ErrOtherJournal) || time.Since(began) > 10*time.Second {
					t.Errorf("ready after %v: %v", time.Since(began), err)
				}
				c.keeps(node.d, had, false)

				// The backup is found.
				c.ctl.stop(t)
				copyDir(t, backup, filepath.Join(c.dir, "control"))
				c.startControl()
				until(t, time.Minute, "lease", func() bool { return node.d.Lease().Valid(time.Now()) })
				if err := node.d.Refusing(); err != nil || string(node.d.State().Settings["old"]) != `"1"` {
					t.Errorf("with the backup: %v, %v", err, node.d.State().Settings)
				}
				if s := c.ctl.d.NodeStatus(); len(s) != 1 || s[0].Follows != "" {
					t.Errorf("control says %+v", s)
				}
				node.stop(t)
				c.ctl.stop(t)
			})
		})
	}
}

func TestANodeAdoptsTheJournalThatItIsToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		f := &folder{disk: journal.Disk{Folder: "f"}}
		start := func(adopt string) *running[*client.Client] {
			n := c.newNode(edgeNode("FRA", 1), func(cfg *client.Config) { cfg.Adopt, cfg.Disk = adopt, f })
			f.leased = func() bool { return n.Lease().Valid(time.Now()) }
			return run(t, n)
		}
		node := start("")
		c.ready(node.d)
		had := c.set("old", "1")
		for range 5 {
			had = c.set("old", "1")
		}
		c.settles(journal.Completed, had)
		node.stop(t)
		c.ctl.stop(t)
		c.lose("journal.db")
		c.startControl(func(cfg *control.Config) { cfg.CompactAfter = 5 })

		node = start("the wrong one")
		pass(time.Minute)
		c.keeps(node.d, had, false)
		node.stop(t)

		// The new journal goes on as far as the old one was, and beyond: versions of the
		// two look alike.
		for c.ctl.d.Head().Number <= had.Number {
			c.set("new", "1")
		}
		adopted := c.ctl.d.Journal()
		node = start(adopted)
		c.ready(node.d)
		if got := node.d.State(); got.Version != c.ctl.d.Head() || got.Settings["old"] != nil || string(got.Settings["new"]) != `"1"` {
			t.Errorf("the node is at %v with %v", got.Version, got.Settings)
		}
		if f.journal != adopted || f.late {
			t.Errorf("what is stored is taken to be of %q, told late: %v", f.journal, f.late)
		}
		c.settles(journal.Completed, c.set("new", "2"))
		node.stop(t)

		// The flag was for that journal and is for no other.
		c.ctl.stop(t)
		c.lose("journal.db")
		c.startControl()
		node = start(adopted)
		pass(time.Minute)
		if err := node.d.Refusing(); !errors.Is(err, client.ErrOtherJournal) || node.d.State().Settings["new"] == nil {
			t.Errorf("when control lost its journal again: %v, the node holds %v", err, node.d.State().Settings)
		}
		node.stop(t)
		c.ctl.stop(t)
	})
}

// A process that runs has served by what it has: it does not adopt another journal
// in the middle of its life, whatever it was started with.
func TestANodeThatRunsAdoptsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		name := c.ctl.d.Journal()
		c.ctl.stop(t)
		first := t.TempDir()
		copyDir(t, filepath.Join(c.dir, "control"), first)
		c.lose("journal.db")
		c.startControl()
		node := c.startNode(edgeNode("FRA", 1), func(cfg *client.Config) { cfg.Adopt = name })
		had := c.set("old", "1")
		c.settles(journal.Completed, had)
		c.ctl.stop(t)
		copyDir(t, first, filepath.Join(c.dir, "control"))
		c.startControl()
		pass(time.Minute)
		c.keeps(node.d, had, true)
		node.stop(t)
		c.ctl.stop(t)
	})
}
