package explore

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/tier"
	"github.com/warmfront/warmfront/journal"
)

// Tally counts what happened in runs.
type Tally struct {
	Runs          int            `json:"worlds"`
	Events        int            `json:"events"`
	Reads         int            `json:"reads"`
	Errors        int            `json:"errors"`
	Hits          int            `json:"hits"`
	Joined        int            `json:"joined"`
	Stale         int            `json:"stale"`
	Unleased      int            `json:"unleased"` // to be served without a lease
	Moves         int            `json:"moves"`    // to another origin
	Fetches       int            `json:"fetches"`
	FromTier      int            `json:"from_tier"`
	PassedOver    int            `json:"passed_over"`
	OriginReads   int            `json:"origin_reads"`
	Invalidations int            `json:"invalidations"`
	Completed     int            `json:"completed"`
	Leases        int            `json:"leases"`
	Leaders       int            `json:"leaders"`
	Epochs        int            `json:"epochs"`
	Compactions   int            `json:"compactions"`
	Snapshots     int            `json:"snapshots"`
	Lost          int            `json:"messages_lost"`
	Repeated      int            `json:"messages_repeated"`
	Faults        [maxFaults]int `json:"faults"` // in the order of FaultNames
}

const maxFaults = 20

// FaultNames are what Tally.Faults counts.
func FaultNames() (names []string) {
	for _, f := range faults() {
		names = append(names, f.name)
	}
	return names
}

// Add adds another tally.
func (t *Tally) Add(u Tally) {
	for _, n := range []struct{ to, from *int }{
		{&t.Runs, &u.Runs}, {&t.Events, &u.Events}, {&t.Reads, &u.Reads}, {&t.Errors, &u.Errors}, {&t.Hits, &u.Hits},
		{&t.Joined, &u.Joined}, {&t.Stale, &u.Stale}, {&t.Fetches, &u.Fetches}, {&t.FromTier, &u.FromTier},
		{&t.PassedOver, &u.PassedOver}, {&t.OriginReads, &u.OriginReads}, {&t.Invalidations, &u.Invalidations},
		{&t.Completed, &u.Completed}, {&t.Leases, &u.Leases}, {&t.Leaders, &u.Leaders}, {&t.Epochs, &u.Epochs},
		{&t.Compactions, &u.Compactions}, {&t.Unleased, &u.Unleased}, {&t.Moves, &u.Moves}, {&t.Snapshots, &u.Snapshots}, {&t.Lost, &u.Lost}, {&t.Repeated, &u.Repeated},
	} {
		*n.to += *n.from
	}
	for i := range t.Faults {
		t.Faults[i] += u.Faults[i]
	}
}

// Explorer runs worlds. It may be used by many goroutines at once.
type Explorer struct{ scene *scene }

// New returns an Explorer.
func New() (*Explorer, error) {
	s, err := newScene()
	return &Explorer{s}, err
}

// Run runs the world of a seed. It returns what happened in it, and how the
// guarantee was broken: nil where it was not. Trace, if it is not nil, is given
// what happens line by line.
func (e *Explorer) Run(seed uint64, trace func(string)) (Tally, *Violation) {
	w := &world{scene: e.scene, r: rand.New(rand.NewPCG(seed, 0x77617266)), trace: trace}
	w.Runs = 1
	w.build()
	w.run(Length)
	return w.Tally, w.check.violation
}

