// Package reclaim gives back the room of what was invalidated. An invalidation is a
// line in an index and touches no object: one that it matches is dropped when it is
// next asked for, and until then lies in memory and on the disk for nobody. So after
// an invalidation a [Sweeper] goes once through all that is stored and drops it, at a
// twentieth of a processor at most, off the path of any request. Nothing depends on
// it: what it has not come by is served no more than what it has.
package reclaim

import (
	"context"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
)

const (
	// every is how often it is looked whether something was invalidated: many
	// invalidations in a row are one sweep.
	every = time.Second
	// step is how long a sweep works without a pause, and share what part of the time
	// it works; longest is for how long it pauses at most, on a busy machine.
	step    = 200 * time.Microsecond
	share   = 20
	longest = 200 * time.Millisecond
)

// Sweeper sweeps a store.
type Sweeper struct {
	state func() *cdn.State
	store *cache.Store
	swept cdn.Version
}

// New makes a sweeper of a store that goes by the state applied, nil before the first.
func New(state func() *cdn.State, store *cache.Store) *Sweeper {
	return &Sweeper{state: state, store: store}
}

// Run sweeps after invalidations until ctx ends.
func (w *Sweeper) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if s := w.state(); s != nil {
				w.sweep(ctx, s)
			}
		}
	}
}

// sweep goes through what is stored if something was invalidated since the last time.
func (w *Sweeper) sweep(ctx context.Context, s *cdn.State) {
	latest := s.LatestInvalidation()
	if latest == w.swept {
		return
	}
	p := pacer{ctx: ctx, began: time.Now()}
	w.store.Sweep(s, p.pause)
	w.swept = latest
}

// pacer keeps a sweep to its share of the time.
type pacer struct {
	ctx   context.Context //nolint:containedctx // it is one sweep's
	began time.Time
}

// pause waits, if it has been a while since it last did; false once the sweep is to
// end. The less of a processor there is for it, the longer it waits.
func (p *pacer) pause() bool {
	spent := time.Since(p.began)
	if spent < step {
		return true
	}
	t := time.NewTimer(min((share-1)*spent, longest))
	defer t.Stop()
	select {
	case <-p.ctx.Done():
		return false
	case <-t.C:
		p.began = time.Now()
		return true
	}
}
