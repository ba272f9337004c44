package explore

import (
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/collapse"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/tier"
)

// slot is where an object is stored: its key and variant.
type slot struct {
	key     string
	variant int
}

// stored is an object, and what the origin had when it gave what is in its body.
type stored struct {
	*cache.Object
	body  *body
	above int // as a response has it
}

// body is shared by an object and those that confirm it, in one process. What is on
// a disk, or was read from one, is another's copy with the same number.
type body struct {
	number   uint64
	versions [2]int64 // of each slice, 0 where it is not here
	failed   bool
}

// exchange is one request on its way through an edge, as edge.exchange is.
type exchange struct {
	p       *process
	item    *item
	ask     asking
	state   *cdn.State
	plan    *cdn.Plan
	start   time.Time
	arrived uint64
	// leased says whether the node may serve what it has stored; origins are what
	// they had of the item when the request arrived.
	leased  bool
	origins []int64
	level   tier.Level
	// nextOnly is set once a shared fetch was of no use.
	nextOnly bool
	rounds   int
	// answer takes what was found; nil where it is an error.
	answer func(*found)
}

// found is what a request is answered with.
type found struct {
	response
	birth cdn.Version
}

// request is a viewer's.
func (w *world) request(p *process, a asking) {
	n := w.needed(w.items[a.item].distribution, a.uris)
	w.after(&p.machine, w.between(0, 2*time.Millisecond)+w.gap(), func() {
		if p.stopping {
			return
		}
		p.asked++
		x := &exchange{p: p, item: &w.items[a.item], ask: a, origins: w.origin.has(a.item)}
		x.answer = func(f *found) {
			p.asked--
			if f == nil {
				w.Errors++
				return
			}
			// A node without a lease goes on with the configuration it has, and so does
			// a tier: what it is to have confirmed, that configuration's origin has.
			if !x.leased {
				for _, own := range x.vouching(f) {
					if own < len(x.origins) {
						n.version = min(n.version, x.origins[own])
					}
				}
			}
			versions := make([]int64, 0, 2)
			for _, part := range a.parts {
				versions = append(versions, f.versions[part])
			}
			w.read(p.name, a.uris, n, versions)
		}
		p.receive(x)
	})
}

// vouching are the origins that an answer may be of.
func (x *exchange) vouching(f *found) []int {
	if f.above == 0 {
		return []int{originOf(x.plan)}
	}
	return []int{originOf(x.plan), f.above - 1}
}

// receive begins an exchange: the lease is read after the request and before the
// state.
func (p *process) receive(x *exchange) {
	p.order++
	x.start, x.arrived = p.wall(), p.order
	leased, entitled := p.lease.Valid(p.clock()), p.follower.Entitled()
	p.w.soon(p, func() {
		x.state = p.state
		if x.plan = x.state.Plans[x.item.distribution]; x.plan == nil {
			x.answer(nil)
			return
		}
		if x.leased = x.plan.MayServe(leased, entitled); x.leased && !leased {
			p.w.Unleased++
		}
		x.ask.origin = originOf(x.plan)
		x.serve()
	})
}

// soon goes on at once, or after a moment in which the processor does other things.
func (w *world) soon(p *process, do func()) {
	if d := w.gap(); d > 0 {
		w.after(&p.machine, d, do)
		return
	}
	do()
}

func (x *exchange) slot() slot { return slot{x.item.key, x.ask.variant} }

// get returns what is stored, in memory or on the disk.
func (p *process) get(s slot) *stored {
	if o := p.memory[s]; o != nil {
		return o
	}
	d := p.disk.objects[s]
	if d == nil {
		return nil
	}
	o := &stored{copied(d.Object), d.body.copy(), d.above}
	o.Order = 0
	p.memory[s] = o
	return o
}

// copied is what is stored, to be changed.
func copied(o *cache.Object) *cache.Object {
	return &cache.Object{
		Key: o.Key, Status: o.Status, Header: o.Header, Failure: o.Failure, Birth: o.Birth, Order: o.Order,
		Received: o.Received, InitialAge: o.InitialAge, Lifetime: o.Lifetime, URIs: o.URIs, Tags: o.Tags,
	}
}

// put stores an object, unless one that was asked for later is there.
func (p *process) put(s slot, o *stored) {
	w := p.w
	if old := p.memory[s]; old != nil && o.Order < old.Order {
		return
	}
	p.memory[s] = o
	if o.Failure == "" {
		w.after(&p.machine, w.between(0, time.Second), func() {
			if p.memory[s] == o {
				p.disk.objects[s] = o.copy()
			}
		})
	}
}

// keep writes a slice of what is on the disk.
func (p *process) keep(s slot, o *stored) {
	p.w.after(&p.machine, p.w.between(0, time.Second), func() {
		if d := p.disk.objects[s]; d != nil && d.body.number == o.body.number && !o.body.failed {
			p.disk.objects[s] = &stored{d.Object, o.body.copy(), d.above}
		}
	})
}

func (o *stored) copy() *stored { return &stored{copied(o.Object), o.body.copy(), o.above} }

func (b *body) copy() *body {
	c := *b
	return &c
}

func (w *world) newBody() *body {
	w.bodies++
	return &body{number: w.bodies}
}

// remove drops an object. It may be back after a restart.
func (p *process) remove(s slot, o *stored) {
	if p.memory[s] == o {
		delete(p.memory, s)
	}
	if d := p.disk.objects[s]; d != nil && d.body.number == o.body.number && p.w.chance(0.9) {
		delete(p.disk.objects, s)
	}
}

