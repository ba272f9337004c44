package control

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/journal"
)

// CompletedFor returns the version up to which invalidations of a distribution are
// Completed. It never goes back, whatever the distribution's setting becomes, not
// even when control is restarted.
func (c *Control) CompletedFor(distribution string) cdn.Version {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.completedFor(distribution)
}

func (c *Control) completedFor(distribution string) cdn.Version {
	return c.apart.Completed(distribution, c.settled[journal.Completed])
}

// part notes the distributions that go apart with the changes up to state, before
// any node can have heard of them. Held: mu.
func (c *Control) part(state *cdn.State) {
	c.apart = c.apart.Begun(state.Isolations(), c.settled[journal.Completed])
}

// loadApart reads what was reported. A distribution that went apart just before
// the end was not written down as such: until then it was like any other, for what
// goes apart is written before anything more is reported.
func (c *Control) loadApart(state *cdn.State) error {
	c.apart = journal.Parts{}
	err := c.value(metaApart, &c.apart)
	if err == nil {
		c.part(state)
	}
	return err
}

// incarnations are what control remembers of a node's processes.
type incarnations struct {
	Last uint64 `json:"last"`
	// Alive are those that were not seen to end, oldest first.
	Alive []uint64 `json:"alive"`
	// Disk is the last that the node told of its disk.
	Disk journal.Disk `json:"disk,omitzero"`
}

// readIncarnations reads the form of before, a number, too.
func readIncarnations(doc []byte) incarnations {
	var in incarnations
	if doc != nil && json.Unmarshal(doc, &in) != nil && json.Unmarshal(doc, &in.Last) == nil {
		in.Alive = []uint64{in.Last}
	}
	return in
}

// recall tells the ledger of the processes that earlier runs let join.
func (c *Control) recall() error {
	all, err := c.store.All(store.Incarnations)
	for id, doc := range all {
		in := readIncarnations(doc)
		c.ledger.Recall(id, in.Last, in.Alive)
		c.disks[id] = in.Disk
	}
	return err
}

// remember writes down which processes of a node may be alive, and how far its disk
// is. Held: joining.
func (c *Control) remember(id string, last uint64, disk journal.Disk) error {
	c.mu.Lock()
	if c.ledger == nil {
		c.mu.Unlock()
		return ErrClosed
	}
	in := incarnations{Last: last, Alive: c.ledger.Processes(id), Disk: disk}
	c.mu.Unlock()
	doc, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if err := c.store.Put(store.Incarnations, id, doc); err != nil {
		return err
	}
	c.mu.Lock()
	c.disks[id] = disk
	c.mu.Unlock()
	return nil
}

// note writes down what a lease call has said for good: that a process of a node has
// ended, or how far the node's disk is. Should that fail, a later run waits for the
// process until the node is forgotten, or does not notice that the disk is put back:
// so it is logged, and the node is answered.
func (c *Control) note(id string, r journal.LeaseRequest) {
	c.mu.Lock()
	follows := r.Disk.Follows(c.disks[id])
	c.mu.Unlock()
	if !follows && !r.Release {
		return
	}
	c.joining.Lock()
	defer c.joining.Unlock()
	doc, err := c.store.Get(store.Incarnations, id)
	if err == nil {
		known := readIncarnations(doc)
		if r.Disk.Follows(known.Disk) {
			known.Disk = r.Disk
		}
		err = c.remember(id, known.Last, known.Disk)
	}
	if err != nil {
		c.log.Error("what a node has told is not written down", "node", id, "ended", r.Release, "error", err)
	}
}

// Completion is how far a version is from being Completed for a distribution.
type Completion struct {
	Completed bool
	// Edges are how many are registered, Acknowledged how many of them have
	// acknowledged the version, Fenced those that have not and are not waited for:
	// they hold no lease and serve nothing the origin has not confirmed.
	Edges, Acknowledged int
	Fenced              []string
	Waiting             []journal.Wait
	// Quiet is for how long a control that has started waits for the leases of the
	// run before.
	Quiet time.Duration
}

// Completion returns how far version v is for a distribution.
func (c *Control) Completion(distribution string, v cdn.Version) Completion {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.State()
	p := Completion{Completed: !c.completedFor(distribution).Before(v)}
	if c.ledger == nil {
		return p
	}
	now := c.now()
	if !p.Completed {
		var i cdn.Isolation
		if c.apart[distribution].Apart {
			i = state.Isolations()[distribution]
		}
		p.Waiting, p.Quiet = c.ledger.Waiting(journal.Completed, i, v, now), c.ledger.Quiet(now)
	}
	for _, id := range slices.Sorted(maps.Keys(state.Nodes)) {
		if state.Nodes[id].Role != cdn.RoleEdge {
			continue
		}
		p.Edges++
		if !c.ledger.Standing(id, now).Acked.Before(v) {
			p.Acknowledged++
		} else if !slices.ContainsFunc(p.Waiting, func(w journal.Wait) bool { return w.Node == id }) {
			p.Fenced = append(p.Fenced, id)
		}
	}
	return p
}
