// Package search runs the worlds of package explore by the thousand, on many
// processors, and finds the first in which the guarantee is broken; and it shows that
// the explorer notices, by having it explore networks that break a rule.
package search

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/warmfront/warmfront/journal/mutant"
	"github.com/warmfront/warmfront/sim/explore"
)

// Search says which worlds to run, and when that is enough.
type Search struct {
	// First is the first seed, Seeds how many there are from there on.
	First, Seeds uint64
	// Parallel is how many worlds are run at a time.
	Parallel int
	// Enough says of what was found whether to begin no more worlds; nil: never.
	Enough func(explore.Violation) bool
	// Progress, if it is not nil, is told after each world how many are done and what
	// was found in them, one call at a time.
	Progress func(worlds, violations int)
}

// Found is a way around the guarantee.
type Found struct {
	Seed uint64 `json:"seed"`
	explore.Violation
}

// Run runs worlds. What it found comes in the order of the seeds: every world
// before the one that was enough was run to its end, so the first that it names is
// the first that there is, however many are run at a time.
func (s Search) Run(e *explore.Explorer) (explore.Tally, []Found) {
	var (
		mu    sync.Mutex
		next  uint64
		ended bool
		total explore.Tally
		found []Found
		wg    sync.WaitGroup
	)
	take := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		if ended || next == s.Seeds {
			return 0, false
		}
		next++
		return s.First + next - 1, true
	}
	note := func(seed uint64, t explore.Tally, v *explore.Violation) {
		mu.Lock()
		defer mu.Unlock()
		total.Add(t)
		if v != nil {
			found = append(found, Found{seed, *v})
			ended = ended || s.Enough != nil && s.Enough(*v)
		}
		if s.Progress != nil {
			s.Progress(total.Runs, len(found))
		}
	}
	for range max(1, s.Parallel) {
		wg.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				t, v := e.Run(seed, nil)
				note(seed, t, v)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(found, func(a, b Found) int {
		if a.Seed < b.Seed {
			return -1
		}
		return 1
	})
	return total, found
}

// Caught is how a broken rule was noticed.
type Caught struct {
	Rule string `json:"rule"`
	// Worlds are how many it took, 0 where it was not noticed at all.
	Worlds uint64 `json:"worlds"`
	Found
}

// Catch runs worlds, most at the most, of a network that breaks a rule, until one
// breaks the guarantee itself: that it noticed something else is not enough. It
// needs a build with the tag mutants, and the environment to itself.
func Catch(e *explore.Explorer, rule rune, most uint64, parallel int, setenv func(name, value string) error) (Caught, error) {
	if !mutant.Enabled {
		return Caught{}, fmt.Errorf("this build cannot break rules: build it with -tags mutants")
	}
	if !strings.ContainsRune(mutant.Rules, rule) {
		return Caught{}, fmt.Errorf("%q is no rule: they are %s", rule, mutant.Rules)
	}
	c := Caught{Rule: string(rule)}
	if err := setenv(mutant.Variable, c.Rule); err != nil {
		return c, err
	}
	guarantee := func(v explore.Violation) bool { return v.Claim == explore.Fresh || v.Claim == explore.Whole }
	_, found := Search{Seeds: most, Parallel: parallel, Enough: guarantee}.Run(e)
	for _, f := range found {
		if guarantee(f.Violation) {
			c.Worlds, c.Found = f.Seed+1, f
			break
		}
	}
	return c, setenv(mutant.Variable, "")
}