// build makes the world that a seed stands for.
func (w *world) build() {
	w.hard = hardship{
		loss: 0.05 * w.r.Float64(), repeat: 0.05 * w.r.Float64(), disorder: 0.2 * w.r.Float64(), late: 0.08 * w.r.Float64(),
		slowest: w.between(100*time.Millisecond, 14*time.Second), gaps: 0.2 * w.r.Float64(),
		faults: w.between(500*time.Millisecond, 6*time.Second), slowOrigin: 0.3 * w.r.Float64(), relays: w.chance(0.4),
		regional: w.chance(0.5), lenient: w.chance(0.5),
	}
	base, err := w.first.Snapshot()
	if err != nil {
		w.violated(Works, "no snapshot: %v", err)
		return
	}
	w.store = &store{changes: map[cdn.Version]*cdn.Change{}, head: base.Version, base: base, incarnations: map[string]incarnations{}}
	w.check.completed = map[string]cdn.Version{}
	w.origin = origin{machine: w.newMachine("origin", placeOrigin), newest: make([]int64, len(w.items)), current: map[string]int{}, named: 1}
	for _, id := range distributions {
		w.moved(id, 0)
	}
	for i := range 3 + w.r.IntN(maxNodes-2) {
		d := &disk{folder: folder{state: w.empty()}, objects: map[slot]*stored{}}
		w.nodes = append(w.nodes, &node{id: fmt.Sprint("N", i), place: placeNodes + i, level: w.level(i), disk: d})
	}
	w.controls = make([]*control, 1+w.r.IntN(2))
	for i := range w.controls {
		w.startControl(i)
	}
	for _, n := range w.nodes {
		w.start(n, n.disk)
	}
	w.after(nil, Trouble, w.calm)
	w.after(nil, time.Second, w.load)
	w.after(nil, time.Second, w.change)
	w.after(nil, 2*time.Second, func() { w.misfortune(faults()) })
}

// level is what a node is to the others.
func (w *world) level(n int) tier.Level {
	switch {
	case n == 0:
		return tier.Shield
	case n == 1 && w.hard.regional:
		return tier.Regional
	}
	return tier.Viewer
}

// empty is the state of a node without a disk.
func (w *world) empty() *cdn.State { return cdn.NewState(0) }

// load has viewers ask.
func (w *world) load() {
	w.ask(w.r.IntN(len(w.items)))
	wait := w.between(10*time.Millisecond, 200*time.Millisecond)
	if w.now > Trouble {
		wait *= 4
	}
	w.after(nil, wait, w.load)
}

// ask has a viewer ask some process for an item.
func (w *world) ask(i int) {
	n := w.anyNode()
	p := n.processes[max(0, len(n.processes)-1-w.r.IntN(2))]
	if p.dead {
		p = n.current()
	}
	if p.dead || p.stopping {
		return
	}
	it := &w.items[i]
	a := asking{item: i, variant: w.r.IntN(it.variants), uris: it.uris[w.r.IntN(len(it.uris))], parts: []int{0}}
	if it.sliced {
		a.parts = [][]int{{0}, {1}, {0, 1}}[w.r.IntN(3)]
	}
	w.request(p, a)
}

// askAfter has viewers ask for what an invalidation matches when it is Completed.
func (w *world) askAfter(i *invalidation) {
	for n, it := range w.items {
		for _, path := range i.paths {
			if it.distribution != i.distribution {
				continue
			}
			if !matches(path, it.uris[0][0]) && !matches(path, it.uris[0][len(it.uris[0])-1]) {
				continue
			}
			for range 2 * len(w.nodes) {
				w.after(nil, w.between(0, time.Second), func() { w.ask(n) })
			}
		}
	}
}

// change has the origin have something new, and mostly an invalidation follow.
func (w *world) change() {
	i := w.r.IntN(len(w.items))
	distribution := w.items[i].distribution
	switch {
	case w.chance(0.08): // and what was cached from the one before is invalidated
		w.propose(0, func(c *control) { c.update(distribution, true) })
		w.propose(w.between(100*time.Millisecond, time.Second), func(c *control) { c.invalidate(distribution, []string{"/*"}) })
	case w.hard.lenient && w.now < Trouble+20*time.Second && w.chance(0.2):
		w.propose(0, func(c *control) { c.update(lenient, false) })
	default:
		w.published(i)
	}
	if w.chance(0.8) {
		uris := w.items[i].uris[0]
		var fit []string
		for _, p := range w.paths {
			if matches(p, uris[0]) || matches(p, uris[len(uris)-1]) {
				fit = append(fit, p)
			}
		}
		path := fit[w.r.IntN(len(fit))]
		w.propose(w.between(0, time.Second), func(c *control) { c.invalidate(distribution, []string{path}) })
	}
	w.after(nil, w.between(500*time.Millisecond, 5*time.Second), w.change)
}

// propose has somebody ask controls for something: the one that leads does it.
func (w *world) propose(in time.Duration, what func(*control)) {
	for _, c := range w.controls {
		w.after(&c.machine, in, func() { what(c) })
	}
}

func (p *process) hint(v cdn.Version) { p.step(journal.Hinted{Head: v}) }
