package journal

import "time"

// Instant is one reading of both clocks of a machine. Instants of different
// machines, or of different runs of a process, are never compared.
type Instant struct {
	Mono time.Duration // since the process's Clock was made; stands still in a suspend
	Wall time.Duration // since 1970; jumps when it is set
}

// Add returns the instant d later on both clocks.
func (t Instant) Add(d time.Duration) Instant { return Instant{t.Mono + d, t.Wall + d} }

// Clock turns the readings of time.Now into Instants. The zero Clock is not
// usable.
type Clock struct{ base time.Time }

// NewClock returns a clock whose monotonic reading starts at base, which must
// come from time.Now.
func NewClock(base time.Time) Clock { return Clock{base} }

// At returns both readings of one time.Now: read together, so that no suspend
// can fall between them.
func (c Clock) At(now time.Time) Instant {
	return Instant{Mono: now.Sub(c.base), Wall: time.Duration(now.UnixNano())}
}
