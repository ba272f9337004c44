//go:build mutants

package explore

import "time"

// gossip has a node be called dead until then.
func (w *world) gossip(n *node, until time.Duration) {
	say := func(dead bool) {
		for _, c := range w.controls {
			if c.ledger != nil {
				c.ledger.Gossip(n.id, dead)
				w.after(&c.machine, 0, c.settle)
			}
		}
	}
	w.after(nil, time.Second, func() { say(true) })
	w.after(nil, until-w.now, func() { say(false) })
}
