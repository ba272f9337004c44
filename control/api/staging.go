package api

import (
	"errors"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/distconfig"
)

func (h *handler) stagingOperations() map[string]operation {
	return map[string]operation{
		"CopyDistribution":                    h.copyDistribution,
		"UpdateDistributionWithStagingConfig": h.promoteStaging,
	}
}

// copyDistribution makes a staging distribution of a primary one's configuration:
// without its aliases and its continuous deployment policy, which a staging
// distribution has not, and enabled unless the caller says otherwise.
func (h *handler) copyDistribution(c *call) (*answer, error) {
	wanted, err := decode[cloudfront.CopyDistributionRequest](c)
	if err != nil {
		return nil, err
	}
	switch {
	case c.staging != "" && !strings.EqualFold(c.staging, "true"):
		return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter Staging must be True: a distribution can be copied to a staging distribution only.")
	case wanted.CallerReference == "":
		return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter CallerReference is required.")
	}
	return h.add(c, nil, func(s *cdn.State) (*cloudfront.DistributionConfig, error) {
		primary, err := distribution(s, c.get("PrimaryDistributionId"))
		if err != nil {
			return nil, err
		}
		if err := c.checkIfMatch(primary.ETag); err != nil {
			return nil, err
		}
		cfg, err := config(primary)
		if err != nil {
			return nil, err
		}
		if cloudfront.Or(cfg.Staging, false) {
			return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter PrimaryDistributionId is the id of a staging distribution, which cannot be copied: %s.", primary.ID)
		}
		cfg.CallerReference, cfg.Enabled = wanted.CallerReference, cloudfront.Or(wanted.Enabled, true)
		cfg.Staging, cfg.Aliases, cfg.ContinuousDeploymentPolicyId = new(true), nil, nil
		return cfg, nil
	})
}

// maxStaging is CloudFront's quota of staging distributions for an account (developer guide,
// "Quotas and other considerations for continuous deployment").
const maxStaging = 20

// checkStagingQuota refuses a staging distribution too many, copied or created. There is no
// code for it but that of distributions (belief 595).
func checkStagingQuota(s *cdn.State, cfg *cloudfront.DistributionConfig) error {
	if !cloudfront.Or(cfg.Staging, false) {
		return nil
	}
	n := 0
	for _, p := range s.Plans {
		if p.Staging {
			n++
		}
	}
	if n >= maxStaging {
		return cloudfront.CodeTooManyDistributions.Errorf("Processing your request would cause you to exceed the maximum number of staging distributions allowed, %d.", maxStaging)
	}
	return nil
}

// promoteStaging gives a primary distribution its staging distribution's
// configuration. Of its own it keeps the caller reference, the aliases and the
// continuous deployment policy, which is disabled: all viewers are the primary one's
// again (API, UpdateDistributionWithStagingConfig).
func (h *handler) promoteStaging(c *call) (*answer, error) {
	stagingID := c.get("StagingDistributionId")
	if stagingID == "" {
		return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter StagingDistributionId is required.")
	}
	return h.modifyWith(c, c.get("Id"), func(s *cdn.State, primary *cdn.Distribution) (*cloudfront.DistributionConfig, []cdn.Change, error) {
		staging, err := distribution(s, stagingID)
		if err != nil {
			return nil, nil, err
		}
		if err := c.checkIfMatchBoth(primary.ETag, staging.ETag); err != nil {
			return nil, nil, err
		}
		cfg, err := promoted(primary, staging)
		if err != nil {
			return nil, nil, err
		}
		off, err := h.disableDeployment(s, cloudfront.Or(cfg.ContinuousDeploymentPolicyId, ""))
		return cfg, off, err
	})
}

// promoted returns the primary distribution's configuration after the promotion.
func promoted(primary, staging *cdn.Distribution) (*cloudfront.DistributionConfig, error) {
	own, err := config(primary)
	if err != nil {
		return nil, err
	}
	cfg, err := config(staging)
	if err != nil {
		return nil, err
	}
	if cloudfront.Or(own.Staging, false) || !cloudfront.Or(cfg.Staging, false) {
		return nil, cloudfront.CodeIllegalUpdate.Errorf("The update contains modifications that are not allowed: Id must be a primary distribution's, StagingDistributionId a staging distribution's.")
	}
	cfg.CallerReference, cfg.Staging = own.CallerReference, own.Staging
	cfg.Aliases, cfg.ContinuousDeploymentPolicyId = own.Aliases, own.ContinuousDeploymentPolicyId
	return cfg, distconfig.Check(cfg) // what goes without a policy may not go with one
}

// disableDeployment makes the change that disables a continuous deployment policy; none
// where there is none, or it is disabled.
func (h *handler) disableDeployment(s *cdn.State, id string) ([]cdn.Change, error) {
	policy := s.Resource(cdn.ResourceContinuousDeploymentPolicy, id)
	if policy == nil {
		return nil, nil
	}
	cfg := &cloudfront.ContinuousDeploymentPolicyConfig{}
	if err := cloudfront.Unmarshal([]byte(policy.Document), cfg); err != nil {
		return nil, errors.New("the document of " + id + " in the journal: " + err.Error())
	}
	if !cfg.Enabled {
		return nil, nil
	}
	cfg.Enabled = false
	off := *policy
	off.LastModified, off.Document = h.now(), string(cloudfront.Marshal(cloudfront.Version, cfg))
	var err error
	if off.ETag, err = h.newETag(); err != nil {
		return nil, err
	}
	return h.change(cdn.KindResourcePut, off)
}

// checkDeployment refuses a continuous deployment policy that another primary
// distribution has.
func checkDeployment(s *cdn.State, d *cdn.Distribution, cfg *cloudfront.DistributionConfig) error {
	id := cloudfront.Or(cfg.ContinuousDeploymentPolicyId, "")
	if id == "" {
		return nil
	}
	for _, p := range s.Plans {
		if p.ID != d.ID && p.UsesResource(cdn.ResourceRef{Kind: cdn.ResourceContinuousDeploymentPolicy, ID: id}) {
			return cloudfront.CodeContinuousDeploymentPolicyInUse.Errorf("The continuous deployment policy that ContinuousDeploymentPolicyId names, %s, is in use by the distribution %s.", id, p.ID)
		}
	}
	return nil
}

// checkNotStagingFor refuses to delete the staging distribution of a policy.
func checkNotStagingFor(s *cdn.State, d *cdn.Distribution) error {
	for id, r := range s.ResourcesOf(cdn.ResourceContinuousDeploymentPolicy) {
		cfg := &cloudfront.ContinuousDeploymentPolicyConfig{}
		if err := cloudfront.Unmarshal([]byte(r.Document), cfg); err != nil {
			continue // it names nothing that can be read
		}
		for _, name := range cfg.StagingDistributionDnsNames.Items {
			if strings.EqualFold(name, d.Domain) {
				return cloudfront.CodeResourceInUse.Errorf("Cannot delete the distribution %s because it is in use: it is the staging distribution of the continuous deployment policy %s.", d.ID, id)
			}
		}
	}
	return nil
}
