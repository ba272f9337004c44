package distconfig

import (
	"slices"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// failoverCodes are the statuses that may move a request to the second origin
// (developer guide, "Optimize high availability with CloudFront origin failover").
func failoverCodes() []int { return []int{400, 403, 404, 416, 429, 500, 502, 503, 504} }

func checkOriginGroups(cfg *cloudfront.DistributionConfig) error {
	if cfg.OriginGroups == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, g := range cfg.OriginGroups.Items {
		switch {
		case g.Id == "" || len(g.Id) > maxOriginID:
			return invalid("The parameter OriginGroup Id must have 1 to %d characters, not %.140q.", maxOriginID, g.Id)
		case seen[g.Id] || hasOrigin(cfg, g.Id):
			return invalid("The parameter OriginGroup Id must be unique: %q is used more than once.", g.Id)
		case len(g.Members.Items) != 2 || g.Members.Items[0] == g.Members.Items[1]:
			return invalid("The origin group %q must have two different Members.", g.Id)
		}
		seen[g.Id] = true
		for _, m := range g.Members.Items {
			if !hasOrigin(cfg, m.OriginId) {
				return cloudfront.CodeNoSuchOrigin.Errorf("No origin exists with the specified Origin Id: the OriginId %.140q of the origin group %q.", m.OriginId, g.Id)
			}
		}
		if len(g.FailoverCriteria.StatusCodes.Items) == 0 {
			return invalid("The parameter StatusCodes of the origin group %q must have at least one status.", g.Id)
		}
		if twice, found := duplicate(g.FailoverCriteria.StatusCodes.Items); found {
			return invalid("The parameter StatusCodes of the origin group %q has %d more than once.", g.Id, twice)
		}
		for _, code := range g.FailoverCriteria.StatusCodes.Items {
			if !slices.Contains(failoverCodes(), code) {
				return invalid("The parameter StatusCodes of the origin group %q has %d, which is none of %v.", g.Id, code, failoverCodes())
			}
		}
	}
	return nil
}

func hasOrigin(cfg *cloudfront.DistributionConfig, id string) bool {
	return originOf(cfg, id) != nil
}

func originOf(cfg *cloudfront.DistributionConfig, id string) *cloudfront.Origin {
	i := slices.IndexFunc(cfg.Origins.Items, func(o cloudfront.Origin) bool { return o.Id == id })
	if i < 0 {
		return nil
	}
	return &cfg.Origins.Items[i]
}

// groupOf finds an origin group.
func groupOf(cfg *cloudfront.DistributionConfig, id string) *cloudfront.OriginGroup {
	if cfg.OriginGroups == nil {
		return nil
	}
	i := slices.IndexFunc(cfg.OriginGroups.Items, func(g cloudfront.OriginGroup) bool { return g.Id == id })
	if i < 0 {
		return nil
	}
	return &cfg.OriginGroups.Items[i]
}
