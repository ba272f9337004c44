// Package load measures how busy an edge is: how many requests it answers a second,
// which it reports beside how many it is to answer (its capacity).
//
// Nothing runs for it. A [Meter] is told, by whoever asks, how many requests there have
// been and what time it is, and gives the average of the last seconds, in which what is
// longer ago counts for less.
package load

import (
	"math"
	"runtime"
	"sync"
	"time"
)

// perProcessor is a tenth of the small hits that a processor answers in a second
// (docs/performance.md), which leaves room for what costs more than those: misses, large
// objects, handshakes.
const perProcessor = 10_000

// DefaultCapacity is how many requests a second an edge is to answer that is not told.
func DefaultCapacity() float64 { return perProcessor * float64(runtime.GOMAXPROCS(0)) }

const (
	// window is within how long the average follows a change by two thirds.
	window = 5 * time.Second
	// least is the shortest time that a rate is made of: two routers may ask at once.
	least = 200 * time.Millisecond
)

// Rate is an average. It changes by After alone.
type Rate struct {
	// PerSecond is the average.
	PerSecond float64
	total     uint64
	at        time.Time
}

// After returns the rate when there have been total requests at a time.
func (r Rate) After(total uint64, now time.Time) Rate {
	if r.at.IsZero() || total < r.total || now.Before(r.at) {
		return Rate{r.PerSecond, total, now}
	}
	passed := now.Sub(r.at)
	if passed < least {
		return r
	}
	of := float64(total-r.total) / passed.Seconds()
	weight := 1 - math.Exp(-passed.Seconds()/window.Seconds())
	return Rate{r.PerSecond + weight*(of-r.PerSecond), total, now}
}

// Meter is a Rate that several ask for. Its zero value is ready.
type Meter struct {
	mu   sync.Mutex
	rate Rate
}

// PerSecond returns how many requests there are a second, when there have been total.
func (m *Meter) PerSecond(total uint64, now time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rate = m.rate.After(total, now)
	return m.rate.PerSecond
}
