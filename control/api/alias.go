package api

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// checkAliases refuses a name that another distribution has, or that is none. A
// wildcard and a name that it covers do not clash: the name is the more specific
// one and wins (developer guide, "Use wildcards in alternate domain names"), as it
// does in cdn.State.PlanFor.
func (h *handler) checkAliases(s *cdn.State, plan *cdn.Plan) error {
	for i, alias := range plan.Aliases {
		if !h.isAlias(alias) {
			return cloudfront.CodeInvalidArgument.Errorf("The parameter CNAME contains one or more parameters that are not valid: %.300q.", alias)
		}
		if slices.Contains(plan.Aliases[:i], alias) {
			return cloudfront.CodeInvalidArgument.Errorf("The parameter CNAME contains %q more than once.", alias)
		}
		for _, other := range s.Plans {
			if other.ID != plan.ID && slices.Contains(other.Aliases, alias) {
				return cloudfront.CodeCNAMEAlreadyExists.Errorf("One or more of the CNAMEs you provided are already associated with a different resource.")
			}
		}
	}
	return nil
}

// isAlias tells whether name can be an alias: a domain name of more than one
// label, the first of which may be "*"; none of those that distributions are
// given, for with one that exists, or will, a distribution would take another's
// place; and none of the network's own.
func (h *handler) isAlias(name string) bool {
	first, rest, _ := strings.Cut(name, ".")
	if _, err := netip.ParseAddr(name); err == nil || rest == "" || len(name) > 253 {
		return false
	}
	if rest == strings.ToLower(strings.Trim(h.Zone, ".")) && len(first) == 1+idLength && first[0] == 'd' && isLabel(first) {
		return false
	}
	if ca.Own(h.Zone, name) {
		return false
	}
	if first != "*" && !isLabel(first) {
		return false
	}
	for label := range strings.SplitSeq(rest, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

// isLabel tells whether s is a label of a host name, in lower case. An underscore
// is in no host name, but in names that people have.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
