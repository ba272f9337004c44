package function

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// gate has few enough runs under way at one time, and lets owners take turns: whoever has
// many runs waiting waits for its own, not others for them.
//
// Most runs are over within a slice (quickjs.SliceFuel), and never notice it. What goes on
// for longer goes on beside few others of its kind, of all owners, and for half of the
// time: a core that runs functions without an end has the other half for everybody else.
type gate struct {
	// wait is how long a run waits for others to end.
	wait  time.Duration
	mu    sync.Mutex
	short lane
	long  lane
}

// lane has so many places.
type lane struct {
	free   int
	owners map[string]*line
	turn   []*line // those with somebody waiting, in the order of their turns
}

// line is an owner's.
type line struct {
	owner   string
	count   int // at work and waiting
	waiting []chan struct{}
}

// errThrottled ends a run for which there is no room.
var errThrottled = errors.New("too many functions are running")

// maxWait is how long an engine's runs wait.
const maxWait = time.Second

// How many runs of one owner there may be in a lane, at work and waiting, for one more to
// wait: the others are throttled at once.
const (
	mostShort = 1000
	// mostLong is for functions that are known to run long.
	mostLong = 100
	// mostStopped is for runs that turn out to be long, and have an instance while they wait.
	mostStopped = 8
)

// newGate makes a gate for a machine of so many cores.
func newGate(cores int) *gate {
	return &gate{
		wait:  maxWait,
		short: lane{free: 2 * cores, owners: map[string]*line{}},
		long:  lane{free: max(1, cores/2), owners: map[string]*line{}},
	}
}

// enter waits for a place in a lane; errThrottled if the owner has so many runs in it already, or
// there is none soon.
func (g *gate) enter(ctx context.Context, l *lane, owner string, most int) error {
	g.mu.Lock()
	o := l.owners[owner]
	if o == nil {
		o = &line{owner: owner}
		l.owners[owner] = o
	}
	if o.count >= most {
		g.mu.Unlock()
		return errThrottled
	}
	o.count++
	if l.free > 0 {
		l.free--
		g.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	if o.waiting = append(o.waiting, turn); len(o.waiting) == 1 {
		l.turn = append(l.turn, o)
	}
	g.mu.Unlock()
	late := time.NewTimer(g.wait)
	defer late.Stop()
	select {
	case <-turn:
		return nil
	case <-late.C:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !o.give(turn) { // its turn came meanwhile
		return nil
	}
	if len(o.waiting) == 0 {
		l.turn = without(l.turn, o)
	}
	l.drop(o)
	return errThrottled
}

// leave gives a place to whoever is next.
func (g *gate) leave(l *lane, owner string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l.drop(l.owners[owner])
	if len(l.turn) == 0 {
		l.free++
		return
	}
	next := l.turn[0]
	l.turn = append(l.turn[:0], l.turn[1:]...)
	close(next.waiting[0])
	if next.waiting = next.waiting[1:]; len(next.waiting) > 0 {
		l.turn = append(l.turn, next)
	}
}

// drop forgets one run of an owner.
func (l *lane) drop(o *line) {
	if o.count--; o.count == 0 {
		delete(l.owners, o.owner)
	}
}

// give takes somebody out who waits no more; false if it is not waiting.
func (o *line) give(turn chan struct{}) bool {
	for n, w := range o.waiting {
		if w == turn {
			o.waiting = append(o.waiting[:n], o.waiting[n+1:]...)
			return true
		}
	}
	return false
}

func without(lines []*line, o *line) []*line {
	for n, other := range lines {
		if other == o {
			return append(lines[:n], lines[n+1:]...)
		}
	}
	return lines
}

// pass is a run's way through the gate.
type pass struct {
	gate  *gate
	ctx   context.Context
	owner string
	in    *lane // where it has a place, nil for nowhere
	// since is when its slice began.
	since time.Time
	// long is told that it takes long, as soon as it does.
	long *atomic.Bool
}

// pass lets a run begin. Of a function whose last run was long the next one is taken to be
// long too: or each would have its first slice before others.
func (g *gate) pass(ctx context.Context, owner string, long *atomic.Bool) (*pass, error) {
	p, most := &pass{gate: g, ctx: ctx, owner: owner, in: &g.short, long: long}, mostShort
	if long.Load() {
		p.in, most = &g.long, mostLong
	}
	if err := g.enter(ctx, p.in, owner, most); err != nil {
		return nil, err
	}
	p.since = time.Now()
	return p, nil
}

// longest is how long a run rests at most between two slices.
const longest = 5 * time.Millisecond

// pause is called between two slices of a run: it becomes a long one, or rests for as long as
// it worked. It sleeps, for a goroutine that only yields keeps the scheduler from looking
// at the network.
func (p *pass) pause() error {
	worked := time.Since(p.since)
	if p.in != &p.gate.long {
		p.close()
		p.long.Store(true)
		if err := p.gate.enter(p.ctx, &p.gate.long, p.owner, mostStopped); err != nil {
			return err
		}
		p.in = &p.gate.long
	}
	time.Sleep(min(worked, longest))
	p.since = time.Now()
	return p.ctx.Err()
}

// close ends the run. The place of a long one rests for as long as it worked at last.
func (p *pass) close() {
	in := p.in
	if p.in = nil; in == &p.gate.long {
		time.AfterFunc(min(time.Since(p.since), longest), func() { p.gate.leave(in, p.owner) })
	} else if in != nil {
		p.gate.leave(in, p.owner)
	}
}
