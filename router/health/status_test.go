package health

import (
	"testing"
	"time"
)

func TestStatus(t *testing.T) {
	// Each letter is a check: o for success, x for failure. The phases after each
	// follow: ?, U or D.
	for _, c := range []struct{ checks, phases string }{
		{"o", "U"},
		{"x", "?"},
		{"xxx", "??D"},
		{"xxo", "??U"},
		{"oxxx", "UUUD"},
		{"oxxoxx", "UUUUUU"},             // never three in a row
		{"oxxxo", "UUUDD"},               // one success is not enough
		{"oxxxoo", "UUUDDU"},             //
		{"oxxxoxoxoxoo", "UUUDDDDDDDDU"}, // a flapping edge stays down
		{"oxxxooxxx", "UUUDDUUUD"},
	} {
		t.Run(c.checks, func(t *testing.T) {
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			var s Status
			var good time.Time
			for i, check := range c.checks {
				now = now.Add(time.Second)
				s = s.After(check == 'o', now, Default())
				if got := "?UD"[s.Phase]; got != c.phases[i] {
					t.Fatalf("after %q: %c, want %c", c.checks[:i+1], got, c.phases[i])
				}
				if s.Healthy() != (s.Phase == Up) {
					t.Errorf("after %q: healthy %v in phase %v", c.checks[:i+1], s.Healthy(), s.Phase)
				}
				if check == 'o' && s.Phase == Up {
					good = now
				}
				if !s.LastGood.Equal(good) {
					t.Errorf("after %q: last good %v, want %v", c.checks[:i+1], s.LastGood, good)
				}
			}
		})
	}
}

func TestLeave(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := Status{}.After(true, now, Default()).Left(now, Default())
	if s.Healthy() {
		t.Error("a node that left is healthy")
	}
	if s = s.After(true, now, Default()); s.Healthy() {
		t.Error("a node that drains and still answers checks is healthy")
	}
	if s = s.Back(); !s.Healthy() {
		t.Error("a node that came back is not healthy")
	}
}

// TestFlapping: an edge that does not stay up needs longer each time it comes back,
// and is as good as new once it has stayed.
func TestFlapping(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := Status{}
	check := func(ok bool) Phase {
		now = now.Add(time.Second)
		s = s.After(ok, now, Default())
		return s.Phase
	}
	fall := func() {
		for range Default().Down {
			check(false)
		}
	}
	back := func() (n int) {
		for n = 1; check(true) != Up; n++ {
		}
		return n
	}
	back()
	for i, want := range []int{2, 4, 8, 16, 32, 64, 64} {
		fall()
		if got := back(); got != want {
			t.Errorf("after fall %d it takes %d successes, want %d", i+1, got, want)
		}
	}
	for range int(Default().FlapWindow / time.Second) {
		check(true)
	}
	fall()
	if got := back(); got != 2 {
		t.Errorf("after a minute without a failure it takes %d successes", got)
	}
}
