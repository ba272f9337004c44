package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// arrivals knows when every edge had applied which invalidation of one distribution.
type arrivals struct {
	edges int // how many there are

	mu           sync.Mutex
	distribution string
	had          map[string]cdn.Version // by node: how far its invalidations are counted
	seen         map[string]*arrival    // by the invalidation's id
}

// An arrival is one invalidation's.
type arrival struct {
	edges int
	last  time.Time
	all   chan struct{} // closed once every edge has it
}

func newArrivals(edges int) *arrivals {
	return &arrivals{edges: edges, had: map[string]cdn.Version{}, seen: map[string]*arrival{}}
}

// of says which distribution's invalidations count from now on.
func (a *arrivals) of(distribution string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.distribution = distribution
}

// note is network.UpConfig's OnApply.
func (a *arrivals) note(node string, s *cdn.State) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.distribution == "" || s.Nodes[node].Role != cdn.RoleEdge {
		return
	}
	for inv := range s.InvalidationRecords(a.distribution) {
		if !a.had[node].Before(inv.Version) {
			break
		}
		one := a.arrival(inv.ID)
		one.edges, one.last = one.edges+1, now
		if one.edges == a.edges {
			close(one.all)
		}
	}
	a.had[node] = s.Version
}

func (a *arrivals) arrival(id string) *arrival {
	one := a.seen[id]
	if one == nil {
		one = &arrival{all: make(chan struct{})}
		a.seen[id] = one
	}
	return one
}

// wait returns when the last edge had applied the invalidation.
func (a *arrivals) wait(ctx context.Context, id string) (time.Time, error) {
	a.mu.Lock()
	one := a.arrival(id)
	a.mu.Unlock()
	select {
	case <-one.all:
		return one.last, nil
	case <-ctx.Done():
		a.mu.Lock()
		defer a.mu.Unlock()
		return time.Time{}, fmt.Errorf("%d of %d edges have applied %s: %w", one.edges, a.edges, id, ctx.Err())
	}
}
