//go:build mutants

package reuse

import (
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/journal/mutant"
)

// TestABrokenRuleOServesWhatWasRecalled, so the tests of it would notice.
func TestABrokenRuleOServesWhatWasRecalled(t *testing.T) {
	now := time.Unix(1e9, 0)
	o := recorded(&cache.Object{Birth: v(1, 5), Received: now, Lifetime: rfc9111.Lifetime{Fresh: time.Minute}}, 7)
	f := Facts{Now: now, Leased: true, Applied: v(1, 9), Doubt: cache.Doubt{Recorded: 7}}
	for rule, want := range map[string]Action{"": Confirm, "O": Serve} {
		t.Setenv(mutant.Variable, rule)
		if got, _ := Decide(o, f); got != want {
			t.Errorf("rule %q broken: %v, want %v", rule, got, want)
		}
	}
}
