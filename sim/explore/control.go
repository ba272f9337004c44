package explore

import (
	"maps"
	"strconv"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal"
)

// store is what controls keep and share: it outlasts them.
type store struct {
	changes map[cdn.Version]*cdn.Change
	head    cdn.Version
	base    cdn.Snapshot // the changes up to it are compacted away
	// leader is the run that leads, and mark changes with each of its renewals.
	leader uint64
	mark   int64
	// granted says that leases may be running.
	granted bool
	// untold is set on a backup that was put back until a control has begun a new
	// epoch with it: whoever put it back starts control with that order till then.
	untold       bool
	settled      cdn.Version
	incarnations map[string]uint64
}

func (s *store) clone() *store {
	c := *s
	c.incarnations = maps.Clone(s.incarnations)
	return &c
}

// terms are those of all leases in a world.
func terms() journal.Terms { return journal.LabTerms() }

// reign is by which a leader holds its place: half a lease.
func reign() journal.Terms { return journal.Terms{Length: terms().Length / 2, Margin: terms().Margin} }

// kept is how many invalidations a snapshot keeps one by one.
const kept = 2

// control is one process of control.
type control struct {
	machine
	leads   bool
	run     uint64
	ledger  *journal.Ledger
	state   *cdn.State
	reign   journal.Lease
	settled cdn.Version
	streams []*stream
	// mark and since are what a standby has seen of the leader.
	mark              int64
	since             time.Duration
	writing, settling bool
}

// startControl starts the process of a place.
func (w *world) startControl(place int) {
	c := &control{machine: w.newMachine("control"+strconv.Itoa(place+1), placeControls+place), mark: -1}
	w.controls[place] = c
	if len(w.controls) == 1 {
		c.take()
		return
	}
	c.watch()
}

// write changes the store, if the control leads, and tells the control so.
func (c *control) write(change func(*store), then func(written bool)) {
	w, asked := c.w, c.w.store
	w.after(nil, w.between(0, 5*time.Millisecond)+w.gap(), func() {
		leads := w.store == asked && asked.leader == c.run
		if leads {
			change(w.store)
		}
		w.after(&c.machine, w.between(0, 5*time.Millisecond)+w.gap(), func() { then(leads) })
	})
}

// watch has a standby look at the leader, and take its place if it does not renew.
func (c *control) watch() {
	w := c.w
	w.after(&c.machine, 300*time.Millisecond+w.gap(), func() {
		mark := w.store.mark
		w.after(&c.machine, w.between(0, 5*time.Millisecond)+w.gap(), func() {
			now := c.clock().Mono
			if c.mark != mark {
				c.mark, c.since = mark, now
			}
			if now-c.since >= reign().Held() || !w.store.granted && w.store.leader == 0 {
				c.take()
				return
			}
			c.watch()
		})
	})
}

// take makes a control the leader, unless another was faster.
func (c *control) take() {
	w := c.w
	sent := c.clock()
	mark, asked := c.mark, w.store
	w.after(nil, w.between(0, 5*time.Millisecond)+w.gap(), func() {
		taken := w.store == asked && (mark < 0 || w.store.mark == mark)
		if taken {
			w.store.leader++
			w.store.mark++
			c.run = w.store.leader
			w.Leaders++
		}
		w.after(&c.machine, w.between(0, 5*time.Millisecond)+w.gap(), func() {
			if !taken {
				c.watch()
				return
			}
			c.reign = journal.Grant(sent, reign())
			c.lead()
		})
	})
}

// lead loads the journal and begins to serve.
func (c *control) lead() {
	w := c.w
	if w.store.leader != c.run {
		c.watch()
		return
	}
	state, err := cdn.Restore(w.store.base)
	for err == nil && state.Version != w.store.head {
		state, err = state.Apply(*w.store.changes[state.Version.Next()])
	}
	if err != nil {
		w.violated(Works, "the journal cannot be folded: %v", err)
		return
	}
	c.state, c.settled = state, w.store.settled
	wait := time.Duration(0)
	if w.store.granted {
		wait = terms().Held()
	}
	w.store.granted = true
	c.ledger = journal.NewLedger(terms(), journal.Term{Epoch: state.Version.Epoch, Run: c.run}, state.Version,
		map[journal.Scope]cdn.Version{journal.Completed: c.settled}, wait, c.clock())
	registered := map[string]cdn.Node{}
	for _, n := range w.nodes {
		registered[n.id] = cdn.Node{ID: n.id, Role: cdn.RoleEdge}
	}
	c.ledger.Register(registered)
	c.leads = true
	w.tell(c.name, "leads as run %d from %v", c.run, state.Version)
	if w.store.untold {
		c.beginEpoch(state.Version.Epoch)
	}
	if len(w.controls) > 1 {
		c.renew()
	}
	c.settle()
}

// mayLead reports whether the control may grant and settle now. One that has its
// store for itself always may.
func (c *control) mayLead(now journal.Instant) bool {
	return c.leads && (len(c.w.controls) == 1 || journal.MayGrant(c.reign, now))
}

// renew renews the control's place.
func (c *control) renew() {
	w := c.w
	if !c.leads {
		return
	}
	sent := c.clock()
	c.write(func(s *store) { s.mark++ }, func(written bool) {
		if !written {
			c.stepDown()
			return
		}
		c.reign = journal.Grant(sent, reign())
	})
	w.after(&c.machine, reign().Renewal(), c.renew)
}

