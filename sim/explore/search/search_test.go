package search

import (
	"runtime"
	"slices"
	"testing"

	"github.com/warmfront/warmfront/journal/mutant"
	"github.com/warmfront/warmfront/sim/explore"
)

func newExplorer(t *testing.T) *explore.Explorer {
	t.Helper()
	e, err := explore.New()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheProtocolSurvives(t *testing.T) {
	if mutant.Enabled {
		t.Skip("this build breaks rules")
	}
	seeds := uint64(300)
	if testing.Short() {
		seeds = 50
	}
	all := noViolation(t, seeds)
	t.Logf("%+v", all)
	// What never happens is not explored.
	for name, n := range map[string]int{
		"joined": all.Joined, "stale": all.Stale, "from tiers": all.FromTier, "passed over": all.PassedOver, "epochs": all.Epochs,
		"compactions": all.Compactions, "snapshots": all.Snapshots, "lost": all.Lost, "repeated": all.Repeated, "hits": all.Hits,
		"served without a lease": all.Unleased, "moved to another origin": all.Moves,
	} {
		if n == 0 {
			t.Errorf("nothing was %s", name)
		}
	}
	if i := slices.Index(all.Faults[:], 0); i >= 0 {
		t.Errorf("there was no %s", explore.FaultNames()[i])
	}
	if all.Completed < all.Invalidations*9/10 {
		t.Errorf("of %d invalidations %d were Completed: the worlds are too hard to say anything", all.Invalidations, all.Completed)
	}
}

// noViolation runs worlds in which nothing may be found.
func noViolation(t *testing.T, seeds uint64) explore.Tally {
	t.Helper()
	all, found := Search{Seeds: seeds, Parallel: runtime.GOMAXPROCS(0)}.Run(newExplorer(t))
	for _, f := range found {
		t.Errorf("seed %d, %v\n(make explore ARGS='-seed %d -trace' tells how it came to it)", f.Seed, f.Violation, f.Seed)
	}
	return all
}

// The first seed that is found is the same however many worlds are run at a time.
func TestWhatIsFoundFirstIsTheFirst(t *testing.T) {
	e := newExplorer(t)
	for _, parallel := range []int{1, 4} {
		worlds := 0
		total, found := Search{First: 3, Seeds: 8, Parallel: parallel, Progress: func(n, _ int) { worlds = n }}.Run(e)
		if total.Runs != 8 || worlds != 8 || len(found) != 0 {
			t.Errorf("%d at a time: %d worlds, %d told, %d violations", parallel, total.Runs, worlds, len(found))
		}
	}
}
