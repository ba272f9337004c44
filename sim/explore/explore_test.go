package explore

import (
	"crypto/sha256"
	"runtime"
	"slices"
	"sync"
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
	all := noViolation(t, seeds)
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

// noViolation runs worlds in which nothing may be found.
func noViolation(t *testing.T, seeds uint64) Tally {
	t.Helper()
	all, found := newExplorer(t).Search(Search{Seeds: seeds, Parallel: runtime.GOMAXPROCS(0), Enough: func(Violation) bool { return true }})
	for _, f := range found {
		t.Errorf("seed %d, %v\n(make explore ARGS='-seed %d -trace' tells how it came to it)", f.Seed, f.Violation, f.Seed)
	}
	return all
}

// traced runs a world and returns the digest of its trace, and how long that is.
func traced(e *Explorer, seed uint64) (digest [sha256.Size]byte, lines int) {
	h := sha256.New()
	e.Run(seed, func(line string) {
		lines++
		h.Write([]byte(line + "\n"))
	})
	h.Sum(digest[:0])
	return digest, lines
}

// A seed gives the same run, byte for byte, whatever was run before it or is run
// beside it.
func TestASeedGivesTheSameRun(t *testing.T) {
	e := newExplorer(t)
	var once [10][sha256.Size]byte
	for seed := range once {
		var lines int
		if once[seed], lines = traced(e, uint64(seed)); lines < 100 {
			t.Errorf("seed %d: %d lines of trace", seed, lines)
		}
	}
	var again [len(once)][sha256.Size]byte
	var running sync.WaitGroup
	for seed := range slices.Backward(again[:]) {
		running.Go(func() { again[seed], _ = traced(e, uint64(seed)) })
	}
	running.Wait()
	if other, _ := traced(newExplorer(t), 0); other != once[0] {
		t.Error("another explorer gave another run")
	}
	for seed := range once {
		if once[seed] != again[seed] {
			t.Errorf("seed %d gave two different runs", seed)
		}
		if seed > 0 && once[seed] == once[seed-1] {
			t.Errorf("seeds %d and %d gave the same run", seed-1, seed)
		}
	}
}

// The first seed that is found is the same however many worlds are run at a time.
func TestWhatIsFoundFirstIsTheFirst(t *testing.T) {
	e := newExplorer(t)
	for _, parallel := range []int{1, 4} {
		worlds := 0
		total, found := e.Search(Search{First: 3, Seeds: 8, Parallel: parallel, Progress: func(n, _ int) { worlds = n }})
		if total.Runs != 8 || worlds != 8 || len(found) != 0 {
			t.Errorf("%d at a time: %d worlds, %d told, %d violations", parallel, total.Runs, worlds, len(found))
		}
	}
}
