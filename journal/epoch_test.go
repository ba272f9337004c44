package journal

import (
	"math"
	"testing"
	"time"
)

func TestNextEpoch(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	for _, c := range []struct{ over, want uint64 }{
		{1, 1_700_000_000_000},
		{1_700_000_000_000, 1_700_000_000_001}, // begun a moment ago
		{1_800_000_000_000, 1_800_000_000_001}, // the clock is behind
	} {
		if got := NextEpoch(c.over, now); got != c.want {
			t.Errorf("NextEpoch(%d) = %d, want %d", c.over, got, c.want)
		}
	}
	if got := NextEpoch(1, time.Unix(-5, 0)); got != 2 {
		t.Errorf("before 1970: %d", got)
	}
	if NextEpoch(1, now) == NextEpoch(1, now.Add(time.Minute)) {
		t.Error("a backup that is put back twice begins the same epoch twice")
	}
}

func TestPlausible(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	for _, c := range []struct {
		epoch, own uint64
		want       bool
	}{
		{1, 1, true}, {5, 1, true}, {1_700_000_000_000, 1, true},
		{1_700_000_000_000 + EpochLeap, 1, true}, {1_700_000_000_000 + EpochLeap + 1, 1, false},
		{1_900_000_000_005, 1_900_000_000_000, true}, {math.MaxUint64, 1, false}, {math.MaxUint64, 1_900_000_000_000, false},
	} {
		if got := Plausible(c.epoch, c.own, now); got != c.want {
			t.Errorf("Plausible(%d, %d) = %v", c.epoch, c.own, got)
		}
	}
}
