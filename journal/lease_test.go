package journal

import (
	"testing"
	"time"
)

func TestLeaseEndsWhenEitherClockSaysSo(t *testing.T) {
	sent := Instant{Mono: 5 * time.Second, Wall: 1000 * time.Second}
	lease := Grant(sent, Terms{Length: 10 * time.Second, Margin: time.Second})
	const runs = 9 * time.Second // from the call, less the margin
	for _, test := range []struct {
		name       string
		mono, wall time.Duration // since the call
		want       bool
	}{
		{"at once", 0, 0, true},
		{"just before the end", runs - 1, runs - 1, true},
		{"at the end", runs, runs, false},
		{"slept: the monotonic clock stood still", time.Second, time.Hour, false},
		{"the wall clock was set back", runs, -time.Hour, false},
		{"the wall clock was set back, within the lease", runs - 1, -time.Hour, true},
		{"the wall clock was set forward", time.Second, runs, false},
	} {
		now := Instant{sent.Mono + test.mono, sent.Wall + test.wall}
		if got := lease.Valid(now); got != test.want {
			t.Errorf("%s: valid is %v, want %v", test.name, got, test.want)
		}
		if got := lease.Left(now) > 0; got != test.want {
			t.Errorf("%s: time left is %v, want %v", test.name, got, test.want)
		}
	}
	if (Lease{}).Valid(Instant{}) {
		t.Error("the zero lease is valid")
	}
}

func TestClockReadsBothClocksFromOneTime(t *testing.T) {
	base := time.Now()
	c := NewClock(base)
	got := c.At(base.Add(3 * time.Second))
	if want := (Instant{3 * time.Second, time.Duration(base.UnixNano()) + 3*time.Second}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTermsLeaveTheNodeTimeToRenew(t *testing.T) {
	for _, terms := range []Terms{LabTerms(), HostTerms()} {
		// Three renewals may be lost before the lease ends.
		if 3*terms.Renewal() >= terms.Length-terms.Margin {
			t.Errorf("%+v: renewed every %v", terms, terms.Renewal())
		}
	}
}