// facts are exchange.facts.
func (x *exchange) facts(newest cdn.Version) reuse.Facts {
	return reuse.Facts{
		Now: x.start, Arrived: x.arrived, Leased: x.leased,
		Applied: x.state.Version, Newest: newest, Floor: x.state.Invalidations(x.plan.ID).Floor(),
		Planned: x.plan.Version, URIs: x.ask.uris,
	}
}

func (x *exchange) newest() cdn.Version {
	return reuse.Newest(x.state.Invalidations(x.plan.ID), x.ask.uris)
}

// judge is exchange.judge.
func (x *exchange) judge(o *stored) reuse.Action {
	if o == nil || o.body.failed {
		return reuse.Fetch
	}
	newest := o.NewestInvalidation(x.state.Version, x.state.Invalidations(x.plan.ID))
	if !slices.Equal(x.ask.uris, o.URIs) {
		newest = newest.Max(x.newest())
	}
	act, _ := reuse.Decide(o.Object, x.facts(newest))
	return act
}

// serve is exchange.serve: one round of it, until one brings an answer.
func (x *exchange) serve() {
	o := x.p.get(x.slot())
	act := x.judge(o)
	switch {
	case act == reuse.Serve || act == reuse.Refresh:
		if act == reuse.Refresh {
			x.refresh()
		}
		x.p.w.Hits++
		x.hit(o)
		return
	case o != nil && act == reuse.Fetch:
		x.p.remove(x.slot(), o)
	}
	x.rounds++
	if x.rounds > 4 || x.p.lone[x.item.key] > x.p.w.now {
		x.alone()
		return
	}
	x.share()
}

// hit answers with an object, of which the origin is asked for what is not here.
func (x *exchange) hit(o *stored) {
	if o.Failure != "" {
		x.answer(nil)
		return
	}
	x.reading(o, &found{response{status: o.Status, header: o.Header, above: o.above}, o.Birth}, x.ask.parts)
}

// reading reads the parts that are left.
func (x *exchange) reading(o *stored, f *found, parts []int) {
	for i, part := range parts {
		if o.body.versions[part] == 0 {
			x.bring(o, part, func() {
				if o.body.failed || o.body.versions[part] == 0 {
					x.answer(nil) // it breaks off
					return
				}
				x.reading(o, f, parts[i:])
			})
			return
		}
		f.versions[part] = o.body.versions[part]
		if x.p.w.chance(0.05) && i+1 < len(parts) { // a slow reader
			x.p.w.after(&x.p.machine, x.p.w.between(0, 4*time.Second), func() { x.reading(o, f, parts[i+1:]) })
			return
		}
	}
	x.answer(f)
}

// bring is Edge.bring.
func (x *exchange) bring(o *stored, part int, then func()) {
	f := x.newFlight()
	f.ask.parts, f.ask.part, f.ask.match = []int{part}, true, first(o.body.versions)
	f.forward(func(r *response) {
		switch {
		case r == nil || r.status >= 500:
		case !reuse.SameObject(o.Object, r.header, r.status == 206):
			o.body.failed = true
			x.p.remove(x.slot(), o)
		case r.versions[part] != 0:
			o.body.versions[part] = r.versions[part]
			x.p.keep(x.slot(), o)
		}
		then()
	})
}

func first(versions [2]int64) int64 {
	if versions[0] != 0 {
		return versions[0]
	}
	return versions[1]
}

func (x *exchange) join(accept func(reuse.Begun) bool, enough func(reuse.Action) bool) (*flight, bool) {
	return x.p.flights.Join(x.item.key+string(rune('0'+x.ask.variant)), collapse.Joining[*flight]{
		Accept: func(f *flight) bool { return accept(f.Begun) },
		Stored: func() bool { return enough(x.judge(x.p.memory[x.slot()])) },
		Make: func() *flight {
			f := x.newFlight()
			f.queued = true
			return f
		},
		Begin: x.p.launch,
	})
}

// refresh has an object confirmed while it is served stale.
func (x *exchange) refresh() {
	x.join(func(reuse.Begun) bool { return true }, func(a reuse.Action) bool { return a == reuse.Serve })
}

// share is exchange.share.
func (x *exchange) share() {
	known := x.facts(x.newest())
	f, first := x.join(func(b reuse.Begun) bool { return reuse.MayJoin(b, known) && (b.Order > x.arrived || !x.nextOnly) },
		func(a reuse.Action) bool { return a == reuse.Serve || a == reuse.Refresh })
	if f == nil {
		x.serve()
		return
	}
	if !first {
		x.p.w.Joined++
	}
	f.wait(func() {
		if !x.brought(f, first, known) {
			x.nextOnly = true
			x.serve()
		}
	})
}

// alone is exchange.alone.
func (x *exchange) alone() {
	f := x.newFlight()
	x.p.launch(f)
	f.wait(func() {
		if !x.brought(f, true, x.facts(x.newest())) {
			x.answer(nil)
		}
	})
}

// brought is exchange.brought; false where the request cannot use what a flight
// brought.
func (x *exchange) brought(f *flight, first bool, known reuse.Facts) bool {
	private := func() { x.answer(&found{*f.private, f.bornAt()}) }
	switch {
	case f.stale && reuse.MayServeStale(f.object.Object, known):
		x.p.w.Stale++
		x.hit(f.object)
	case f.failed && (f.object == nil || f.stale):
		x.answer(nil)
	case f.stale && first && f.private != nil:
		private()
	case f.stale:
		x.answer(nil)
	case f.object != nil:
		if !first && !reuse.MayUse(f.object.Object, known) {
			return false
		}
		x.hit(f.object)
	case first && f.private != nil:
		private()
	default:
		return false
	}
	return true
}
