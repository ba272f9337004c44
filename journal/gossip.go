//go:build !mutants

package journal

// gossip is what the ledger knows of a node by gossip: nothing (rule B).
type gossip struct{} //nolint:unused // a build with the tag mutants fills it

// brokenly reports whether rule A or B is broken for a node.
func (l *Ledger) brokenly(*account, Instant) bool { return false }
