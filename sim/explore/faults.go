package explore

import "time"

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
	w.after(nil, w.between(w.hard.faults/4, w.hard.faults), func() { w.misfortune(all) })
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
	n.disk = n.disk.clone()
	if n.older != nil && w.chance(0.5) {
		n.disk = n.older.clone()
	}
	w.start(n, n.disk)
}

func (w *world) pause(m *machine) {
	m.paused = max(m.paused, w.now+w.between(50*time.Millisecond, 20*time.Second))
	w.tell(m.name, "is paused until %.3fs", m.paused.Seconds())
}

// suspend has a machine sleep: its monotonic clock stands still.
func (w *world) suspend() {
	m := &w.anyNode().current().machine
	if !m.sleeper || m.paused > w.now {
		return
	}
	w.pause(m)
	m.slept += time.Duration(float64(m.paused-w.now) * m.rate)
}

func (w *world) setClock() {
	m := &w.anyNode().current().machine
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

// restore puts control back to a backup, as docs/operations.md has it done: with
// all controls stopped, and told.
func (w *world) restore() {
	if w.backup == nil {
		return
	}
	for _, c := range w.controls {
		c.dead = true
		c.endStreams()
	}
	leader := w.store.leader
	w.store = w.backup.clone()
	w.store.granted, w.store.untold = true, true
	w.backup = nil
	w.restored(w.store.head)
	w.check.completed = w.store.settled
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
