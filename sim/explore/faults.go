package explore

import (
	"slices"
	"time"

	"github.com/warmfront/warmfront/journal"
)

// fault is one thing that goes wrong.
type fault struct {
	name   string
	weight int
	do     func(*world)
}

// faults are all of them, with how often each happens beside the others.
func faults() []fault {
	return []fault{
		{"crash", 6, (*world).crashNode},
		{"pause", 5, func(w *world) { w.pause(&w.anyNode().current().machine) }},
		{"suspend", 4, (*world).suspend},
		{"clock set", 3, (*world).setClock},
		{"cut", 8, (*world).cutOff},
		{"isolation", 4, (*world).isolate},
		{"control crash", 3, (*world).crashControl},
		{"control pause", 3, func(w *world) { w.pause(&w.controls[w.r.IntN(len(w.controls))].machine) }},
		{"disk copied", 3, func(w *world) { n := w.anyNode(); n.older = n.disk.clone() }},
		{"disk put back", 4, (*world).putBack},
		{"successor beside", 3, (*world).startBeside},
		{"backup", 1, func(w *world) { w.backup = w.store.clone() }},
		{"restore", 1, (*world).restore},
		{"compaction", 6, (*world).compact},
		{"origin down", 3, func(w *world) { w.origin.down = w.now + w.between(100*time.Millisecond, 8*time.Second) }},
		{"eviction", 2, func(w *world) { clear(w.anyNode().current().memory) }},
		{"hint", 4, (*world).hint},
		{"store cut", 3, (*world).cutStore},
		{"stop", 3, (*world).stopNode},
		{"forgotten", 2, (*world).forgetNode},
	}
}

// misfortune has something go wrong, now and again.
func (w *world) misfortune(all []fault) {
	total := 0
	for _, f := range all {
		total += f.weight
	}
	pick := w.r.IntN(total)
	for i, f := range all {
		if pick -= f.weight; pick < 0 {
			w.tell("fault", "%s", f.name)
			w.Faults[i]++
			f.do(w)
			break
		}
	}
	if next := w.between(w.hard.faults/4, w.hard.faults); w.now+next < Trouble {
		w.after(nil, next, func() { w.misfortune(all) })
	}
}

func (w *world) anyNode() *node { return w.nodes[w.r.IntN(len(w.nodes))] }

// stop ends a process and starts the next after a while.
func (w *world) restart(n *node, prepare func()) {
	p := n.current()
	p.dead = true
	w.after(nil, w.between(50*time.Millisecond, 8*time.Second), func() {
		if n.current() == p {
			prepare()
			w.start(n, n.disk)
		}
	})
}

func (w *world) crashNode() {
	n := w.anyNode()
	w.restart(n, func() {
		if w.chance(0.1) {
			n.disk = &disk{folder: folder{state: w.empty()}, objects: map[slot]*stored{}}
		}
	})
}

// stopNode ends a process in good order: it takes no more requests, answers those it
// has, gives its lease up, and writes down what it has applied.
func (w *world) stopNode() {
	n := w.anyNode()
	p := n.current()
	if p.dead || p.stopping {
		return
	}
	p.stopping = true
	most := w.now + 2*time.Second
	var drained func()
	drained = func() {
		if p.asked > 0 && w.now < most {
			w.after(&p.machine, 50*time.Millisecond, drained)
			return
		}
		if p.asked > 0 { // it is cut short
			w.restart(n, func() {})
			return
		}
		p.leave()
		p.save()
		w.after(&p.machine, w.between(0, time.Second), func() {
			if n.current() == p {
				w.restart(n, func() {})
			}
			p.dead = true
		})
	}
	w.after(&p.machine, 0, drained)
}

// forgetNode has a node forgotten. That is safe at any time where it serves nothing
// without a lease; elsewhere whoever forgets it sees to it that it is off.
func (w *world) forgetNode() {
	n := w.anyNode()
	if !w.hard.lenient {
		w.propose(0, func(c *control) { c.forget(n.id) })
		return
	}
	for _, p := range n.processes {
		p.dead = true
	}
	w.propose(0, func(c *control) { c.forget(n.id) })
	w.restart(n, func() {})
}

// calm has everything go right from now on.
func (w *world) calm() {
	w.tell("fault", "there are none any more")
	w.hard.loss, w.hard.late, w.hard.gaps, w.hard.slowOrigin = 0, 0, 0, 0
	w.cut = [places][places]time.Duration{}
	w.origin.down = 0
	w.after(nil, 25*time.Second, w.operate)
	w.after(nil, Calm-time.Millisecond, w.recovered)
}

// operate does what the API says is to be done about a process that was replaced and
// not seen to end, and which an invalidation waits for: it is off, so the node is
// forgotten, and joins anew.
func (w *world) operate() {
	for _, c := range w.controls {
		if c.dead || !c.leads {
			continue
		}
		waits := c.ledger.Waiting(journal.Completed, c.state.Isolations()[lenient], c.state.Version, c.clock())
		for _, n := range w.nodes {
			if !slices.ContainsFunc(waits, func(wait journal.Wait) bool { return wait.Endless && wait.Node == n.id }) {
				continue
			}
			for _, p := range n.processes {
				p.dead = true
			}
			w.after(&c.machine, 0, func() { c.forget(n.id) })
			w.restart(n, func() {})
		}
	}
}

// recovered holds the network to having recovered.
func (w *world) recovered() {
	for _, i := range w.check.pending {
		if w.now-i.made > 15*time.Second {
			w.violated(Recovers, "invalidation %v of %s is not Completed %.3fs after it was made", i.version, i.distribution, (w.now - i.made).Seconds())
		}
	}
	for _, n := range w.nodes {
		if p := n.current(); p.dead || !p.lease.Valid(p.clock()) {
			w.violated(Recovers, "%s has no lease", p.name)
		}
	}
}

