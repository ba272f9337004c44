package explore

import (
	"slices"
	"testing"

	"github.com/warmfront/warmfront/journal/mutant"
)

func newExplorer(t *testing.T) *Explorer {
	t.Helper()
	e, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheProtocolSurvives(t *testing.T) {
	if mutant.Enabled {
		t.Skip("this build breaks rules")
	}
	seeds := uint64(400)
	if testing.Short() {
		seeds = 50
	}
	e := newExplorer(t)
	var all Tally
	for seed := range seeds {
		tally, violation := e.Run(seed, nil)
		all.Add(tally)
		if violation != "" {
			t.Fatalf("seed %d: %s\n(make explore ARGS='-seed %d -trace' tells how it came to it)", seed, violation, seed)
		}
	}
	t.Logf("%+v", all)
	// What never happens is not explored.
	for name, n := range map[string]int{
		"joined": all.Joined, "stale": all.Stale, "from tiers": all.FromTier, "passed over": all.PassedOver, "epochs": all.Epochs,
		"compactions": all.Compactions, "snapshots": all.Snapshots, "lost": all.Lost, "repeated": all.Repeated, "hits": all.Hits,
	} {
		if n == 0 {
			t.Errorf("nothing was %s", name)
		}
	}
	if i := slices.Index(all.Faults[:], 0); i >= 0 {
		t.Errorf("there was no %s", FaultNames()[i])
	}
	if all.Completed < all.Invalidations/2 {
		t.Errorf("of %d invalidations %d were Completed: the worlds are too hard to say anything", all.Invalidations, all.Completed)
	}
}

func TestASeedGivesTheSameRun(t *testing.T) {
	e := newExplorer(t)
	for seed := range uint64(10) {
		var lines [2][]string
		for i := range lines {
			e.Run(seed, func(line string) { lines[i] = append(lines[i], line) })
		}
		if !slices.Equal(lines[0], lines[1]) {
			t.Fatalf("seed %d gave two different runs", seed)
		}
		if len(lines[0]) < 100 {
			t.Errorf("seed %d: %d lines of trace", seed, len(lines[0]))
		}
	}
}
