package origins

import (
	"slices"

	"github.com/warmfront/warmfront/cdn/apierror"
	"github.com/warmfront/warmfront/cdn/document"
)

// Group is an origin group of a configuration, by which behaviors name it.
type Group struct {
	id string
	// primary and second are indexes of origins.
	primary, second int
	statuses        []int
}

// maxGroups is the quota of a distribution (developer guide, "Quotas").
const maxGroups = 10

// CompileGroups reads what behaviors may name as a target beside the origins that there
// are; lenient is as Compile has it.
func CompileGroups(doc *document.Element, all []Origin, lenient bool) ([]Group, error) {
	var groups []Group
	for _, e := range doc.Items("OriginGroups") {
		g, err := compileGroup(e, all, groups)
		switch {
		case err == nil:
			groups = append(groups, g)
		case !lenient: // else a release before did not look at it
			return nil, err
		}
	}
	if len(groups) > maxGroups && !lenient {
		return nil, apierror.Errorf("TooManyOriginGroupsPerDistribution", "A distribution has at most %d origin groups.", maxGroups)
	}
	return groups, nil
}

func compileGroup(e *document.Element, all []Origin, before []Group) (Group, error) {
	g := Group{id: e.String("Id")}
	if g.id == "" || named(before, g.id) != nil || index(all, g.id) >= 0 {
		return g, apierror.Errorf("InvalidArgument", "The origin group id %q is empty or used more than once.", g.id)
	}
	if e.Aside("SelectionCriteria").String() == "default" { // media quality is not judged here: ignored
		e.Child("SelectionCriteria")
	}
	members := e.Items("Members")
	if len(members) != 2 {
		return g, apierror.Errorf("InvalidArgument", "The origin group %q must have two members, the primary origin first.", g.id)
	}
	for i, to := range []*int{&g.primary, &g.second} {
		id := members[i].String("OriginId")
		if *to = index(all, id); *to < 0 {
			return g, apierror.Errorf("NoSuchOrigin", "The member %q of the origin group %q is the id of no origin of this distribution.", id, g.id)
		}
	}
	if g.primary == g.second {
		return g, apierror.Errorf("InvalidArgument", "The two members of the origin group %q are one origin.", g.id)
	}
	for _, item := range e.Items("FailoverCriteria", "StatusCodes") {
		code, err := item.Int(0)
		if err != nil || !slices.Contains([]int64{400, 403, 404, 416, 429, 500, 502, 503, 504}, code) {
			return g, apierror.Errorf("InvalidArgument", "The status code %q is none by which the origin group %q can fail over.", item.Text, g.id)
		}
		g.statuses = append(g.statuses, int(code))
	}
	if len(g.statuses) == 0 {
		return g, apierror.Errorf("InvalidArgument", "The origin group %q needs a status code by which it fails over.", g.id)
	}
	return g, nil
}

// named returns the group with that id, nil if there is none.
func named(groups []Group, id string) *Group {
	for i := range groups {
		if groups[i].id == id {
			return &groups[i]
		}
	}
	return nil
}

// Find finds what a behavior's TargetOriginId names: the index of the origin that is asked,
// and for an origin group, of which it is the primary one, what is asked after it.
func Find(target string, all []Origin, groups []Group) (int, *Failover, error) {
	if g := named(groups, target); g != nil {
		return g.primary, &Failover{Group: g.id, Origin: g.second, Statuses: g.statuses}, nil
	}
	i := index(all, target)
	if i < 0 {
		return i, nil, apierror.Errorf("NoSuchOrigin", "The cache behavior's TargetOriginId %q is the id of no origin and of no origin group of this distribution.", target)
	}
	return i, nil, nil
}

// Failover is an origin group as a behavior sees it: what is asked for once the
// primary origin has failed (developer guide, "Optimizing high availability with
// CloudFront origin failover").
type Failover struct {
	Group string // the origin group's id
	// Origin is the index of the second one.
	Origin int
	// Statuses are the answers of the primary one that count as failures. Giving no
	// answer always is one.
	Statuses []int
}

// Fails reports whether the primary origin's status has the second one asked.
func (f *Failover) Fails(status int) bool { return slices.Contains(f.Statuses, status) }

// FailsOver reports whether a request of that method is sent to a second origin: not
// what may change something.
func FailsOver(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }
