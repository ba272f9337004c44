//go:build mutants

package journal

import "github.com/warmfront/warmfront/journal/mutant"

// gossip is what a broken ledger believes of a node.
type gossip struct{ dead bool }

// Gossip tells a ledger that breaks rule B whether gossip calls a node dead.
func (l *Ledger) Gossip(id string, dead bool) {
	if a := l.nodes[id]; a != nil {
		a.dead = dead
	}
}

// brokenly reports whether a node is not waited for that rule A or B says is to
// be: one that has not called for longer than it takes to renew, or that gossip
// calls dead.
func (l *Ledger) brokenly(a *account, now Instant) bool {
	if mutant.Breaks('B') && a.dead {
		return true
	}
	if !mutant.Breaks('A') {
		return false
	}
	for _, g := range a.grants {
		if now.Mono-(g.end-l.terms.Held()) < l.terms.Renewal()*3/2 {
			return false
		}
	}
	return true
}
