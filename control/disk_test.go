package control_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/journal"
)

// folder stands for where a node keeps objects.
type folder struct {
	mu      sync.Mutex
	disk    journal.Disk
	journal string
	known   journal.Disk
	joined  int
	// leased is set if the node had a lease before the folder knew that it has joined.
	leased func() bool
	late   bool
}

func (f *folder) Disk() journal.Disk {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.disk
}

func (f *folder) Joined(name string, known journal.Disk, _ bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late = f.late || f.leased()
	f.journal, f.known, f.joined = name, known, f.joined+1
	f.disk.Mark = max(f.disk.Mark, known.Mark) + 1
	return nil
}

func (f *folder) raise() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.disk.Mark++
}

// TestControlRemembersANodesDisk: as it was last told, over restarts of both; and the
// node learns of it before it may serve.
func TestControlRemembersANodesDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		f := &folder{disk: journal.Disk{Folder: "f"}}
		start := func() *running[*client.Client] {
			n := c.newNode(edgeNode("FRA", 1), func(cfg *client.Config) { cfg.Disk = f })
			f.leased = func() bool { return n.Lease().Valid(time.Now()) }
			r := run(t, n)
			c.ready(n)
			return r
		}
		check := func(when string, want journal.Disk) {
			t.Helper()
			if f.known != want || f.late || f.journal == "" {
				t.Errorf("%s: control knows %v, want %v; told late: %v; journal %q", when, f.known, want, f.late, f.journal)
			}
		}
		node := start()
		check("the first time", journal.Disk{})
		f.raise()
		pass(journal.HostTerms().Renewal() * 2)
		c.ctl.stop(t)
		c.startControl()
		f.raise() // told with the goodbye
		told := f.Disk()
		node.stop(t)
		if node.d.Journal() != f.journal {
			t.Errorf("the node follows %q, the folder is of %q", node.d.Journal(), f.journal)
		}

		f.disk.Mark = 0 // put back
		node = start()
		check("put back", told)
		pass(journal.HostTerms().Renewal() * 2)
		told = f.Disk()
		c.ctl.stop(t)
		c.startControl()
		node.stop(t)
		f.disk = journal.Disk{Folder: "another"}
		node = start()
		check("another folder", told)
		told = f.Disk()
		node.stop(t)
		c.ctl.stop(t)
		c.startControl()
		node = start()
		check("as it was left", told)
		if joined := f.joined; joined != 4 {
			t.Errorf("joined %d times", joined)
		}
		node.stop(t)
		c.ctl.stop(t)
	})
}
