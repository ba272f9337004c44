package explore

import (
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/edge/tier"
)

// flight is one request up, for the benefit of all who wait for it, as edge.flight
// is.
type flight struct {
	reuse.Begun
	p       *process
	item    *item
	ask     asking
	plan    *cdn.Plan
	planned cdn.Version
	others  []string // for which what is confirmed was stored
	// fenced is set where the node had no lease for the request, queued where others
	// may join; tiers are asked first.
	fenced, queued bool
	tiers          []*node

	// above is the birth of what a tier answered, zero where none did.
	above   cdn.Version
	landed  bool
	waiting []func()

	object  *stored
	stale   bool
	failed  bool
	private *response
}

func (x *exchange) newFlight() *flight {
	p := x.p
	return &flight{
		p: p, item: x.item, ask: x.ask, plan: x.plan, planned: x.state.Version, fenced: !x.leased, tiers: x.above(),
	}
}

// above are the nodes to ask, the levels rising.
func (x *exchange) above() (all []*node) {
	p, w := x.p, x.p.w
	if p.lone[x.item.key] > w.now {
		return nil
	}
	for _, n := range []*node{w.nodes[1], w.nodes[0]} {
		if n.level > max(tier.Viewer, p.n.level, x.level) {
			all = append(all, n)
		}
	}
	return all
}

func (f *flight) slot() slot { return slot{f.item.key, f.ask.variant} }

func (f *flight) wait(then func()) {
	if f.landed {
		f.p.w.after(&f.p.machine, f.p.w.gap(), then)
		return
	}
	f.waiting = append(f.waiting, then)
}

func (f *flight) bornAt() cdn.Version { return reuse.Birth(f.Birth, f.above) }

// launch is Edge.launch: what follows is done by another goroutine.
func (p *process) launch(f *flight) {
	p.order++
	f.Begun = reuse.Begin(p.order, f.plan, f.planned, p.state)
	p.w.Fetches++
	p.w.after(&p.machine, p.w.gap(), f.fly)
}

// fly is Edge.ask.
func (f *flight) fly() {
	stored := f.standIn()
	if stored != nil {
		f.others = stored.URIs
		if stored.Status == 200 {
			f.ask.match = first(stored.body.versions)
		}
	}
	f.forward(func(r *response) {
		f.settle(stored, r)
		f.land()
	})
}

// standIn is Edge.standIn.
func (f *flight) standIn() *stored {
	o := f.p.get(f.slot())
	if o == nil || o.Failure != "" || o.body.failed {
		return nil
	}
	inv := f.p.state.Invalidations(f.plan.ID)
	if newest := o.NewestInvalidation(f.p.state.Version, inv); o.Birth.Before(newest) && newest != inv.Floor() {
		return nil
	}
	return o
}

// forward is Edge.forward: to the tiers in turn, and to the origin where none of them
// answers. It asks none for long that says nothing.
func (f *flight) forward(then func(*response)) {
	f.above = cdn.Version{}
	f.ask.origin = originOf(f.plan)
	f.forwardTo(f.tiers, then)
}

func (f *flight) forwardTo(tiers []*node, then func(*response)) {
	p, w := f.p, f.p.w
	if len(tiers) == 0 {
		w.askOrigin(p, f.ask, then)
		return
	}
	n := tiers[0]
	resting := &p.resting[n.place-placeNodes]
	if *resting > w.now {
		f.forwardTo(tiers[1:], then)
		return
	}
	ask := f.asks(n.level)
	to := n.processes[w.r.IntN(len(n.processes))]
	if to.dead {
		to = n.current()
	}
	pass := func() {
		w.PassedOver++
		f.forwardTo(tiers[1:], then)
	}
	w.call(&p.machine, &to.machine, 3*time.Second, func(answer func(func())) {
		to.answerPeer(f.ask, ask, func(r *response, a tier.Answer) {
			answer(func() {
				switch {
				case a.Passed != "":
					*resting = w.now + time.Second
					pass()
				case a.Failed != "":
					then(nil)
				case !ask.Accepts(a.Birth):
					pass()
				default:
					w.FromTier++
					f.above = a.Birth
					then(r)
				}
			})
		})
	}, func() {
		*resting = w.now + time.Second
		pass()
	})
}

// asks is Edge.asks.
func (f *flight) asks(level tier.Level) tier.Ask {
	leased := f.plan.MayServe(f.p.lease.Valid(f.p.clock()), f.p.follower.Entitled())
	state := f.p.state
	newest := reuse.Newest(state.Invalidations(f.plan.ID), slices.Concat(f.ask.uris, f.others))
	least, newest := reuse.Need(newest, f.plan.Version, state.Version.Epoch)
	return tier.Ask{Level: level, Distribution: f.plan.ID, Newest: newest, Least: least, Confirm: !leased || f.fenced}
}

// answerPeer is tier's server and peer.Answer: what lags is waited for, a moment.
func (p *process) answerPeer(a asking, ask tier.Ask, answer func(*response, tier.Answer)) {
	late := p.w.now + 200*time.Millisecond
	var look func()
	look = func() {
		switch applied := p.state.Version; {
		case tier.Satisfies(applied, ask.Least):
			p.answerAsk(a, ask, answer)
		case applied.Epoch > ask.Least.Epoch || p.w.now >= late:
			answer(nil, tier.Answer{Passed: tier.Lagging})
		default:
			p.w.after(&p.machine, 20*time.Millisecond, look)
		}
	}
	look()
}

