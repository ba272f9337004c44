package search

import (
	"crypto/sha256"
	"slices"
	"sync"
	"testing"

	"github.com/warmfront/warmfront/sim/explore"
)

// traced runs a world and returns the digest of its trace, and how long that is.
func traced(e *explore.Explorer, seed uint64) (digest [sha256.Size]byte, lines int) {
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
