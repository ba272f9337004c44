package api

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/distconfig"
)

func (h *handler) aliasOperations() map[string]operation {
	return map[string]operation{
		"AssociateAlias":         h.associateAlias,
		"ListConflictingAliases": h.listConflictingAliases,
	}
}

// alias reads the parameter Alias.
func (h *handler) alias(c *call) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(c.get("Alias"), "."))
	if !h.isAlias(name) {
		return "", cloudfront.CodeInvalidArgument.Errorf("The parameter Alias is not a domain name that a distribution can have: %.300q.", c.get("Alias"))
	}
	return name, nil
}

// associateAlias moves an alias to a distribution from the one that has it, if any
// has. Both changes are written at once; the distribution that gains it comes
// first, so that at no moment nobody answers to the name.
func (h *handler) associateAlias(c *call) (*answer, error) {
	name, err := h.alias(c)
	if err != nil {
		return nil, err
	}
	_, err = h.Journal.Propose(c, func(s *cdn.State) (changes []cdn.Change, err error) {
		target, err := distribution(s, c.get("TargetDistributionId"))
		if err != nil {
			return nil, err
		}
		if slices.Contains(s.Plans[target.ID].Aliases, name) {
			return nil, nil
		}
		given, err := h.withAlias(target, name)
		if err != nil {
			return nil, err
		}
		if err := h.checkCovered(s, given); err != nil {
			return nil, err
		}
		changes, err = h.change(cdn.KindDistributionPut, given)
		for id, p := range s.Plans {
			if !slices.Contains(p.Aliases, name) || err != nil {
				continue
			}
			var taken *cdn.Distribution
			var change []cdn.Change
			if taken, err = h.withoutAlias(s.Distributions[id], name); err == nil {
				change, err = h.change(cdn.KindDistributionPut, taken)
			}
			changes = append(changes, change...)
		}
		return changes, err
	})
	return &answer{}, err
}

func (h *handler) withAlias(old *cdn.Distribution, name string) (*cdn.Distribution, error) {
	return h.realias(old, func(cfg *cloudfront.DistributionConfig) error {
		if cloudfront.Or(cfg.Staging, false) {
			return cloudfront.CodeIllegalUpdate.Errorf("The update contains modifications that are not allowed: %s is a staging distribution, which cannot have an alias.", old.ID)
		}
		if cfg.Aliases == nil {
			cfg.Aliases = &cloudfront.Aliases{}
		}
		if len(cfg.Aliases.Items) >= distconfig.MaxAliases {
			return distconfig.TooManyAliases()
		}
		cfg.Aliases.Items = append(cfg.Aliases.Items, name)
		return nil
	})
}

func (h *handler) withoutAlias(old *cdn.Distribution, name string) (*cdn.Distribution, error) {
	return h.realias(old, func(cfg *cloudfront.DistributionConfig) error {
		cfg.Aliases.Items = slices.DeleteFunc(cfg.Aliases.Items, func(a string) bool {
			return strings.EqualFold(strings.TrimSuffix(a, "."), name)
		})
		return nil
	})
}

func (h *handler) realias(old *cdn.Distribution, alter func(*cloudfront.DistributionConfig) error) (*cdn.Distribution, error) {
	cfg, err := config(old)
	if err != nil {
		return nil, err
	}
	if err := alter(cfg); err != nil {
		return nil, err
	}
	d := *old
	d.LastModified, d.Config = h.now(), string(cloudfront.Marshal(cloudfront.Version, cfg))
	d.ETag, err = h.newETag()
	return &d, err
}

// listConflictingAliases lists the names of other distributions that are the alias,
// or overlap with it by a wildcard. Ids are partly hidden, as at CloudFront.
func (h *handler) listConflictingAliases(c *call) (*answer, error) {
	name, err := h.alias(c)
	if err != nil {
		return nil, err
	}
	s := h.Journal.State()
	own, err := distribution(s, c.get("DistributionId"))
	if err != nil {
		return nil, err
	}
	conflicts := map[string]cloudfront.ConflictingAlias{}
	for id, p := range s.Plans {
		for _, alias := range p.Aliases {
			if id != own.ID && overlap(alias, name) {
				conflicts[alias] = cloudfront.ConflictingAlias{Alias: new(alias), DistributionId: new(hide(id)), AccountId: new(hide(h.Account))}
			}
		}
	}
	p, err := newPage(c.params, after(conflicts, c.get("Marker")))
	if err != nil {
		return nil, err
	}
	return &answer{body: &cloudfront.ConflictingAliasesList{NextMarker: p.next, MaxItems: new(p.maxItems), Quantity: new(len(p.items)), Items: p.items}}, nil
}

// overlap tells whether there is a host name that both aliases stand for.
func overlap(a, b string) bool {
	return a == b || covers(a, b) || covers(b, a)
}

// covers tells whether an alias is a wildcard for a name. It stands for one label
// or more.
func covers(wildcard, name string) bool {
	suffix, ok := strings.CutPrefix(wildcard, "*")
	return ok && strings.HasSuffix(name, suffix)
}

// hide replaces the first half of an id.
func hide(id string) string {
	n := len(id) / 2
	return strings.Repeat("*", n) + id[n:]
}
