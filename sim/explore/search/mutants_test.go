//go:build mutants

package search

import (
	"os"
	"runtime"
	"testing"

	"github.com/warmfront/warmfront/journal/mutant"
)

// mostSeeds is within how many seeds each broken rule is to be noticed.
const mostSeeds = 1000

func TestEachBrokenRuleIsNoticed(t *testing.T) {
	for _, rule := range mutant.Rules {
		t.Run(string(rule), func(t *testing.T) {
			t.Setenv(mutant.Variable, "") // and put back when the test is over
			c, err := Catch(newExplorer(t), rule, mostSeeds, runtime.GOMAXPROCS(0), os.Setenv)
			if err != nil {
				t.Fatal(err)
			}
			if c.Worlds == 0 {
				t.Fatalf("rule %c was broken in %d worlds, and nobody noticed", rule, mostSeeds)
			}
			t.Logf("rule %c: noticed in world %d: %v", rule, c.Worlds, c.Violation)
		})
	}
}

func TestNothingIsNoticedWhereNoRuleIsBroken(t *testing.T) {
	t.Setenv(mutant.Variable, "")
	noViolation(t, 200)
}
