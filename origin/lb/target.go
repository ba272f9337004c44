package lb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"sync/atomic"
)

// target is one server behind the balancer.
type target struct {
	address string
	// id is what cookies name it by: who has one cannot read an address from it.
	id string
	// ctx ends when the target has nothing to answer any more.
	ctx context.Context
	end context.CancelFunc

	outstanding, requests atomic.Int64

	mu       sync.Mutex
	draining bool
	health   record
}

func newTarget(ctx context.Context, address string) *target {
	sum := sha256.Sum256([]byte("warmfront target " + address))
	t := &target{address: address, id: hex.EncodeToString(sum[:12]), health: record{reason: "it has not been checked yet"}}
	t.ctx, t.end = context.WithCancel(ctx)
	return t
}

func (t *target) candidate() candidate {
	t.mu.Lock()
	defer t.mu.Unlock()
	return candidate{t.health.healthy, t.draining, t.outstanding.Load()}
}

// take begins a request, unless the target is taken away.
func (t *target) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		return false
	}
	t.outstanding.Add(1)
	t.requests.Add(1)
	return true
}

// record is what the checks of a target came to.
type record struct {
	known, healthy bool
	run            int    // checks in a row that say otherwise
	reason         string // why it is not healthy
}

// checked returns the record after a check, which reason says failed unless it is "":
// so many in a row change the state, the first sets it.
func (r record) checked(reason string, h Health) record {
	good := reason == ""
	switch {
	case !r.known:
		return record{known: true, healthy: good, reason: reason}
	case good == r.healthy:
		r.run = 0
		if !good {
			r.reason = reason
		}
		return r
	}
	r.run++
	if limit := map[bool]int{true: h.Healthy, false: h.Unhealthy}[good]; r.run >= limit {
		return record{known: true, healthy: good, reason: reason}
	}
	return r
}

// state names the target's, as load balancers do.
func (t *target) state() (name, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.draining:
		return "draining", "it was taken away"
	case !t.health.known:
		return "initial", t.health.reason
	case t.health.healthy:
		return "healthy", ""
	}
	return "unhealthy", t.health.reason
}
