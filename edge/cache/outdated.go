package cache

import (
	"strings"

	"github.com/warmfront/warmfront/cdn"
)

// Outdated reports whether a record of the disk is of no use any more to a node that
// has applied state: it was invalidated, so that whoever asks fetches it whole, or
// its distribution is gone, or nobody can read its head. What was invalidated while
// the node was down is found so before anybody asks for it.
func Outdated(state *cdn.State, key string, head []byte, birth cdn.Version) bool {
	o, err := decodeHead(head)
	if err != nil {
		return true
	}
	if state == nil || state.Version.IsZero() {
		return false
	}
	id, _, _ := strings.Cut(key, "\x00")
	if state.Plans[id] == nil {
		return !state.Version.Before(birth) // else it may be newer than what is applied
	}
	inv := state.Invalidations(id)
	newest := o.NewestInvalidation(state.Version, inv)
	return birth.Before(newest) && newest != inv.Floor()
}
