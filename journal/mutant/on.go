//go:build mutants

package mutant

import "os"

// Enabled tells whether this build has the switches.
const Enabled = true

// Breaks reports whether a rule is to be broken.
func Breaks(r Rule) bool { return os.Getenv(Variable) == string(rune(r)) }
