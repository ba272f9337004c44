//go:build mutants

package explore

import (
	"strings"
	"testing"

	"github.com/warmfront/warmfront/journal/mutant"
)

// mostSeeds is within how many seeds each broken rule is to be noticed.
const mostSeeds = 1000

func TestEachBrokenRuleIsNoticed(t *testing.T) {
	for _, rule := range mutant.Rules {
		t.Run(string(rule), func(t *testing.T) {
			t.Setenv(mutant.Variable, string(rule))
			e := newExplorer(t)
			for seed := range uint64(mostSeeds) {
				if _, violation := e.Run(seed, nil); violation != "" {
					t.Logf("rule %c: noticed at seed %d: %s", rule, seed, violation)
					if strings.Contains(violation, "Completed when the request") || strings.Contains(violation, "mixture") {
						return
					}
				}
			}
			t.Errorf("rule %c was broken in %d worlds, and nothing was noticed", rule, mostSeeds)
		})
	}
}

func TestNothingIsNoticedWhereNoRuleIsBroken(t *testing.T) {
	t.Setenv(mutant.Variable, "")
	e := newExplorer(t)
	for seed := range uint64(200) {
		if _, violation := e.Run(seed, nil); violation != "" {
			t.Fatalf("seed %d: %s", seed, violation)
		}
	}
}
