package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/journal"
)

// partition is how long invalidations took that one edge was not told of.
type partition struct {
	Edges int `json:"edges"`
	// Lease is the length of a lease, and what control waits for it: with the margin for drift.
	Lease time.Duration `json:"lease_ns"`
	Held  time.Duration `json:"held_ns"`
	// Completed is from the API's answer; Beyond from the end of the lease as control told it.
	Completed spread `json:"completed"`
	Beyond    spread `json:"beyond_the_lease"`
	Healed    spread `json:"healed"` // from the end of the fault to the edge being level again
}

// within is what the figure is held to: the lease and a second.
func (p partition) within() time.Duration { return p.Lease + time.Second }

func (r *running) partition(ctx context.Context, cfg config) (partition, error) {
	terms := journal.LabTerms()
	p := partition{Edges: r.edges, Lease: terms.Length, Held: terms.Held()}
	var completed, beyond, healed []time.Duration
	for i := range cfg.partitions {
		took, late, level, err := r.cutOff(ctx, terms)
		if err != nil {
			return p, err
		}
		completed, beyond, healed = append(completed, took), append(beyond, late), append(healed, level)
		say("partition %d of %d: Completed after %v, %v after the lease's end; level %v after the fault", i+1, cfg.partitions, took.Round(time.Millisecond), late.Round(time.Millisecond), level.Round(time.Millisecond))
	}
	p.Completed, p.Beyond, p.Healed = spreadOf(completed), spreadOf(beyond), spreadOf(healed)
	if p.Completed.Most > p.within() {
		return p, fmt.Errorf("an invalidation was Completed %v after its answer; the lease and a second are %v", p.Completed.Most, p.within())
	}
	return p, nil
}

// cutOff partitions an edge at some moment of its lease, and invalidates at some moment after that.
func (r *running) cutOff(ctx context.Context, terms journal.Terms) (took, late, level time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, terms.Held()+oneLimit)
	defer cancel()
	nodes, err := r.nodes(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	id := edgesOf(nodes)[rand.N(r.edges)]
	if err := pause(ctx, rand.N(terms.Renewal())); err != nil {
		return 0, 0, 0, err
	}
	if err := r.fault(ctx, "partition", id); err != nil {
		return 0, 0, 0, err
	}
	if err := pause(ctx, rand.N(terms.Length/2)); err != nil {
		return 0, 0, 0, err
	}
	if nodes, err = r.nodes(ctx); err != nil {
		return 0, 0, 0, err
	}
	ends := time.Now().Add(leaseLeft(nodes, id))
	invalidation, err := r.invalidate(ctx, r.distribution, "/*")
	if err != nil {
		return 0, 0, 0, err
	}
	answered := time.Now()
	done, err := r.completed(ctx, r.distribution, invalidation, poll)
	if err == nil && done.Before(ends.Add(-50*time.Millisecond)) { // asking took time
		err = fmt.Errorf("%s was Completed %v before the lease of %s had ended, which was cut off", invalidation, ends.Sub(done), id)
	}
	healed := time.Now()
	if err = errors.Join(err, r.fault(ctx, "heal", id)); err != nil {
		return 0, 0, 0, err
	}
	applied, err := r.arrivals.wait(ctx, invalidation)
	for err == nil && leaseLeft(nodes, id) < terms.Length { // until it has a new one
		if nodes, err = r.nodes(ctx); err == nil {
			err = pause(ctx, poll)
		}
	}
	return done.Sub(answered), done.Sub(ends), applied.Sub(healed), err
}

func (r *running) nodes(ctx context.Context) (nodes operator.Nodes, err error) {
	err = r.operator(ctx, "GET", "/warmfront/v1/nodes", nil, &nodes)
	return nodes, err
}

func (r *running) fault(ctx context.Context, kind, node string) error {
	return r.operator(ctx, "POST", "/warmfront/v1/faults", operator.Fault{Kind: kind, Target: node}, &operator.Faulted{})
}

func edgesOf(nodes operator.Nodes) (ids []string) {
	for _, n := range nodes.Nodes {
		if n.POP != "" {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

func leaseLeft(nodes operator.Nodes, id string) time.Duration {
	for _, n := range nodes.Nodes {
		if n.ID == id {
			return n.LeaseLeft
		}
	}
	return 0
}
