package proxyproto

import (
	"sync"
	"time"
)

// nonces remembers which headers were used, for as long as they are valid, in two
// generations. Only who holds the key can add to it, so it needs no bound.
type nonces struct {
	mu       sync.Mutex
	now, old map[[nonceSize]byte]struct{}
	turned   time.Time
}

// first reports whether a nonce has not been seen, and remembers it.
func (n *nonces) first(nonce [nonceSize]byte, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	// A header is valid for 2*validity at most: what is in the old generation
	// when that time has passed since the last turn is of no use any more.
	if since := now.Sub(n.turned); n.now == nil || since > 2*validity || since < 0 {
		n.old, n.now, n.turned = n.now, map[[nonceSize]byte]struct{}{}, now
	}
	_, seen := n.now[nonce]
	_, before := n.old[nonce]
	if seen || before {
		return false
	}
	n.now[nonce] = struct{}{}
	return true
}
