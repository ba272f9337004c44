package api

import (
	"errors"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/distconfig"
	"github.com/warmfront/warmfront/journal"
)

// maxDistributions is CloudFront's quota for an account.
const maxDistributions = 500

func (h *handler) distributionOperations() map[string]operation {
	return map[string]operation{
		"CreateDistribution":         h.createDistribution,
		"CreateDistributionWithTags": h.createDistributionWithTags,
		"GetDistribution":            h.getDistribution,
		"GetDistributionConfig":      h.getDistributionConfig,
		"UpdateDistribution":         h.updateDistribution,
		"DeleteDistribution":         h.deleteDistribution,
		"ListDistributions":          h.listDistributions,
	}
}

func (h *handler) createDistribution(c *call) (*answer, error) {
	cfg, err := decode[cloudfront.DistributionConfig](c)
	if err != nil {
		return nil, err
	}
	return h.create(c, cfg, nil)
}

func (h *handler) createDistributionWithTags(c *call) (*answer, error) {
	both, err := decode[cloudfront.DistributionConfigWithTags](c)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(both.Tags)
	if err != nil {
		return nil, err
	}
	return h.create(c, &both.DistributionConfig, tags)
}

func (h *handler) create(c *call, cfg *cloudfront.DistributionConfig, tags map[string]string) (*answer, error) {
	if err := distconfig.Check(cfg); err != nil {
		return nil, err
	}
	return h.add(c, tags, func(*cdn.State) (*cloudfront.DistributionConfig, error) { return cfg, nil })
}

// add makes a distribution of the configuration that document returns, which is
// called inside Propose.
func (h *handler) add(c *call, tags map[string]string, document func(*cdn.State) (*cloudfront.DistributionConfig, error)) (*answer, error) {
	at := h.settled("") // a new one has no invalidations
	d := &cdn.Distribution{LastModified: h.now(), Tags: tags}
	var ignored []string
	version, err := h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		cfg, err := document(s)
		if err != nil {
			return nil, err
		}
		d.CallerReference, d.Config = cfg.CallerReference, string(cloudfront.Marshal(cloudfront.Version, cfg))
		if other := s.DistributionReferenced(d.CallerReference); other != nil {
			return nil, cloudfront.CodeDistributionAlreadyExists.Errorf("The caller reference that you are using to create a distribution is associated with another distribution. Already exists: %s", other.ID)
		}
		if err := checkStagingQuota(s, cfg); err != nil {
			return nil, err
		}
		if len(s.Distributions) >= maxDistributions {
			return nil, cloudfront.CodeTooManyDistributions.Errorf("Processing your request would cause you to exceed the maximum number of distributions allowed, %d.", maxDistributions)
		}
		if err := h.assign(s, d); err != nil {
			return nil, err
		}
		if ignored, err = h.checkPlan(s, d, cfg); err != nil {
			return nil, err
		}
		return h.change(cdn.KindDistributionPut, d)
	})
	if err != nil {
		return nil, err
	}
	h.warnIgnored(d, ignored)
	d.Version = version
	shown, err := h.show(h.Journal.State(), d, at)
	return &answer{etag: d.ETag, location: "distribution/" + d.ID, body: shown}, err
}

// assign gives a new distribution its names.
func (h *handler) assign(s *cdn.State, d *cdn.Distribution) (err error) {
	d.ID, err = h.unusedID("E", upper, func(id string) bool { return s.Distributions[id] != nil })
	if err != nil {
		return err
	}
	label, err := h.unusedID("d", lower, func(label string) bool {
		for _, p := range s.Plans {
			if p.Domain == h.domain(label) {
				return true
			}
		}
		return false
	})
	if err != nil {
		return err
	}
	d.Domain = h.domain(label)
	d.ARN = h.arn(d.ID)
	d.ETag, err = h.newETag()
	return err
}

func (h *handler) domain(label string) string { return label + "." + strings.Trim(h.Zone, ".") }

