// Package mutant breaks the rules of the invalidation guarantee on purpose, one
// at a time, so that the checkers which hold the code to the guarantee can be
// shown to notice. A checker that does not notice is the defect.
//
// In an ordinary build [Breaks] is the constant false, and the compiler leaves
// nothing of a switch behind. In a build with the tag "mutants" it is true of the
// one rule whose letter is in the environment variable WARMFRONT_MUTANT: the
// explorer, the cluster in simulated time and real processes are broken alike.
//
// The rules are those of docs/invalidation.md. Each has exactly one switch, at the
// place that keeps it.
package mutant

// Rule is a rule of the guarantee, named by its letter, 'A' to 'Q'.
type Rule byte

// Rules are all of them.
const Rules = "ABCDEFGHIJKLMNOPQ"

// Variable is the environment variable that names the rule to break.
const Variable = "WARMFRONT_MUTANT"
