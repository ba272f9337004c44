// Package mutant breaks the rules of the invalidation guarantee on purpose, one
// at a time, so that the checkers which hold the code to the guarantee can be
// shown to notice. A checker that does not notice is the defect.
//
// In an ordinary build [Breaks] is the constant false, and the compiler leaves
// nothing of a switch behind. In a build with the tag "mutants" it is true of the
// one rule whose letter is in the environment variable WARMFRONT_MUTANT: the
// explorer, the cluster in simulated time and real processes are broken alike.
//
// The rules are those of docs/invalidation.md. Each has its switch at the place that
// keeps it; where two places keep a rule, and either would do, one switch breaks both:
//
//	A, B, G  journal.Ledger.Settled      H, E, F, M  journal.Follower
//	I        journal.Lease.Valid         N           journal.MayGrant
//	O        journal.Ledger.Join,        C, L        reuse.Begun.Answered
//	         journal.Disk.Older, reuse.Decide
//	D        reuse.Need, reuse.Birth     J, K        reuse.MayJoin, reuse.MayUse
//	P        reuse.Decide                Q           reuse.SameObject
//
// What gossip calls dead (B) is told to journal.Ledger.Gossip, which an ordinary
// build does not have.
package mutant

// Rule is a rule of the guarantee, named by its letter, 'A' to 'Q'.
type Rule byte

// Rules are all of them.
const Rules = "ABCDEFGHIJKLMNOPQ"

// Variable is the environment variable that names the rule to break.
const Variable = "WARMFRONT_MUTANT"