func (h *handler) arn(id string) string {
	return "arn:aws:cloudfront::" + h.Account + ":distribution/" + id
}

// checkPlan refuses what would not work beside the rest of the state, and returns
// the fields of the configuration that nobody acts on.
func (h *handler) checkPlan(s *cdn.State, d *cdn.Distribution, cfg *cloudfront.DistributionConfig) (ignored []string, err error) {
	if err := checkReferences(s, cfg); err != nil {
		return nil, err
	}
	if err := checkDeployment(s, d, cfg); err != nil {
		return nil, err
	}
	plan, err := cdn.Compile(d, s.Resources())
	if err != nil {
		return nil, err
	}
	if err := h.checkAliases(s, plan); err != nil {
		return nil, err
	}
	if err := h.checkLambdas(plan); err != nil {
		return nil, err
	}
	return plan.Ignored, h.checkViewerCertificate(s, cfg, plan)
}

// warnIgnored says what a configuration asks for in vain: it is kept and given
// back, and nothing else.
func (h *handler) warnIgnored(d *cdn.Distribution, fields []string) {
	if len(fields) > 0 {
		h.Logger.Warn("this release does not act on everything that the distribution says", "distribution", d.ID, "ignored", fields)
	}
}

func (h *handler) getDistribution(c *call) (*answer, error) {
	at, s := h.settled(c.get("Id")), h.Journal.State()
	d, err := distribution(s, c.get("Id"))
	if err != nil {
		return nil, err
	}
	shown, err := h.show(s, d, at)
	return &answer{etag: d.ETag, body: shown}, err
}

func (h *handler) getDistributionConfig(c *call) (*answer, error) {
	d, err := distribution(h.Journal.State(), c.get("Id"))
	if err != nil {
		return nil, err
	}
	cfg, err := config(d)
	if err != nil {
		return nil, err
	}
	cfg.FillDefaults()
	return &answer{etag: d.ETag, body: cfg}, nil
}

func (h *handler) updateDistribution(c *call) (*answer, error) {
	cfg, err := decode[cloudfront.DistributionConfig](c)
	if err != nil {
		return nil, err
	}
	if err := distconfig.Check(cfg); err != nil {
		return nil, err
	}
	return h.modify(c, c.get("Id"), func(_ *cdn.State, old *cdn.Distribution) (*cloudfront.DistributionConfig, error) {
		if err := c.checkIfMatch(old.ETag); err != nil {
			return nil, err
		}
		if cfg.CallerReference != old.CallerReference {
			return nil, cloudfront.CodeIllegalUpdate.Errorf("The update contains modifications that are not allowed: the CallerReference cannot be changed.")
		}
		was, err := config(old)
		if err != nil {
			return nil, err
		}
		if cloudfront.Or(cfg.Staging, false) != cloudfront.Or(was.Staging, false) {
			return nil, cloudfront.CodeIllegalUpdate.Errorf("The update contains modifications that are not allowed: Staging cannot be changed.")
		}
		return cfg, nil
	})
}

// modify gives the distribution id the configuration that make returns, which is
// called inside Propose with what there was.
func (h *handler) modify(c *call, id string, document func(*cdn.State, *cdn.Distribution) (*cloudfront.DistributionConfig, error)) (*answer, error) {
	return h.modifyWith(c, id, func(s *cdn.State, d *cdn.Distribution) (*cloudfront.DistributionConfig, []cdn.Change, error) {
		cfg, err := document(s, d)
		return cfg, nil, err
	})
}

// modifyWith is modify with changes that are written with the distribution's, before it.
func (h *handler) modifyWith(c *call, id string, document func(*cdn.State, *cdn.Distribution) (*cloudfront.DistributionConfig, []cdn.Change, error)) (*answer, error) {
	at := h.settled(id)
	var d cdn.Distribution
	var ignored []string
	version, err := h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		old, err := distribution(s, id)
		if err != nil {
			return nil, err
		}
		cfg, before, err := document(s, old)
		if err != nil {
			return nil, err
		}
		if d, ignored, err = h.renew(s, old, cfg); err != nil {
			return nil, err
		}
		change, err := h.change(cdn.KindDistributionPut, d)
		return append(before, change...), err
	})
	if err != nil {
		return nil, err
	}
	h.warnIgnored(&d, ignored)
	d.Version = version
	shown, err := h.show(h.Journal.State(), &d, at)
	return &answer{etag: d.ETag, body: shown}, err
}

