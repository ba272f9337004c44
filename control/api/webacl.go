package api

import (
	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/distconfig"
)

func (h *handler) webACLOperations() map[string]operation {
	return map[string]operation{
		"AssociateDistributionWebACL":    h.associateWebACL,
		"DisassociateDistributionWebACL": h.disassociateWebACL,
	}
}

// associateWebACL writes down which web ACL a distribution has. There is no WAF
// here: nobody acts on it.
func (h *handler) associateWebACL(c *call) (*answer, error) {
	wanted, err := decode[cloudfront.AssociateDistributionWebACLRequest](c)
	if err != nil {
		return nil, err
	}
	if wanted.WebACLArn == "" {
		return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter WebACLArn is required.")
	}
	if err := distconfig.CheckWebACL(wanted.WebACLArn); err != nil {
		return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter WebACLArn is not the ARN of a web ACL for CloudFront: %.200q.", wanted.WebACLArn)
	}
	return h.setWebACL(c, wanted.WebACLArn, &cloudfront.AssociateDistributionWebACLResult{Id: new(c.get("Id")), WebACLArn: new(wanted.WebACLArn)})
}

func (h *handler) disassociateWebACL(c *call) (*answer, error) {
	return h.setWebACL(c, "", &cloudfront.DisassociateDistributionWebACLResult{Id: new(c.get("Id"))})
}

func (h *handler) setWebACL(c *call, arn string, body any) (*answer, error) {
	if h.Journal.State().Distributions[c.get("Id")] == nil {
		return nil, cloudfront.CodeEntityNotFound.Errorf("The entity was not found: the distribution %.100s does not exist.", c.get("Id"))
	}
	a, err := h.modify(c, c.get("Id"), func(_ *cdn.State, d *cdn.Distribution) (*cloudfront.DistributionConfig, error) {
		if err := c.checkIfMatch(d.ETag); err != nil {
			return nil, err
		}
		cfg, err := config(d)
		if err != nil {
			return nil, err
		}
		cfg.WebACLId = new(arn)
		return cfg, nil
	})
	if err != nil {
		return nil, err
	}
	return &answer{etag: a.etag, body: body}, nil
}
