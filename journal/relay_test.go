package journal

import (
	"testing"
	"time"
)

func mono(d time.Duration) Instant { return Instant{Mono: d} }

func TestANodeAsksItsNeighboursWhenControlIsGoneForLongerThanAMoment(t *testing.T) {
	d := NewDetour(mono(0), 1)
	due := func(now, want time.Duration) {
		t.Helper()
		if got, on := d.Due(mono(now)); !on || got != want {
			t.Errorf("at %v neighbours are asked in %v (%v), want %v", now, got, on, want)
		}
	}
	due(0, time.Second)
	d.Lost(mono(900*time.Millisecond), 1) // another attempt that failed
	due(900*time.Millisecond, 100*time.Millisecond)
	due(5*time.Second, 0)

	d.Opened()
	if _, on := d.Due(mono(6 * time.Second)); on || !d.Direct() {
		t.Error("neighbours are asked while control is followed")
	}
	d.Lost(mono(10*time.Second), 0)
	due(10*time.Second, 500*time.Millisecond)
	d.Lacking(mono(10*time.Second), 1)
	due(10*time.Second, 100*time.Millisecond)
	d.Lacking(mono(11*time.Second), 1) // no reason to wait longer
	due(11*time.Second, 0)

	d.Opened()
	d.Lacking(mono(20*time.Second), 0) // the stream stands, and brings nothing
	due(20*time.Second, 50*time.Millisecond)
	if d.Direct() {
		t.Error("a stream that lacks something counts as control's")
	}
}

func TestTheNeighbourThatKnowsMostIsFollowed(t *testing.T) {
	ordered := []Offer{{ver(1, 9), false}, {ver(1, 9), true}, {ver(1, 10), false}, {ver(1, 10), true}, {ver(2, 0), false}}
	for i, o := range ordered {
		for j, p := range ordered {
			if o.Better(p) != (i > j) {
				t.Errorf("%v better than %v: %v", o, p, i <= j)
			}
		}
	}
	for _, random := range []float64{0, 0.5, 1} {
		if (Offer{}).Use(random) >= (Offer{Direct: true}).Use(random) {
			t.Error("a neighbour that follows others is followed for as long as one that follows control")
		}
	}
}
