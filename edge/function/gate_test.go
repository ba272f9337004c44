package function

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestOwnersTakeTurns: who has one run waiting does not wait for all of somebody who has
// many.
func TestOwnersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		var order []string
		var all sync.WaitGroup
		wait := func(owner string) {
			all.Go(func() {
				if err := g.enter(t.Context(), &g.short, owner, mostShort); err != nil {
					t.Error(err)
					return
				}
				order = append(order, owner)
				<-time.After(time.Millisecond)
				g.leave(&g.short, owner)
			})
			synctest.Wait()
		}
		_, _ = g.enter(t.Context(), &g.short, "x", mostShort), g.enter(t.Context(), &g.short, "x", mostShort)
		for range 20 {
			wait("many")
		}
		wait("one")
		wait("two")
		g.leave(&g.short, "x")
		all.Wait()
		if len(order) != 22 || order[1] != "one" || order[2] != "two" {
			t.Errorf("%v", order)
		}
		if g.leave(&g.short, "x"); g.short.free != 2 || len(g.short.owners)+len(g.short.turn) != 0 {
			t.Errorf("left behind: %+v", g.short)
		}
	})
}

// TestGateTurnsAway: who waits too long, or goes away, is throttled, and so is at once who has
// too many long runs; and nothing of them is left.
func TestGateTurnsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		began := time.Now()
		var all sync.WaitGroup
		for range mostLong {
			all.Go(func() {
				if err := g.enter(t.Context(), &g.long, "bad", mostLong); err != nil && (!errors.Is(err, errThrottled) || time.Since(began) != maxWait) {
					t.Error(err, time.Since(began))
				}
			})
		}
		synctest.Wait()
		if err := g.enter(t.Context(), &g.long, "bad", mostStopped); !errors.Is(err, errThrottled) || time.Since(began) != 0 {
			t.Error(err)
		}
		if err := g.enter(t.Context(), &g.long, "bad", mostLong); !errors.Is(err, errThrottled) || time.Since(began) != 0 {
			t.Error(err)
		}
		gone, leave := context.WithCancel(t.Context())
		all.Go(func() {
			if err := g.enter(gone, &g.long, "good", mostLong); !errors.Is(err, errThrottled) || time.Since(began) != 0 {
				t.Error(err)
			}
		})
		synctest.Wait()
		leave()
		all.Wait()
		if g.leave(&g.long, "bad"); g.long.free != 1 || len(g.long.owners)+len(g.long.turn) != 0 {
			t.Errorf("left behind: %+v", g.long)
		}
	})
}

// TestLongRunsRest: a run that takes long gives its place up, goes on beside few others, and
// rests as long as it works.
func TestLongRunsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		free := func(l *lane) int {
			synctest.Wait()
			g.mu.Lock()
			defer g.mu.Unlock()
			return l.free
		}
		var long atomic.Bool
		p, err := g.pass(t.Context(), "bad", &long)
		if err != nil || free(&g.short) != 1 || long.Load() {
			t.Fatal(err)
		}
		began := time.Now()
		for range 3 {
			<-time.After(2 * time.Millisecond) // it works
			if err := p.pause(); err != nil || free(&g.short) != 2 || free(&g.long) != 0 {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 12*time.Millisecond || !long.Load() {
			t.Error(took, long.Load())
		}
		<-time.After(time.Millisecond) // it works
		if p.close(); free(&g.long) != 0 {
			t.Error("its place does not rest")
		}
		if <-time.After(time.Millisecond + 1); free(&g.long) != 1 {
			t.Error("it holds its place")
		}
	})
}