func (p *process) answerAsk(a asking, ask tier.Ask, answer func(*response, tier.Answer)) {
	x := &exchange{p: p, item: &p.w.items[a.item], level: ask.Level}
	x.ask = asking{item: a.item, variant: a.variant, uris: a.uris, parts: a.parts}
	x.answer = func(f *found) {
		if f == nil {
			answer(nil, tier.Answer{Failed: "the origin gave no answer"})
			return
		}
		r := f.response
		if r.above == 0 {
			r.above = 1 + originOf(x.plan)
		}
		switch whole := first(r.versions); {
		case a.match == 0 || r.status != 200 || a.match != whole:
		case a.part:
			r.status = 206
		default:
			r.status = 304
		}
		answer(&r, tier.Answer{Birth: f.birth})
	}
	p.order++
	x.start, x.arrived = p.wall(), p.order
	leased, entitled := p.lease.Valid(p.clock()), p.follower.Entitled()
	p.w.soon(p, func() {
		x.state = p.state
		if !tier.Satisfies(x.state.Version, ask.Least) {
			answer(nil, tier.Answer{Passed: tier.Lagging})
			return
		}
		if x.plan = x.state.Plans[ask.Distribution]; x.plan == nil {
			answer(nil, tier.Answer{Passed: tier.Unknown})
			return
		}
		x.leased = x.plan.MayServe(leased, entitled) && !ask.Confirm
		x.serve()
	})
}

// settle is the rest of Edge.ask: what an answer, or that there is none, is made of.
func (f *flight) settle(old *stored, r *response) {
	p, now := f.p, f.p.wall()
	if r == nil {
		f.failed = true
		f.unanswered(old, now)
		return
	}
	confirmed := f.ask.match != 0 && r.status == 304
	f.Answered(confirmed, p.state.Version)
	switch {
	case confirmed:
		o := &stored{copied(old.Object), old.body, r.above}
		o.Birth, o.Order, o.Received = f.bornAt(), f.Order, now
		for _, u := range f.ask.uris {
			if !slices.Contains(o.URIs, u) {
				o.URIs = append(slices.Clip(o.URIs), u)
			}
		}
		f.object = o
		p.put(f.slot(), o)
	case rfc9111.Failure(r.status) && old != nil && old.Lifetime.OnError(false, old.Received, now):
		f.private = r
		f.keepStale(old, now)
	case r.private || r.status >= 500:
		if old != nil && r.status < 500 {
			p.remove(f.slot(), old)
		}
		if r.status < 500 {
			p.lone[f.item.key] = p.w.now + 5*time.Second
		}
		f.private = r
	default:
		delete(p.lone, f.item.key)
		f.take(r, now)
	}
}

// take stores an answer.
func (f *flight) take(r *response, now time.Time) {
	o := &stored{&cache.Object{
		Key: f.item.key, Status: r.status, Header: r.header, Birth: f.bornAt(), Order: f.Order, Received: now,
		Lifetime: f.p.w.lifetime(), URIs: f.ask.uris,
	}, f.p.w.newBody(), r.above}
	for _, part := range f.ask.parts {
		o.body.versions[part] = r.versions[part]
	}
	f.object = o
	f.p.put(f.slot(), o)
}

func (w *world) lifetime() rfc9111.Lifetime {
	l := rfc9111.Lifetime{Store: true, Fresh: w.between(time.Second, 40*time.Second)}
	if w.chance(0.5) {
		l.WhileRevalidate, l.OnFailure, l.Unreachable = 10*time.Second, 20*time.Second, 20*time.Second
	}
	return l
}

// unanswered is Edge.unanswered.
func (f *flight) unanswered(old *stored, now time.Time) {
	switch {
	case old != nil && old.Lifetime.OnError(true, old.Received, now):
		f.keepStale(old, now)
	case f.p.w.chance(0.5) && f.above.IsZero():
		f.object = &stored{&cache.Object{
			Key: f.item.key, Status: 502, Failure: "The origin gave no answer.", Birth: f.bornAt(), Order: f.Order, Received: now,
			Lifetime: rfc9111.Lifetime{Store: true, Fresh: 2 * time.Second}, URIs: f.ask.uris,
		}, f.p.w.newBody(), 0}
		f.p.put(f.slot(), f.object)
	}
}

// keepStale is Edge.keepStale: what is stored stands in, and counts as fresh for a
// while. Its birth stays what it was.
func (f *flight) keepStale(old *stored, now time.Time) {
	o := &stored{copied(old.Object), old.body, old.above}
	o.Lifetime.Fresh = now.Sub(o.Received) + 2*time.Second
	f.object, f.stale = o, true
	f.p.put(f.slot(), o)
}

// land has all know what the flight brings.
func (f *flight) land() {
	if f.queued {
		f.p.flights.Landed(f.item.key+string(rune('0'+f.ask.variant)), f, f.p.launch)
	}
	f.landed = true
	for _, then := range f.waiting {
		f.p.w.after(&f.p.machine, f.p.w.gap(), then)
	}
	f.waiting = nil
}
