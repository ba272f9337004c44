package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/sim/claim"
	"github.com/warmfront/warmfront/sim/site"
)

// publisher raises the versions of objects, invalidates them and waits until that is Completed.
type publisher struct {
	world  *world
	random *rand.Rand
	made   int
}

func (w *world) newPublisher() *publisher { return &publisher{world: w, random: w.random(99)} }

func (p *publisher) run(ctx context.Context) {
	var watching sync.WaitGroup
	begun := time.Now()
	for wait(ctx, 50*time.Millisecond+time.Duration(p.random.ExpFloat64()*float64(350*time.Millisecond))) {
		if time.Since(begun) > p.world.schedule.Length-coolDown/2 {
			break // what is made from here on might not be Completed before the end
		}
		patterns, raised := p.draw()
		for _, o := range raised {
			p.world.history.Raise(o.Path, time.Now())
		}
		p.made++
		inv := &claim.Invalidation{ID: fmt.Sprintf("I%d", p.made), Paths: patterns, Floor: p.world.history.Floor(patterns)}
		watching.Go(func() { p.world.see(ctx, inv) })
	}
	watching.Wait()
}

// draw chooses what is published, and the path patterns to invalidate.
func (p *publisher) draw() (patterns []string, raised []site.Object) {
	for range 1 + p.random.IntN(3) {
		o := p.world.draw(p.random)
		raised = append(raised, o)
		switch n := p.random.IntN(20); {
		case n == 0:
			patterns = append(patterns, "/*")
		case n < 4:
			patterns = append(patterns, "/"+string(o.Kind)+"/*")
		case n < 7:
			patterns = append(patterns, o.Path+"*")
		case o.Kind == site.Query && n < 14:
			patterns = append(patterns, o.Path+"?"+o.Queries[1+p.random.IntN(len(o.Queries)-1)])
		default:
			patterns = append(patterns, o.Path)
		}
	}
	return patterns, raised
}

// see has an invalidation made, however often control crashes meanwhile, and waits until it is Completed.
func (w *world) see(ctx context.Context, inv *claim.Invalidation) {
	made, restored := false, int64(0)
	for wait(ctx, 20*time.Millisecond) {
		c := w.control.Load()
		if c == nil {
			continue
		}
		if !made {
			before := w.restored.Load()
			if _, err := c.core.Propose(ctx, func(s *cdn.State) ([]cdn.Change, error) { return proposal(s, inv) }); err != nil {
				continue // it crashed; whether it was written first is found out when it is proposed again
			}
			made, inv.Created, restored = true, time.Now(), before
			w.note("%s accepted: %s %v", inv.ID, strings.Join(inv.Paths, " "), inv.Floor)
		}
		v, known := versionOf(c.core.State(), inv.ID)
		if !known && w.restored.Load() != restored {
			w.note("%s is gone with what was put back, and is made again", inv.ID)
			made = false
			continue
		}
		if !known {
			w.offend("lost: an invalidation that control accepted is not known any more", inv.ID)
			return
		}
		if !c.core.CompletedFor(distribution).Before(v) {
			at := w.history.Complete(inv, time.Now)
			w.note("%s (%v) is Completed after %v", inv.ID, v, at.Sub(inv.Created))
			w.noting.Lock()
			w.report.Completed++
			w.noting.Unlock()
			return
		}
	}
	if errors.Is(context.Cause(ctx), errOver) {
		w.offend("late: an invalidation was not Completed before the end", fmt.Sprintf("%s, accepted: %v", inv.ID, made))
	}
}

// proposal makes the invalidation unless it is made already.
func proposal(s *cdn.State, inv *claim.Invalidation) ([]cdn.Change, error) {
	if _, known := versionOf(s, inv.ID); known {
		return nil, nil
	}
	c, err := cdn.NewChange(cdn.KindInvalidation, cdn.Invalidation{
		ID: inv.ID, Distribution: distribution, CallerReference: inv.ID, Paths: inv.Paths, CreateTime: time.Now(),
	}, time.Now())
	return []cdn.Change{c}, err
}

// versionOf returns the version of an invalidation.
func versionOf(s *cdn.State, id string) (cdn.Version, bool) {
	for i := range s.InvalidationRecords(distribution) {
		if i.ID == id {
			return i.Version, true
		}
	}
	return cdn.Version{}, false
}
