package tier

import (
	"math"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
)

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
	Second         // the Origin Shield of the second origin of a group
	levels
)

// String is the name on the wire and in metrics.
func (l Level) String() string {
	return [...]string{"viewer", "peer", "regional", "shield", "second"}[l]
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
	// Origin is the one of the behavior, the primary one of a group.
	Origin *origins.Origin
	Key    string
}

// Route lists the tiers to ask in turn, the levels rising, before the origin. It is
// pure.
type Route func(Asking) []Tier

// Peers is the Route of a network without regional caches: the node of the asker's
// own edge location that owns the key, if that is another.
func Peers(a Asking) []Tier {
	owner := a.owner(func(n cdn.Node) bool { return n.Regional == "" && n.POP == a.Self.POP })
	if owner == "" || owner == a.Self.ID {
		return nil
	}
	return []Tier{{Peer, a.Nodes[owner]}}
}

// CloudFront is the Route that CloudFront has (beliefs 106, 107 and 469): after the node of
// the edge location that owns the key, the regional edge cache that is nearest to it,
// and the Origin Shield where the origin has one. Of a place with several nodes the one
// that owns the key is asked.
//
// The shield is the regional edge cache of the origin's shield region. Where that does
// not run, or is down, the nearest to the region that does stands in, and where no
// regional cache runs at all the edges that are nearest. Nothing but the place and what
// is up enters the choice, and every node counts itself among those: so two nodes can
// never hold one another for the shield, whatever each believes to be up.
//
// far is the distance between two places, each the code of an edge location or an AWS
// region; +Inf where it is not known.
func CloudFront(far func(a, b string) float64) Route {
	return func(a Asking) []Tier {
		shield := a.shield(far)
		if shield == a.Self.ID {
			return nil // nothing is nearer to the origin
		}
		var route []Tier
		if !a.Self.IsRegional() {
			route = Peers(a)
			if id := a.nearest(a.Self.POP, far, cdn.Node.IsRegional); id != "" && (id == shield || !a.besideBucket(id)) {
				route = append(route, Tier{Regional, a.Nodes[id]})
			}
		}
		if shield != "" && !slices.ContainsFunc(route, func(t Tier) bool { return t.Node.ID == shield }) {
			route = append(route, Tier{Shield, a.Nodes[shield]})
		}
		return route
	}
}

// OriginShield is the Route of what no cache between is asked for but the Origin Shield
// of its origin, the same that CloudFront has (beliefs 461 and 462): requests that are not
// cached, and those to the second origin of a group.
func OriginShield(far func(a, b string) float64) Route {
	return func(a Asking) []Tier {
		shield := a.shield(far)
		if shield == "" || shield == a.Self.ID {
			return nil
		}
		return []Tier{{Shield, a.Nodes[shield]}}
	}
}

// besideBucket reports whether a regional edge cache is in the AWS region of the bucket
// that is the origin: edge locations go past it then (belief 469).
func (a Asking) besideBucket(id string) bool {
	return a.Origin != nil && a.Origin.Kind == origins.S3 && a.Nodes[id].Regional == bucketRegion(a.Origin.Domain)
}

// bucketRegion is the AWS region that a bucket's host name tells, in its newer form,
// NAME.s3.REGION.amazonaws.com, and its older ones, NAME.s3-REGION.amazonaws.com and
// NAME.s3.amazonaws.com, which is us-east-1; "" for other names.
func bucketRegion(host string) string {
	host, found := strings.CutSuffix(host, ".amazonaws.com")
	if !found {
		return ""
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	region, older := strings.CutPrefix(last, "s3-")
	switch {
	case last == "s3":
		return "us-east-1"
	case older:
		return region
	case len(labels) > 1 && labels[len(labels)-2] == "s3":
		return last
	}
	return ""
}

// shield returns the node that is the Origin Shield of the origin, "" where it has none.
func (a Asking) shield(far func(a, b string) float64) string {
	if a.Origin == nil || a.Origin.Shield == "" {
		return ""
	}
	if id := a.nearest(a.Origin.Shield, far, cdn.Node.IsRegional); id != "" {
		return id
	}
	return a.nearest(a.Origin.Shield, far, func(n cdn.Node) bool { return !n.IsRegional() })
}

// nearest returns, of the nodes that are of a kind, the one at the place nearest to
// another that owns the key; "" where there is none.
func (a Asking) nearest(to string, far func(a, b string) float64, kind func(cdn.Node) bool) string {
	best, least := "", math.Inf(1)
	known := map[string]bool{}
	a.each(kind, func(n cdn.Node) {
		if p := place(n); !known[p] {
			known[p] = true
			if d := far(to, p); d < least || d == least && p < best {
				best, least = p, d
			}
		}
	})
	if math.IsInf(least, 1) {
		return ""
	}
	return a.owner(func(n cdn.Node) bool { return kind(n) && place(n) == best })
}

// place is where a node is: its region, or its edge location.
func place(n cdn.Node) string {
	if n.IsRegional() {
		return n.Regional
	}
	return n.POP
}

// owner returns which of the nodes that are of a kind owns the key.
func (a Asking) owner(kind func(cdn.Node) bool) string {
	var ids []string
	a.each(kind, func(n cdn.Node) { ids = append(ids, n.ID) })
	return Owner(a.Key, ids)
}

// each calls f for the edges of a kind that may be asked, and for the asker if it is of
// that kind.
func (a Asking) each(kind func(cdn.Node) bool, f func(cdn.Node)) {
	if kind(a.Self) {
		f(a.Self)
	}
	for id, n := range a.Nodes {
		if id != a.Self.ID && n.Role == cdn.RoleEdge && n.PeerPort != 0 && kind(n) && a.Up(id) {
			f(n)
		}
	}
}
