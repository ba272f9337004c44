package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/scripts/chaos/api"
	"github.com/warmfront/warmfront/sim/claim"
	"github.com/warmfront/warmfront/sim/site"
)

// publisher makes new versions, invalidates what was before and watches until that is Completed.
type publisher struct {
	api      *api.Client
	objects  []site.Object
	history  *claim.History
	line     *timeline
	run      string // unique, for caller references
	number   atomic.Int64
	underWay atomic.Int64
	watchers sync.WaitGroup

	mu sync.Mutex
	// restored are the instants of the copies that control's disk was put back to.
	restored []restore
	outcomes []outcome
	lost     int // accepted, and gone with the disk that was put back
}

// restore is control's disk put back at an instant to what it was at another.
type restore struct{ at, to time.Time }

// outcome is an invalidation that was Completed: how long that took, and whether anything was wrong meanwhile.
type outcome struct {
	took   time.Duration
	faults bool
}

// maxUnderWay bounds how many invalidations are under way: while control is away nothing is gained by more.
const maxUnderWay = 40

// publish makes new versions, now one and now several, until ctx ends, and then waits until watched is over for all.
func (p *publisher) publish(ctx, watched context.Context) {
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for wait(ctx, 200*time.Millisecond+time.Duration(random.ExpFloat64()*float64(700*time.Millisecond))) {
		for range 1 + random.IntN(6)/3*random.IntN(4) {
			p.invalidate(watched)
		}
	}
	p.watchers.Wait()
}

// invalidate makes new versions of something and begins to invalidate them.
func (p *publisher) invalidate(ctx context.Context) {
	if p.underWay.Load() >= maxUnderWay {
		return
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	paths, raised := p.draw(random)
	for _, o := range raised {
		p.history.Raise(o.Path, time.Now())
	}
	inv := &claim.Invalidation{Paths: paths, Floor: p.history.Floor(paths)}
	p.underWay.Add(1)
	p.watchers.Go(func() {
		defer p.underWay.Add(-1)
		if p.create(ctx, inv) {
			p.watch(ctx, inv)
		}
	})
}

// draw makes up an invalidation: its path patterns, and the objects that have a new version.
func (p *publisher) draw(random *rand.Rand) (patterns []string, raised []site.Object) {
	for range 1 + random.IntN(3) {
		o := p.objects[random.IntN(len(p.objects))]
		raised = append(raised, o)
		switch n := random.IntN(20); {
		case n == 0:
			patterns = append(patterns, "/*")
		case n < 4:
			patterns = append(patterns, "/"+string(o.Kind)+"/*")
			for _, other := range p.objects {
				if other.Kind == o.Kind && random.IntN(2) == 0 {
					raised = append(raised, other)
				}
			}
		case n < 7:
			patterns = append(patterns, o.Path+"*")
		case o.Kind == site.Query && n < 14:
			patterns = append(patterns, o.Path+"?"+o.Queries[1+random.IntN(len(o.Queries)-1)])
		default:
			patterns = append(patterns, o.Path)
		}
	}
	return patterns, raised
}

// create has the API accept an invalidation, however often it takes: by its caller reference it stays one.
func (p *publisher) create(ctx context.Context, inv *claim.Invalidation) bool {
	reference := fmt.Sprintf("%s-%d", p.run, p.number.Add(1))
	for {
		id, completed, err := p.api.Invalidate(ctx, reference, inv.Paths)
		if err == nil {
			inv.ID, inv.Created = id, time.Now()
			p.line.note("%s accepted: %s %v", inv.ID, strings.Join(inv.Paths, " "), inv.Floor)
			if completed { // a call before this one was accepted
				p.completed(inv)
				return false
			}
			return true
		}
		if !wait(ctx, 400*time.Millisecond) {
			return false
		}
	}
}

// watch asks until an invalidation is Completed.
func (p *publisher) watch(ctx context.Context, inv *claim.Invalidation) {
	every, complained := 50*time.Millisecond, false
	for wait(ctx, every) {
		every = min(every*5/4, 600*time.Millisecond)
		asked := time.Now()
		completed, err := p.api.Completed(ctx, inv.ID)
		switch {
		case errors.Is(err, api.ErrGone):
			p.gone(inv)
			return
		case completed:
			p.completed(inv)
			return
		case err == nil && !complained:
			complained = p.overdue(inv, asked)
		}
	}
	if err := context.Cause(ctx); !complained && !errors.Is(err, errInterrupted) {
		p.line.offend(violation{What: late, Why: fmt.Sprintf("%s, accepted at %v, was not Completed when the run ended", inv.ID, p.line.since(inv.Created))}, inv.Created)
	}
}

// leaseHeld is how long control waits for a node that it has lost (the sandbox's terms), slack what polling, a busy
// machine and the nodes' first calls to a control that is back may add.
const (
	leaseHeld = 10200 * time.Millisecond
	slack     = 6 * time.Second
)

// overdue reports an invalidation that takes longer than a lease although control is there.
func (p *publisher) overdue(inv *claim.Invalidation, asked time.Time) bool {
	from := inv.Created
	if back := p.line.controlBack(asked); back.After(from) {
		from = back
	}
	over := asked.Sub(from) - leaseHeld - slack
	if over <= 0 {
		return false
	}
	p.line.offend(violation{What: late, Why: fmt.Sprintf("%s, accepted at %v, is not Completed %v after a lease has ended since it was accepted and control is there (%v)",
		inv.ID, p.line.since(inv.Created), (over + slack).Round(time.Millisecond), p.line.since(from))}, inv.Created)
	return true
}

func (p *publisher) completed(inv *claim.Invalidation) {
	at := p.history.Complete(inv, time.Now)
	p.line.note("%s seen to be Completed after %v", inv.ID, at.Sub(inv.Created).Round(time.Millisecond))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outcomes = append(p.outcomes, outcome{at.Sub(inv.Created), len(p.line.during(inv.Created, at)) > 0})
}

// gone says whether an invalidation may be unknown: only if control's disk was put back to before it was accepted.
func (p *publisher) gone(inv *claim.Invalidation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.restored {
		if r.to.Before(inv.Created) && r.at.After(inv.Created.Add(-5*time.Second)) {
			p.lost++
			p.line.note("%s is gone with control's disk", inv.ID)
			return
		}
	}
	p.line.offend(violation{What: lost, Why: fmt.Sprintf("%s, accepted at %v", inv.ID, p.line.since(inv.Created))}, inv.Created)
}

// controlRestored says that control's disk was put back just now to what it was at an instant.
func (p *publisher) controlRestored(to time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.restored = append(p.restored, restore{time.Now(), to})
}
