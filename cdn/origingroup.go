package cdn

import (
	"slices"

	"github.com/warmfront/warmfront/cdn/document"
)

// originGroup is an origin group of a configuration, by which behaviors name it.
type originGroup struct {
	id string
	// primary and second are indexes into Plan.Origins.
	primary, second int
	statuses        []int
}

// maxOriginGroups is the quota of a distribution (developer guide, "Quotas").
const maxOriginGroups = 10

// compileOriginGroups reads what behaviors may name as a target beside origins.
func compileOriginGroups(doc *document.Element, p *Plan, c *compiler) error {
	for _, e := range doc.Items("OriginGroups") {
		g, err := compileOriginGroup(e, p)
		switch {
		case err == nil:
			p.groups = append(p.groups, g)
		case !c.lenient: // else a release before did not look at it
			return err
		}
	}
	if len(p.groups) > maxOriginGroups && !c.lenient {
		return Errorf("TooManyOriginGroupsPerDistribution", "A distribution has at most %d origin groups.", maxOriginGroups)
	}
	return nil
}

func compileOriginGroup(e *document.Element, p *Plan) (originGroup, error) {
	g := originGroup{id: e.String("Id")}
	if g.id == "" || p.group(g.id) != nil || p.origin(g.id) >= 0 {
		return g, Errorf("InvalidArgument", "The origin group id %q is empty or used more than once.", g.id)
	}
	if e.Aside("SelectionCriteria").String() == "default" { // media quality is not judged here: ignored
		e.Child("SelectionCriteria")
	}
	members := e.Items("Members")
	if len(members) != 2 {
		return g, Errorf("InvalidArgument", "The origin group %q must have two members, the primary origin first.", g.id)
	}
	for i, to := range []*int{&g.primary, &g.second} {
		id := members[i].String("OriginId")
		if *to = p.origin(id); *to < 0 {
			return g, Errorf("NoSuchOrigin", "The member %q of the origin group %q is the id of no origin of this distribution.", id, g.id)
		}
	}
	if g.primary == g.second {
		return g, Errorf("InvalidArgument", "The two members of the origin group %q are one origin.", g.id)
	}
	for _, item := range e.Items("FailoverCriteria", "StatusCodes") {
		code, err := item.Int(0)
		if err != nil || !slices.Contains([]int64{400, 403, 404, 416, 429, 500, 502, 503, 504}, code) {
			return g, Errorf("InvalidArgument", "The status code %q is none by which the origin group %q can fail over.", item.Text, g.id)
		}
		g.statuses = append(g.statuses, int(code))
	}
	if len(g.statuses) == 0 {
		return g, Errorf("InvalidArgument", "The origin group %q needs a status code by which it fails over.", g.id)
	}
	return g, nil
}

// group returns the origin group with that id, nil if there is none.
func (p *Plan) group(id string) *originGroup {
	for i := range p.groups {
		if p.groups[i].id == id {
			return &p.groups[i]
		}
	}
	return nil
}

// origin returns the index of the origin with that id, -1 if there is none.
func (p *Plan) origin(id string) int {
	return slices.IndexFunc(p.Origins, func(o Origin) bool { return o.ID == id })
}

// compileTarget finds what a behavior's TargetOriginId names.
func compileTarget(e *document.Element, p *Plan, b *Behavior) error {
	target := e.String("TargetOriginId")
	if g := p.group(target); g != nil {
		b.Origin, b.Failover = g.primary, &Failover{Group: g.id, Origin: g.second, Statuses: g.statuses}
		return nil
	}
	if b.Origin = p.origin(target); b.Origin < 0 {
		return Errorf("NoSuchOrigin", "The cache behavior's TargetOriginId %q is the id of no origin and of no origin group of this distribution.", target)
	}
	return nil
}
