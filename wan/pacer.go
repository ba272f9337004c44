package wan

import "time"

// quantum is the step that due times are rounded up to, so that small writes
// made together travel as one chunk and wake one timer.
const quantum = 250 * time.Microsecond

// pacer decides when bytes that enter one direction of a connection leave it.
// Times are offsets from the connection's own start.
type pacer struct {
	rate int64 // bytes a second; 0 is unlimited

	sent time.Duration // when the last byte will have been put on the wire
	last time.Duration // the due time given last
}

// due returns when n bytes that enter at now have arrived, delay being the way
// from here to there at this moment. It never returns less than it did before:
// a delay that shrinks must not let bytes overtake those ahead of them.
func (p *pacer) due(now time.Duration, n int, delay time.Duration) time.Duration {
	at := now
	if p.rate > 0 {
		p.sent = max(p.sent, now) + time.Duration(float64(n)/float64(p.rate)*float64(time.Second))
		at = p.sent
	}
	if delay > 0 {
		at = (at + delay + quantum - 1) / quantum * quantum
	}
	p.last = max(p.last, at)
	return p.last
}