// stepDown makes a control a standby that has learnt that another leads. A control
// that breaks rule N does not learn it.
func (c *control) stepDown() {
	if !c.leads || broken('N') {
		return
	}
	c.w.tell(c.name, "leads no more")
	c.leads, c.ledger, c.writing, c.settling, c.mark = false, nil, false, false, -1
	c.endStreams()
	c.watch()
}

func (c *control) endStreams() {
	for _, s := range c.streams {
		s.end()
	}
	c.streams = nil
}

// beginEpoch begins a new epoch, as control.beginEpoch does.
func (c *control) beginEpoch(over uint64) {
	w := c.w
	snap, err := c.state.Snapshot()
	if err != nil {
		w.violated(Works, "no snapshot: %v", err)
		return
	}
	snap.Version = cdn.Version{Epoch: journal.NextEpoch(max(over, snap.Version.Epoch), time.UnixMilli(w.now.Milliseconds()))}
	state, err := cdn.Restore(snap)
	if err != nil || w.store.leader != c.run {
		c.stepDown()
		return
	}
	w.store.base, w.store.head, w.store.untold = snap, snap.Version, false
	c.state = state
	c.ledger.Restarted(snap.Version, c.clock())
	w.Epochs++
	w.tell(c.name, "begins epoch %v", snap.Version)
	c.broadcast(journal.Frame{Snapshot: &snap})
}

// invalidate takes a request of the API.
func (c *control) invalidate(paths []string) {
	w := c.w
	if !c.leads || c.writing {
		return
	}
	change, err := cdn.NewChange(cdn.KindInvalidation, cdn.Invalidation{ID: "I", Distribution: distribution, Paths: paths}, time.Unix(0, 0))
	if err != nil {
		w.violated(Works, "no change: %v", err)
		return
	}
	change.Version = c.state.Version.Next()
	next, err := c.state.Apply(change)
	if err != nil {
		w.violated(Works, "the change cannot be applied: %v", err)
		return
	}
	c.writing = true
	c.write(func(s *store) {
		if s.changes[change.Version] != nil || s.head.Next() != change.Version {
			w.violated(Once, "version %v is given twice, or out of order: the journal ends at %v", change.Version, s.head)
		}
		s.changes[change.Version], s.head = &change, change.Version
		w.made(change.Version, paths)
		w.tell("store", "%v invalidates %v, when the origin had %v", change.Version, paths, w.origin.versions)
	}, func(written bool) {
		c.writing = false
		if !written || !c.leads {
			c.stepDown()
			return
		}
		if next.Version.Epoch != c.state.Version.Epoch {
			return
		}
		c.state = next
		c.ledger.Appended(next.Version, c.clock())
		c.broadcast(journal.Frame{Change: &change})
		c.settle()
	})
}

// compact drops the changes up to the head.
func (c *control) compact() {
	if !c.leads || c.writing {
		return
	}
	snap, err := c.state.SnapshotKeeping(kept)
	if err != nil {
		return
	}
	c.write(func(s *store) {
		if s.head.Epoch == snap.Version.Epoch && s.base.Version.Before(snap.Version) {
			s.base = snap
			c.w.Compactions++
		}
	}, func(bool) {})
}

// settle reports what has settled: written down first.
func (c *control) settle() {
	w := c.w
	now := c.clock()
	if c.settling || !c.mayLead(now) {
		return
	}
	next := c.ledger.Settled(journal.Completed, now)
	c.ledger.Sweep(now)
	if next == c.settled {
		if wait, found := c.ledger.NextEnd(now); found {
			ledger := c.ledger
			w.after(&c.machine, time.Duration(float64(wait)/c.rate)+1, func() {
				if c.ledger == ledger && c.ledger.Settled(journal.Completed, c.clock()) != c.settled {
					c.settle()
				}
			})
		}
		return
	}
	c.settling = true
	c.write(func(s *store) {
		s.settled = next
		w.reported(next)
	}, func(written bool) {
		c.settling = false
		if !written || !c.leads {
			c.stepDown()
			return
		}
		c.settled = next
		c.settle()
	})
}

// lease answers a lease call.
func (c *control) lease(id string, r journal.LeaseRequest) (journal.LeaseAnswer, error) {
	now := c.clock()
	if !c.mayLead(now) {
		return journal.LeaseAnswer{}, errNotLeader
	}
	c.outrun(r.Applied, r.Seen)
	if !c.leads {
		return journal.LeaseAnswer{}, errNotLeader
	}
	a, err := c.ledger.Lease(id, r, now)
	c.settle()
	return a, err
}

// outrun begins a new epoch if a node is ahead of the journal.
func (c *control) outrun(applied cdn.Version, seen journal.Term) {
	if c.state.Version.Before(applied) || c.ledger.Term().Before(seen) {
		c.beginEpoch(max(applied.Epoch, seen.Epoch))
	}
}

// join admits a node; it is answered once its incarnation is written down.
func (c *control) join(id string, last uint64, answer func(incarnation uint64)) {
	if !c.leads {
		return
	}
	incarnation, _ := c.ledger.Join(id, last, c.w.store.incarnations[id])
	c.write(func(s *store) { s.incarnations[id] = incarnation }, func(written bool) {
		if written {
			answer(incarnation)
		}
	})
}
