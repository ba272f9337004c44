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
	apart        journal.Parts
	incarnations map[string]incarnations
}

// incarnations are what control remembers of a node's processes: the last, and those
// that were not seen to end.
type incarnations struct {
	last  uint64
	alive []uint64
}

func (s *store) clone() *store {
	c := *s
	c.incarnations = maps.Clone(s.incarnations) // and not what was journalled: a lost run's versions are not given again
	return &c
}

// fold is what the journal says.
func (s *store) fold() (*cdn.State, error) {
	state, err := cdn.Restore(s.base)
	for err == nil && state.Version != s.head {
		state, err = state.Apply(*s.changes[state.Version.Next()])
	}
	return state, err
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
	// apart is what was reported of distributions that complete otherwise, recorded
	// how that was written down last.
	apart, recorded journal.Parts
	streams         []*stream
	// mark and since are what a standby has seen of the leader.
	mark                       int64
	since                      time.Duration
	writing, settling, joining bool
	// cut is until when the store is out of reach.
	cut time.Duration
	// looking is when the next lease ends that is waited for.
	looking time.Duration
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

// write changes the store, if the control leads, and tells the control so. A write
// is of one reign, however long the store is out of reach.
func (c *control) write(change func(*store), then func(written bool)) {
	c.writeAs(c.run, c.w.store, change, then)
}

func (c *control) writeAs(run uint64, asked *store, change func(*store), then func(written bool)) {
	w := c.w
	if c.cut > w.now { // the call hangs
		w.after(&c.machine, c.cut-w.now, func() { c.writeAs(run, asked, change, then) })
		return
	}
	w.after(nil, w.between(0, 5*time.Millisecond)+w.gap(), func() {
		leads := w.store == asked && asked.leader == run
		if leads {
			change(w.store)
		}
		w.after(&c.machine, w.between(0, 5*time.Millisecond)+w.gap(), func() { then(leads) })
	})
}

// watch has a standby look at the leader, and take its place if it does not renew.
func (c *control) watch() {
	w := c.w
	w.after(&c.machine, max(300*time.Millisecond, c.cut-w.now)+w.gap(), func() {
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
	state, err := w.store.fold()
	if err != nil {
		w.violated(Works, "the journal cannot be folded: %v", err)
		return
	}
	c.state, c.settled = state, w.store.settled
	c.apart = w.store.apart.Begun(state.Isolations(), c.settled)
	c.recorded = nil
	wait := time.Duration(0)
	if w.store.granted {
		wait = terms().Held()
	}
	w.store.granted = true
	c.ledger = journal.NewLedger(terms(), journal.Term{Epoch: state.Version.Epoch, Run: c.run}, state.Version,
		map[journal.Scope]cdn.Version{journal.Completed: c.settled}, wait, c.clock())
	c.ledger.Register(state.Nodes)
	for id, in := range w.store.incarnations {
		c.ledger.Recall(id, in.last, in.alive)
	}
	c.leads, c.looking = true, 0
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

// stepDown makes a control a standby that has learnt that another leads.
func (c *control) stepDown() {
	if !c.leads {
		return
	}
	c.w.tell(c.name, "leads no more")
	c.leads, c.ledger, c.writing, c.settling, c.joining, c.mark = false, nil, false, false, false, -1
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

// propose adds a change to the journal, if the control leads and writes no other.
// Durable is told of it when it is written, then when the control knows.
func (c *control) propose(kind cdn.Kind, body any, durable func(cdn.Version), then func()) {
	w := c.w
	if !c.leads || c.writing {
		return
	}
	change, err := cdn.NewChange(kind, body, time.Unix(0, 0))
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
		durable(change.Version)
	}, func(written bool) {
		c.writing = false
		if !written || !c.leads {
			c.stepDown()
			return
		}
		c.publish(change, next)
		then()
		c.settle()
	})
}

// publish is control.publish.
func (c *control) publish(change cdn.Change, next *cdn.State) {
	c.apart = c.apart.Begun(next.Isolations(), c.settled)
	c.state = next
	c.ledger.Appended(next.Version, c.clock())
	c.ledger.Register(next.Nodes)
	c.broadcast(journal.Frame{Change: &change})
}

// invalidate takes a request of the API.
func (c *control) invalidate(distribution string, paths []string) {
	c.propose(cdn.KindInvalidation, cdn.Invalidation{ID: "I", Distribution: distribution, Paths: paths},
		func(v cdn.Version) { c.w.made(v, distribution, paths) }, func() {})
}

// update takes a distribution's new configuration: another origin, or the other
// setting for nodes without a lease.
func (c *control) update(distribution string, move bool) {
	w := c.w
	if !c.leads || c.writing {
		return
	}
	plan := c.state.Plans[distribution]
	to, when := originOf(plan), plan.WhenIsolated
	if move {
		to = w.origin.named
		w.origin.named++
	} else {
		when = cdn.ServeStale - when
	}
	c.propose(cdn.KindDistributionPut, put(distribution, to, when), func(v cdn.Version) {
		w.tell("store", "%v gives %s the origin %d, and %v without a lease", v, distribution, to, when)
		if move {
			w.Moves++
			w.moved(distribution, to)
		}
	}, func() {})
}

// forget takes a node out of the registry.
func (c *control) forget(id string) {
	if !c.leads || !c.knows(id) {
		return
	}
	if c.writing { // it waits for its turn
		c.w.after(&c.machine, 5*time.Millisecond, func() { c.forget(id) })
		return
	}
	c.propose(cdn.KindNodeForget, cdn.Ref{ID: id}, func(v cdn.Version) { c.w.tell("store", "%v forgets %s", v, id) },
		func() { c.remember(id, func(bool) {}) })
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

// settle is control.settleOnce: what has settled is written down first.
func (c *control) settle() {
	now := c.clock()
	if c.settling || !c.mayLead(now) {
		return
	}
	next := c.ledger.Settled(journal.Completed, now)
	apart := c.apart.Settled(c.state.Isolations(), c.ledger, now)
	c.ledger.Sweep(now)
	changed, parted := next != c.settled, !maps.Equal(apart, c.recorded)
	if !changed && !parted {
		c.lookAgain(now)
		return
	}
	c.settling = true
	ended := func(then func()) func(bool) {
		return func(written bool) {
			if !written || !c.leads {
				c.settling = false
				c.stepDown()
				return
			}
			then()
		}
	}
	report := func() {
		c.settling = false
		c.settled, c.recorded = next, apart
		c.apart = c.apart.Reported(c.state.Isolations(), apart)
		c.report()
		c.settle()
	}
	settled := func() {
		if !changed {
			report()
			return
		}
		c.write(func(s *store) { s.settled = next }, ended(report))
	}
	if !parted {
		settled()
		return
	}
	c.write(func(s *store) { s.apart = apart }, ended(settled))
}

// report tells whoever asks. A leader that was replaced and does not know it tells
// what it has written down, and is behind perhaps.
func (c *control) report() {
	for _, id := range distributions {
		v := c.apart.Completed(id, c.settled)
		if c.w.store.leader == c.run || c.w.check.completed[id].Before(v) {
			c.w.reported(id, v)
		}
	}
}

// lookAgain settles when the next lease has ended.
func (c *control) lookAgain(now journal.Instant) {
	w := c.w
	wait, found := c.ledger.NextEnd(now)
	if !found {
		return
	}
	wait = time.Duration(float64(wait)/c.rate) + 1
	at := w.now + wait
	if c.looking > w.now && c.looking <= at {
		return
	}
	c.looking = at
	ledger := c.ledger
	w.after(&c.machine, wait, func() {
		if c.ledger == ledger && c.looking == at {
			c.looking = 0
			c.settle()
		}
	})
}

// lease answers a lease call.
func (c *control) lease(id string, r journal.LeaseRequest) (journal.LeaseAnswer, error) {
	now := c.clock()
	if !c.mayLead(now) {
		return journal.LeaseAnswer{}, errNotLeader
	}
	if !c.outrun(r.Applied, r.Seen) {
		return journal.LeaseAnswer{}, errNotLeader
	}
	a, err := c.ledger.Lease(id, r, now)
	c.settle()
	if r.Release && c.leads {
		c.remember(id, func(bool) {})
	}
	return a, err
}

// outrun begins a new epoch if a node is ahead of the journal. It reports whether the
// control leads, and can tell: who calls while it writes calls again.
func (c *control) outrun(applied cdn.Version, seen journal.Term) bool {
	if c.leads && (c.state.Version.Before(applied) || c.ledger.Term().Before(seen)) {
		if c.writing {
			return false
		}
		c.beginEpoch(max(applied.Epoch, seen.Epoch))
	}
	return c.leads
}

// knows reports whether a node is registered.
func (c *control) knows(id string) bool {
	_, known := c.state.Nodes[id]
	return known
}

// join admits a node: answer is called once its incarnation is written down, or
// with 0 if it cannot be.
func (c *control) join(id string, last uint64, answer func(incarnation uint64)) {
	switch {
	case !c.leads:
		answer(0)
	case c.writing || c.joining: // it waits for its turn
		c.w.after(&c.machine, 5*time.Millisecond, func() { c.join(id, last, answer) })
	case !c.knows(id):
		c.propose(cdn.KindNodeRegister, cdn.Node{ID: id, Role: cdn.RoleEdge, POP: "FRA", K: 1}, func(cdn.Version) {},
			func() { c.join(id, last, answer) })
	default:
		incarnation, _ := c.ledger.Join(id, last, c.w.store.incarnations[id].last)
		c.remember(id, func(written bool) {
			if !written {
				incarnation = 0
			}
			answer(incarnation)
		})
	}
}

// remember writes down which processes of a node may be alive, as control.remember
// does: one write at a time.
func (c *control) remember(id string, then func(written bool)) {
	w := c.w
	if c.joining {
		w.after(&c.machine, 5*time.Millisecond, func() {
			if c.leads {
				c.remember(id, then)
			}
		})
		return
	}
	c.joining = true
	in := incarnations{c.ledger.Standing(id, c.clock()).Incarnation, c.ledger.Processes(id)}
	c.write(func(s *store) { s.incarnations[id] = in }, func(written bool) {
		c.joining = false
		then(written)
	})
}
