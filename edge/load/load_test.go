package load

import (
	"math"
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var r Rate
	var total uint64
	run := func(seconds int, perSecond uint64, step time.Duration) {
		for end := now.Add(time.Duration(seconds) * time.Second); now.Before(end); {
			now = now.Add(step)
			total += uint64(float64(perSecond) * step.Seconds())
			r = r.After(total, now)
		}
	}
	near := func(want float64) {
		t.Helper()
		if math.Abs(r.PerSecond-want) > want/20+0.5 {
			t.Errorf("%v a second, want %v", r.PerSecond, want)
		}
	}
	r = r.After(total, now)
	near(0)
	run(30, 100, time.Second)
	near(100)
	run(5, 1000, time.Second)
	near(100 + 900*(1-1/math.E))
	run(30, 1000, 250*time.Millisecond)
	near(1000)
	// Whoever asks again at once makes no difference.
	before := r
	total += 500
	if r = r.After(total, now.Add(time.Millisecond)); r != before {
		t.Errorf("asked again: %+v", r)
	}
	run(40, 0, 2*time.Second)
	near(0)
	// Nobody has asked for long: the average is that of the time between.
	now, total = now.Add(time.Hour), total+3600*7
	r = r.After(total, now)
	near(7)
	// A clock that was set back, a counter that began anew.
	for _, then := range []Rate{r.After(total+9, now.Add(-time.Hour)), r.After(0, now.Add(time.Second))} {
		if then.PerSecond != r.PerSecond {
			t.Errorf("%+v", then)
		}
	}
}

func TestMeter(t *testing.T) {
	var m Meter
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m.PerSecond(0, now)
	for i := range 60 {
		now = now.Add(time.Second)
		m.PerSecond(uint64(i+1)*50, now)
	}
	if got := m.PerSecond(3000, now); math.Abs(got-50) > 1 {
		t.Errorf("%v a second", got)
	}
	if DefaultCapacity() < perProcessor {
		t.Errorf("a capacity of %v", DefaultCapacity())
	}
}
