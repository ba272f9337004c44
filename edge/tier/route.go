package tier

import "github.com/warmfront/warmfront/cdn"

// Level is how far up a tier is. A request goes up only, from one level to a
// higher one, so none goes in a circle and none through more nodes than there are
// levels.
type Level int

// The levels, from the viewer to the origin. Viewers ask at the lowest.
const (
	Viewer   Level = iota
	Peer           // the node of the same edge location that a key belongs to
	Regional       // the regional edge cache
	Shield         // the Origin Shield
	levels
)

// String is the name on the wire and in metrics.
func (l Level) String() string {
	return [...]string{"viewer", "peer", "regional", "shield"}[l]
}

func parseLevel(s string) (Level, bool) {
	for l := Peer; l < levels; l++ {
		if l.String() == s {
			return l, true
		}
	}
	return 0, false
}

// Tier is a node to ask, and as what.
type Tier struct {
	Level Level
	Node  cdn.Node
}

// Asking is what a Route goes by.
type Asking struct {
	Self cdn.Node
	// Nodes are the registered ones, and Up says of each whether it is worth asking
	// now: it proves nothing, but spares the wait for one that is gone.
	Nodes map[string]cdn.Node
	Up    func(id string) bool
	Plan  *cdn.Plan
	Key   string
}

// Route lists the tiers to ask in turn, the levels rising, before the origin. It is
// pure.
type Route func(Asking) []Tier

// Peers is the Route of a network without regional caches: the node of the asker's
// own edge location that owns the key, if that is another.
func Peers(a Asking) []Tier {
	var ids []string
	for id, n := range a.Nodes {
		if n.Role == cdn.RoleEdge && n.POP == a.Self.POP && n.PeerPort != 0 && id != a.Self.ID && a.Up(id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	owner := Owner(a.Key, append(ids, a.Self.ID))
	if owner == a.Self.ID {
		return nil
	}
	return []Tier{{Peer, a.Nodes[owner]}}
}
