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
	o.Key, o.Birth = key, birth
	return o.Outdated(state)
}

// Outdated is the same of an object. What is only below the floor of the
// invalidations may still be confirmed.
func (o *Object) Outdated(state *cdn.State) bool {
	if state == nil || state.Version.IsZero() {
		return false
	}
	id, _, _ := strings.Cut(o.Key, "\x00")
	if state.Plans[id] == nil {
		return !state.Version.Before(o.Birth) // else it may be newer than what is applied
	}
	inv := state.Invalidations(id)
	if !o.Birth.Before(inv.Latest()) {
		return false
	}
	newest := o.newestOf(inv)
	return o.Birth.Before(newest) && newest != inv.Floor()
}
