//go:build !mutants

package mutant

// Enabled tells whether this build has the switches.
const Enabled = false

// Breaks reports whether a rule is to be broken.
func Breaks(Rule) bool { return false }
