//go:build !mutants

package search

import (
	"os"
	"os/exec"
	"testing"
)

// An ordinary build cannot break a rule, so this has another one made that can.
func TestABuildThatBreaksRulesIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the tests anew")
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-tags", "mutants", "-count=1", "-run", "Broken", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}
