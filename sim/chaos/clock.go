package chaos

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/warmfront/warmfront/journal"
)

// clock is a machine's: both its clocks drift, the wall clock can be set, and the monotonic one stands still while the
// machine sleeps. The machine's timers go by true time all the same.
type clock struct {
	base  time.Time
	drift float64 // of both, as a part of the time that passes

	mu sync.Mutex
	// set is how far the wall clock was put forward, slept for how long the machine has slept, asleep since when it
	// does; zero: it is awake.
	set, slept time.Duration
	asleep     time.Time
}

// mostDrift is so little that two clocks part by less than the margin within a lease.
const mostDrift = 0.015

func newClock(base time.Time, r *rand.Rand) *clock {
	return &clock{base: base, drift: mostDrift * (2*r.Float64() - 1)}
}

// at is journal.Clock.At.
func (c *clock) at(now time.Time) journal.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	passed := now.Sub(c.base)
	awake := passed - c.slept
	if !c.asleep.IsZero() {
		awake -= max(0, now.Sub(c.asleep))
	}
	return journal.Instant{Mono: c.drifted(awake), Wall: time.Duration(c.base.UnixNano()) + c.drifted(passed) + c.set}
}

func (c *clock) drifted(d time.Duration) time.Duration {
	return d + time.Duration(float64(d)*c.drift)
}

// put sets the wall clock that far ahead of the right time.
func (c *clock) put(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set = ahead
}

func (c *clock) sleep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asleep = time.Now()
}

func (c *clock) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept += time.Since(c.asleep)
	c.asleep = time.Time{}
}
