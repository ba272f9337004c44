//go:build mutants

package chaos

import (
	"flag"
	"testing"
	"time"

	"github.com/warmfront/warmfront/journal/mutant"
	"github.com/warmfront/warmfront/sim/site"
)

var (
	// Which rules are broken, and within how many runs each is to be noticed.
	rules    = flag.String("rules", caught, "the rules that TestEachBrokenRuleIsNoticed breaks, by their letters")
	patience = flag.Int("patience", 12, "within how many runs each of them is to be noticed")
)

// caught are the rules whose breach is noticed here. Of the others the explorer has the proof, for here nothing goes
// wrong by which they would matter:
//
//	B  control has no switch by which it believes gossip, which is in no ordinary build
//	H  a stream is TLS over one connection: no frame of it is ever missing
//	N  takes several controls that share a store, and here is one
//	O  a process that has crashed is gone, and never serves beside its successor; what an older cache holds has its births
//	P  a run has fewer invalidations than a snapshot keeps one by one
const caught = "ACDEFGIJKLMQ"

func TestEachBrokenRuleIsNoticed(t *testing.T) {
	for _, rule := range *rules {
		t.Run(string(rule), func(t *testing.T) {
			t.Setenv(mutant.Variable, string(rule))
			start := time.Now()
			for seed := range uint64(*patience) {
				r := run(t, Draw(*first+seed, *length))
				for _, v := range r.Violations {
					if v.What == site.Stale || v.What == site.Mixed {
						t.Logf("rule %c: noticed at seed %d, after %v\n%s", rule, *first+seed, time.Since(start).Round(time.Second), v)
						return
					}
				}
			}
			t.Errorf("rule %c was broken in %d runs, and nothing was noticed", rule, *patience)
		})
	}
}

func TestNothingIsNoticedWhereNoRuleIsBroken(t *testing.T) {
	t.Setenv(mutant.Variable, "")
	for seed := range uint64(3) {
		r := run(t, Draw(*first+seed, *length))
		for _, v := range r.Violations {
			t.Errorf("seed %d: %s", *first+seed, v)
		}
	}
}
