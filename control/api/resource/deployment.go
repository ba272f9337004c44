package resource

import (
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// CloudFront's quotas for continuous deployment (developer guide, "Quotas and other
// considerations for continuous deployment").
const (
	maxDeploymentPolicies = 20
	maxStagingWeight      = 0.15
	minStickiness         = 300 // seconds
	maxStickiness         = 3600
	stagingHeaderPrefix   = "aws-cf-cd-"
	maxStagingHeader      = 256
	maxStagingHeaderValue = 1783
)

func continuousDeploymentPolicies() *kind[cloudfront.ContinuousDeploymentPolicyConfig] {
	show := func(r shown[cloudfront.ContinuousDeploymentPolicyConfig]) *cloudfront.ContinuousDeploymentPolicy {
		return &cloudfront.ContinuousDeploymentPolicy{Id: r.ID, LastModifiedTime: r.LastModified, ContinuousDeploymentPolicyConfig: *r.config}
	}
	return &kind[cloudfront.ContinuousDeploymentPolicyConfig]{
		of: cdn.ResourceContinuousDeploymentPolicy, noun: "ContinuousDeploymentPolicy", plural: "ContinuousDeploymentPolicies",
		words: "continuous deployment policy", path: "continuous-deployment-policy",
		newID: call.NewUUID, quota: maxDeploymentPolicies, tooMany: cloudfront.CodeTooManyContinuousDeploymentPolicies,
		exists: cloudfront.CodeContinuousDeploymentPolicyAlreadyExists, missing: cloudfront.CodeNoSuchContinuousDeploymentPolicy,
		identify: func(*cloudfront.ContinuousDeploymentPolicyConfig) (string, string) { return "", "" },
		check:    checkDeploymentPolicy, within: checkStagingNames,
		show: func(r shown[cloudfront.ContinuousDeploymentPolicyConfig]) any { return show(r) },
		list: func(p *call.Page[shown[cloudfront.ContinuousDeploymentPolicyConfig]]) any {
			return &cloudfront.ContinuousDeploymentPolicyList{NextMarker: p.Next, MaxItems: p.MaxItems, Quantity: len(p.Items),
				Items: items(p, func(r shown[cloudfront.ContinuousDeploymentPolicyConfig]) cloudfront.ContinuousDeploymentPolicySummary {
					return cloudfront.ContinuousDeploymentPolicySummary{ContinuousDeploymentPolicy: *show(r)}
				})}
		},
	}
}

func checkDeploymentPolicy(c *cloudfront.ContinuousDeploymentPolicyConfig) error {
	if n := len(c.StagingDistributionDnsNames.Items); n != 1 {
		return invalid("The parameter StagingDistributionDnsNames must have one domain name, not %d.", n)
	}
	t := c.TrafficConfig
	if t == nil {
		return nil
	}
	if (t.Type == cloudfront.ContinuousDeploymentPolicyTypeSingleWeight) != (t.SingleWeightConfig != nil) ||
		(t.Type == cloudfront.ContinuousDeploymentPolicyTypeSingleHeader) != (t.SingleHeaderConfig != nil) {
		return invalid("The TrafficConfig of the type %s must have the configuration of that type, and no other.", t.Type)
	}
	if w := t.SingleWeightConfig; w != nil {
		if !(w.Weight >= 0 && w.Weight <= maxStagingWeight) {
			return invalid("The parameter Weight must be from 0 to %v.", maxStagingWeight)
		}
		if s := w.SessionStickinessConfig; s != nil && (s.IdleTTL < minStickiness || s.IdleTTL > s.MaximumTTL || s.MaximumTTL > maxStickiness) {
			return invalid("The parameters IdleTTL and MaximumTTL must be from %d to %d seconds and rise in this order.", minStickiness, maxStickiness)
		}
	}
	if h := t.SingleHeaderConfig; h != nil && (!strings.HasPrefix(strings.ToLower(h.Header), stagingHeaderPrefix) || len(h.Header) > maxStagingHeader || len(h.Value) > maxStagingHeaderValue || h.Value == "") {
		return invalid("The parameter Header must begin with %s, and have at most %d characters; its value must have 1 to %d.", stagingHeaderPrefix, maxStagingHeader, maxStagingHeaderValue)
	}
	return nil
}

// checkStagingNames refuses names that are not those of a staging distribution, and of
// one that another policy has.
func checkStagingNames(s *cdn.State, r *cdn.Resource, c *cloudfront.ContinuousDeploymentPolicyConfig) error {
	for _, name := range c.StagingDistributionDnsNames.Items {
		if !isStaging(s, name) {
			return invalid("The parameter StagingDistributionDnsNames contains %.253q, which is the domain name of no staging distribution.", name)
		}
		for id, other := range s.ResourcesOf(r.Kind) {
			cfg, err := document[cloudfront.ContinuousDeploymentPolicyConfig](other.Document, id)
			if err != nil {
				return err
			}
			if id != r.ID && strings.EqualFold(cfg.StagingDistributionDnsNames.Items[0], name) {
				return cloudfront.CodeStagingDistributionInUse.Errorf("The staging distribution %.253s is in use by the continuous deployment policy %s.", name, id)
			}
		}
	}
	return nil
}

func isStaging(s *cdn.State, name string) bool {
	p := s.PlanFor(strings.ToLower(name))
	if p == nil || !strings.EqualFold(p.Domain, name) {
		return false
	}
	cfg, err := document[cloudfront.DistributionConfig](s.Distributions[p.ID].Config, p.ID)
	return err == nil && cloudfront.Or(cfg.Staging, false)
}
