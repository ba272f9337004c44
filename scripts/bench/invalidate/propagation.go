package main

import (
	"context"
	"fmt"
	"time"
)

// propagation is how fast invalidations were everywhere, without faults.
type propagation struct {
	Edges int `json:"edges"`
	// Answer is from asking the API to its answer. Applied and Completed are from the answer to the last edge having
	// applied it, 0 where that was before, and to the API reporting Completed; Whole is from asking to the former.
	Answer    spread `json:"answer"`
	Applied   spread `json:"applied"`
	Whole     spread `json:"asked_to_applied"`
	Completed spread `json:"completed"`
	// CPU is what the whole network and who asks use for one invalidation, AtRest in a second without any.
	CPU    time.Duration `json:"cpu_ns"`
	AtRest time.Duration `json:"cpu_at_rest_ns"`
	Burst  burst         `json:"burst"`
}

// burst is many at once: from the first being asked for.
type burst struct {
	Count     int           `json:"count"`
	Answered  time.Duration `json:"answered_ns"` // the last
	Applied   time.Duration `json:"applied_ns"`
	Completed time.Duration `json:"completed_ns"`
}

const (
	// one is the most that one invalidation may take before the run fails.
	oneLimit = 30 * time.Second
	// poll is how often it is asked whether an invalidation is Completed: each time costs a signature on either side.
	poll = 4 * time.Millisecond
	// apart keeps the acknowledgements of one invalidation out of the next.
	apart = 30 * time.Millisecond
)

func (r *running) propagation(ctx context.Context, cfg config) (propagation, error) {
	p := propagation{Edges: r.edges}
	var answer, applied, whole, completed []time.Duration
	if _, err := r.one(ctx, &p); err != nil { // connections are made
		return p, err
	}
	before := selfCPU()
	if err := pause(ctx, cfg.rest); err != nil {
		return p, err
	}
	p.AtRest = time.Duration(float64(selfCPU()-before) / cfg.rest.Seconds())
	p.CPU = 0
	for i := range cfg.invalidations {
		o, err := r.one(ctx, &p)
		if err != nil {
			return p, err
		}
		answer, applied = append(answer, o.answered.Sub(o.asked)), append(applied, max(0, o.applied.Sub(o.answered)))
		whole, completed = append(whole, o.applied.Sub(o.asked)), append(completed, o.completed.Sub(o.answered))
		if (i+1)%50 == 0 {
			say("%d edges: %d of %d invalidations", r.edges, i+1, cfg.invalidations)
		}
	}
	p.Answer, p.Applied, p.Whole, p.Completed = spreadOf(answer), spreadOf(applied), spreadOf(whole), spreadOf(completed)
	p.CPU /= time.Duration(cfg.invalidations)
	var err error
	p.Burst, err = r.burst(ctx, cfg.burst)
	return p, err
}

// once is one invalidation's times.
type once struct{ asked, answered, applied, completed time.Time }

func (r *running) one(ctx context.Context, p *propagation) (o once, err error) {
	ctx, cancel := context.WithTimeout(ctx, oneLimit)
	defer cancel()
	if err := pause(ctx, apart); err != nil {
		return o, err
	}
	before := selfCPU()
	o.asked = time.Now()
	id, err := r.invalidate(ctx, r.distribution, "/*")
	if err != nil {
		return o, err
	}
	o.answered = time.Now()
	if o.completed, err = r.completed(ctx, r.distribution, id, poll); err != nil {
		return o, err
	}
	p.CPU += selfCPU() - before
	o.applied, err = r.arrivals.wait(ctx, id)
	if err == nil && o.applied.After(o.completed) {
		err = fmt.Errorf("%s was Completed %v before the last edge had applied it", id, o.applied.Sub(o.completed))
	}
	return o, err
}

// burst asks for many at once, each of a path of its own.
func (r *running) burst(ctx context.Context, count int) (burst, error) {
	ctx, cancel := context.WithTimeout(ctx, oneLimit)
	defer cancel()
	b := burst{Count: count}
	began := time.Now()
	type asked struct {
		id  string
		err error
	}
	all := make(chan asked, count)
	for i := range count {
		go func() {
			id, err := r.invalidate(ctx, r.distribution, fmt.Sprintf("/burst/%d", i))
			all <- asked{id, err}
		}()
	}
	var ids []string
	for range count {
		a := <-all
		if a.err != nil {
			return b, a.err
		}
		ids = append(ids, a.id)
	}
	b.Answered = time.Since(began)
	for _, id := range ids {
		completed, err := r.completed(ctx, r.distribution, id, poll)
		if err != nil {
			return b, err
		}
		applied, err := r.arrivals.wait(ctx, id)
		if err != nil {
			return b, err
		}
		b.Applied, b.Completed = max(b.Applied, applied.Sub(began)), max(b.Completed, completed.Sub(began))
	}
	return b, nil
}