// putBack starts a node from an older copy of its disk, or of a part of it.
func (w *world) putBack() {
	n := w.anyNode()
	w.restart(n, func() {
		if n.older == nil {
			return
		}
		older := n.older.clone()
		switch w.r.IntN(3) {
		case 0:
			n.disk = older
		case 1:
			n.disk.folder = older.folder
		case 2:
			n.disk.objects = older.objects
		}
	})
}

// startBeside starts a successor of a process that lives on: it was cut off, and
// taken for dead. They have their own disks.
func (w *world) startBeside() {
	n := w.anyNode()
	if live := n.current(); live.dead || len(n.processes) > 6 {
		return
	}
	switch {
	case w.hard.lenient: // on another machine
		n.disk = &disk{folder: folder{state: w.empty()}, objects: map[slot]*stored{}}
	case n.older != nil && w.chance(0.5):
		n.disk = n.older.clone()
	default:
		n.disk = n.disk.clone()
	}
	w.start(n, n.disk)
}

func (w *world) pause(m *machine) {
	m.paused = max(m.paused, min(w.now+w.between(50*time.Millisecond, 20*time.Second), Trouble+time.Second))
	w.tell(m.name, "is paused until %.3fs", m.paused.Seconds())
}

// suspend has a machine sleep: its monotonic clock stands still.
func (w *world) suspend() {
	m := w.anyMachine()
	if !m.sleeper || m.paused > w.now {
		return
	}
	w.pause(m)
	m.slept += time.Duration(float64(m.paused-w.now) * m.rate)
}

// anyMachine is a node's, or now and then a control's.
func (w *world) anyMachine() *machine {
	if w.chance(0.2) {
		return &w.controls[w.r.IntN(len(w.controls))].machine
	}
	return &w.anyNode().current().machine
}

func (w *world) setClock() {
	m := w.anyMachine()
	if m.sleeper {
		return
	}
	m.set += w.between(-40*time.Second, 20*time.Second)
}

// cutOff has nothing get from one place to another, or both ways, for a while.
func (w *world) cutOff() {
	a, b := w.r.IntN(places), w.r.IntN(places)
	until := w.now + w.between(time.Second, 25*time.Second)
	w.cut[a][b] = until
	if w.chance(0.5) {
		w.cut[b][a] = until
	}
	w.tell("fault", "cut %d from %d until %.3fs", a, b, until.Seconds())
}

// isolate cuts a node off from controls and other nodes, and not from the origin
// and viewers.
func (w *world) isolate() {
	n := w.anyNode()
	until := w.now + w.between(2*time.Second, 30*time.Second)
	both := w.chance(0.7)
	for other := range placeOrigin {
		w.cut[n.place][other] = until
		if both {
			w.cut[other][n.place] = until
		}
	}
	w.gossip(n, until)
	w.tell("fault", "%s is isolated until %.3fs", n.id, until.Seconds())
}

// cutStore has one of several controls not reach the store for a while. Nodes reach it.
func (w *world) cutStore() {
	if c := w.controls[w.r.IntN(len(w.controls))]; len(w.controls) > 1 {
		c.cut = min(w.now+w.between(time.Second, 25*time.Second), Trouble)
		w.tell(c.name, "does not reach the store until %.3fs", c.cut.Seconds())
	}
}

func (w *world) crashControl() {
	at := w.r.IntN(len(w.controls))
	c := w.controls[at]
	if c.dead {
		return
	}
	c.dead = true
	c.endStreams()
	store := w.store
	w.after(nil, w.between(50*time.Millisecond, 6*time.Second), func() {
		if w.controls[at] == c && w.store == store { // and not put back meanwhile
			w.startControl(at)
		}
	})
}

// restore puts control back to a backup, with all controls stopped, and told; and
// edges that may serve something without a lease started anew.
func (w *world) restore() {
	if w.backup == nil {
		return
	}
	for _, c := range w.controls {
		c.dead = true
		c.endStreams()
	}
	if w.hard.lenient { // a limit: the backup may not know who serves what without a lease
		for _, n := range w.nodes {
			for _, p := range n.processes {
				p.dead = true
			}
			w.restart(n, func() {})
		}
	}
	leader := w.store.leader
	w.store = w.backup.clone()
	w.store.granted, w.store.untold = true, true
	w.backup = nil
	w.restored(w.store.head)
	w.backInTime()
	w.tell("store", "is put back to %v; run %d led", w.store.head, leader)
	restored := w.store
	w.after(nil, w.between(50*time.Millisecond, 3*time.Second), func() {
		for place := range w.controls {
			if w.store == restored {
				w.startControl(place)
			}
		}
	})
}

// backInTime has the distributions' origins be those that the store that was put back
// says, with what is newest.
func (w *world) backInTime() {
	state, err := w.store.fold()
	if err != nil {
		w.violated(Works, "the journal cannot be folded: %v", err)
		return
	}
	for _, id := range distributions {
		w.moved(id, originOf(state.Plans[id]))
	}
}

func (w *world) compact() {
	for _, c := range w.controls {
		if !c.dead {
			w.after(&c.machine, 0, c.compact)
		}
	}
}

// hint has a node hear of a version from another, which may be wrong.
func (w *world) hint() {
	p := w.anyNode().current()
	v := w.store.head
	if w.chance(0.2) {
		v.Number += uint64(w.r.IntN(3))
	}
	w.after(&p.machine, w.delay(), func() { p.hint(v) })
}
