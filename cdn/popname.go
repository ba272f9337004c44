package cdn

import "strings"

// popPrefix begins the names of one POP's edges.
const popPrefix = "pop-"

// POPName is the name at which a distribution is answered by the edges of one POP, as long as
// it has healthy ones: "pop-syd.d….warmfront.test". Edges that send a viewer to a better POP
// send it there (decision 0004).
func POPName(pop, domain string) string { return popPrefix + strings.ToLower(pop) + "." + domain }

// AtPOP returns the POP that a host name (lower case, no port) names in this way, and the
// distribution; "" and nil for every other name. Of POPs it knows those that have edges: of
// other names there are as many as anybody can think of.
func (s *State) AtPOP(host string) (pop string, p *Plan) {
	label, domain, ok := strings.Cut(host, ".")
	code, is := strings.CutPrefix(label, popPrefix)
	if !ok || !is || code == "" {
		return "", nil
	}
	if p = s.hosts[domain]; p == nil || p.Domain != domain {
		return "", nil
	}
	for _, n := range s.Nodes {
		if n.Role == RoleEdge && !n.IsRegional() && strings.EqualFold(n.POP, code) {
			return n.POP, p
		}
	}
	return "", nil
}
