package resource

import (
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

const (
	// maxStreamingDistributions is CloudFront's quota for an account.
	maxStreamingDistributions = 100
	maxStreamingAliases       = 100
)

// streamingDistributions is the kind without what a version has settled: Status is
// filled in by streamingOperations.
func streamingDistributions(at cdn.Version, arn func(id string) string) *kind[cloudfront.StreamingDistributionConfig] {
	status := func(r *cdn.Resource) string {
		if at.Before(r.Version) {
			return "InProgress"
		}
		return "Deployed"
	}
	return &kind[cloudfront.StreamingDistributionConfig]{
		of: cdn.ResourceStreamingDistribution, noun: "StreamingDistribution", words: "streaming distribution", path: "streaming-distribution",
		newID: newE, quota: maxStreamingDistributions, tooMany: cloudfront.CodeTooManyStreamingDistributions,
		exists: cloudfront.CodeStreamingDistributionAlreadyExists, missing: cloudfront.CodeNoSuchStreamingDistribution,
		identify: func(c *cloudfront.StreamingDistributionConfig) (string, string) { return "", c.CallerReference },
		check:    checkStreaming, within: checkStreamingOrigin,
		update: func(was, c *cloudfront.StreamingDistributionConfig) error {
			return sameReference(was.CallerReference, c.CallerReference)
		},
		fill: func(c *cloudfront.StreamingDistributionConfig) {
			if c.Aliases == nil {
				c.Aliases = &cloudfront.Aliases{}
			}
			if c.Logging == nil {
				c.Logging = &cloudfront.StreamingLoggingConfig{}
			}
			if c.PriceClass == "" {
				c.PriceClass = cloudfront.PriceClassAll
			}
		},
		show: func(r shown[cloudfront.StreamingDistributionConfig]) any {
			return &cloudfront.StreamingDistribution{Id: r.ID, ARN: arn(r.ID), Status: status(r.Resource), LastModifiedTime: &r.LastModified,
				DomainName: r.Domain, StreamingDistributionConfig: *r.config}
		},
		list: func(p *call.Page[shown[cloudfront.StreamingDistributionConfig]]) any {
			return &cloudfront.StreamingDistributionList{Marker: p.Marker, NextMarker: p.Next, MaxItems: p.MaxItems, IsTruncated: p.Truncated(), Quantity: len(p.Items),
				Items: items(p, func(r shown[cloudfront.StreamingDistributionConfig]) cloudfront.StreamingDistributionSummary {
					c := r.config
					return cloudfront.StreamingDistributionSummary{Id: r.ID, ARN: arn(r.ID), Status: status(r.Resource), LastModifiedTime: r.LastModified,
						DomainName: r.Domain, S3Origin: c.S3Origin, Aliases: *c.Aliases, TrustedSigners: c.TrustedSigners, Comment: c.Comment, PriceClass: c.PriceClass, Enabled: c.Enabled}
				})}
		},
	}
}

func checkStreaming(c *cloudfront.StreamingDistributionConfig) error {
	if err := checkReference(c.CallerReference); err != nil {
		return err
	}
	if c.Aliases != nil && len(c.Aliases.Items) > maxStreamingAliases {
		return cloudfront.CodeTooManyStreamingDistributionCNAMEs.Errorf("Your request contains more CNAMEs than are allowed per distribution, %d.", maxStreamingAliases)
	}
	if d := c.S3Origin.DomainName; d == "" || strings.ContainsAny(d, "/ @?#") {
		return invalid("The parameter DomainName of the S3Origin is no host name: %.253q.", d)
	}
	return checkComment(&c.Comment)
}

func checkStreamingOrigin(s *cdn.State, r *cdn.Resource, c *cloudfront.StreamingDistributionConfig) error {
	if identity := c.S3Origin.OriginAccessIdentity; identity != "" {
		id := origins.IdentityID(identity)
		if id == "" || s.Resource(cdn.ResourceAccessIdentity, id) == nil {
			return cloudfront.CodeInvalidOriginAccessIdentity.Errorf("The origin access identity is not valid or doesn't exist: %.200q.", identity)
		}
	}
	if c.Aliases == nil {
		return nil
	}
	for _, alias := range c.Aliases.Items {
		alias = strings.ToLower(alias)
		used := s.PlanFor(alias) != nil && !strings.HasPrefix(alias, "*.")
		for id, other := range s.ResourcesOf(r.Kind) {
			cfg, err := document[cloudfront.StreamingDistributionConfig](other.Document, id)
			if err != nil {
				return err
			}
			for _, a := range aliasesOf(cfg) {
				used = used || id != r.ID && strings.EqualFold(a, alias)
			}
		}
		if used {
			return cloudfront.CodeCNAMEAlreadyExists.Errorf("One or more of the CNAMEs you provided are already associated with a different resource.")
		}
	}
	return nil
}

func aliasesOf(c *cloudfront.StreamingDistributionConfig) []string {
	if c.Aliases == nil {
		return nil
	}
	return c.Aliases.Items
}

func (s *Service) streamingOperations() map[string]call.Operation {
	arn := func(id string) string { return s.arn(cdn.ResourceStreamingDistribution, id) }
	// What has settled is asked before the state is.
	each := func(name string) call.Operation {
		return func(c *call.Call) (*call.Answer, error) {
			return streamingDistributions(s.settled(), arn).operations(s)[name](c)
		}
	}
	all := map[string]call.Operation{}
	for name := range streamingDistributions(cdn.Version{}, arn).operations(s) {
		all[name] = each(name)
	}
	all["CreateStreamingDistribution"] = func(c *call.Call) (*call.Answer, error) {
		cfg, err := call.Decode[cloudfront.StreamingDistributionConfig](c)
		if err != nil {
			return nil, err
		}
		return s.createStreaming(c, cfg, nil)
	}
	all["CreateStreamingDistributionWithTags"] = func(c *call.Call) (*call.Answer, error) {
		both, err := call.Decode[cloudfront.StreamingDistributionConfigWithTags](c)
		if err != nil {
			return nil, err
		}
		tags, err := s.Tags(both.Tags)
		if err != nil {
			return nil, err
		}
		return s.createStreaming(c, &both.StreamingDistributionConfig, tags)
	}
	all["DeleteStreamingDistribution"] = s.deleteStreaming
	return all
}

func (s *Service) createStreaming(c *call.Call, cfg *cloudfront.StreamingDistributionConfig, tags map[string]string) (*call.Answer, error) {
	k := streamingDistributions(s.settled(), func(id string) string { return s.arn(cdn.ResourceStreamingDistribution, id) })
	if err := k.check(cfg); err != nil {
		return nil, err
	}
	label, err := call.NewID(s.Random, "s", call.Lower)
	if err != nil {
		return nil, err
	}
	r := &cdn.Resource{Kind: k.of, Created: s.now(), Domain: label + "." + strings.Trim(s.Zone, "."), Tags: tags}
	return k.make(s, c, cfg, r)
}

func (s *Service) deleteStreaming(c *call.Call) (*call.Answer, error) {
	at := s.settled()
	k := streamingDistributions(at, nil)
	_, err := s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		r, err := k.find(st, c)
		if err != nil {
			return nil, err
		}
		if err := call.CheckIfMatch(c.IfMatch, r.ETag); err != nil {
			return nil, err
		}
		cfg, err := document[cloudfront.StreamingDistributionConfig](r.Document, r.ID)
		if err != nil {
			return nil, err
		}
		if cfg.Enabled || at.Before(r.Version) {
			return nil, cloudfront.CodeStreamingDistributionNotDisabled.Errorf("The specified CloudFront distribution is not disabled. You must disable the distribution before you can delete it.")
		}
		return s.remove(st, r)
	})
	return &call.Answer{}, err
}