// renew returns the distribution with another configuration, and with it another
// ETag, and the fields of it that nobody acts on.
func (h *handler) renew(s *cdn.State, old *cdn.Distribution, cfg *cloudfront.DistributionConfig) (d cdn.Distribution, ignored []string, err error) {
	d = *old
	d.LastModified, d.Config = h.now(), string(cloudfront.Marshal(cloudfront.Version, cfg))
	if d.ETag, err = h.newETag(); err != nil {
		return d, nil, err
	}
	ignored, err = h.checkPlan(s, &d, cfg)
	return d, ignored, err
}

func (h *handler) deleteDistribution(c *call) (*answer, error) {
	at := h.settled(c.get("Id"))
	_, err := h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		d, err := distribution(s, c.get("Id"))
		if err != nil {
			return nil, err
		}
		if err := c.checkIfMatch(d.ETag); err != nil {
			return nil, err
		}
		if s.Plans[d.ID].Enabled || at.status(d) != deployed {
			return nil, cloudfront.CodeDistributionNotDisabled.Errorf("The distribution you are trying to delete has not been disabled.")
		}
		if err := checkNotStagingFor(s, d); err != nil {
			return nil, err
		}
		return h.change(cdn.KindDistributionDelete, cdn.Ref{ID: d.ID})
	})
	return &answer{}, err
}

func (h *handler) listDistributions(c *call) (*answer, error) {
	return h.list(c, nil)
}

// distribution finds a distribution.
func distribution(s *cdn.State, id string) (*cdn.Distribution, error) {
	if d := s.Distributions[id]; d != nil {
		return d, nil
	}
	return nil, cloudfront.CodeNoSuchDistribution.Errorf("The specified distribution does not exist.")
}

// config reads the configuration as it was received.
func config(d *cdn.Distribution) (*cloudfront.DistributionConfig, error) {
	cfg := &cloudfront.DistributionConfig{}
	if err := cloudfront.Unmarshal([]byte(d.Config), cfg); err != nil {
		// Not wrapped: what the journal holds is not the caller's mistake, whatever
		// code the error has.
		return nil, errors.New("the configuration of " + d.ID + " in the journal: " + err.Error())
	}
	return cfg, nil
}

// show returns a distribution as clients see it.
func (h *handler) show(s *cdn.State, d *cdn.Distribution, at settled) (*cloudfront.Distribution, error) {
	cfg, err := config(d)
	if err != nil {
		return nil, err
	}
	shown := &cloudfront.Distribution{
		Id: d.ID, ARN: d.ARN, Status: at.status(d), LastModifiedTime: d.LastModified, DomainName: d.Domain,
		DistributionConfig: *cfg,
	}
	for range inProgress(s, d.ID, at) {
		shown.InProgressInvalidationBatches++
	}
	shown.ActiveTrustedSigners, shown.ActiveTrustedKeyGroups = activeSigners(s, d.ARN, cfg)
	shown.FillDefaults()
	return shown, nil
}

// The states of things.
const (
	deployed   = "Deployed"
	completed  = "Completed"
	unfinished = "InProgress"
)

// settled is what has taken effect: of changes, and of a distribution's
// invalidations.
type settled struct{ deployed, completed cdn.Version }

func (h *handler) settled(distribution string) settled {
	return settled{h.Journal.Settled(journal.Deployed), h.Journal.CompletedFor(distribution)}
}

func (at settled) status(d *cdn.Distribution) string {
	if at.deployed.Before(d.Version) {
		return unfinished
	}
	return deployed
}
