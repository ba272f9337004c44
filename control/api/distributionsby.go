package api

import (
	"iter"
	"slices"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/distconfig"
)

// uses tells whether a configuration is to be listed. Nil lists them all.
type uses func(*cloudfront.DistributionConfig) bool

// distributionsByOperations are the lists of distributions by what they use. There
// is none by owned resource: nothing is shared between accounts here.
func (h *handler) distributionsByOperations() map[string]operation {
	return map[string]operation{
		"ListDistributionsByCachePolicyId":           h.listIDsBy(distconfig.CachePolicy, "CachePolicyId", cloudfront.CodeNoSuchCachePolicy),
		"ListDistributionsByOriginRequestPolicyId":   h.listIDsBy(distconfig.OriginRequestPolicy, "OriginRequestPolicyId", cloudfront.CodeNoSuchOriginRequestPolicy),
		"ListDistributionsByResponseHeadersPolicyId": h.listIDsBy(distconfig.ResponseHeaders, "ResponseHeadersPolicyId", cloudfront.CodeNoSuchResponseHeadersPolicy),
		"ListDistributionsByKeyGroup":                h.listIDsBy(distconfig.KeyGroup, "KeyGroupId", cloudfront.CodeNoSuchResource),
		"ListDistributionsByVpcOriginId":             h.listIDsBy(distconfig.VpcOrigin, "VpcOriginId", cloudfront.CodeEntityNotFound),
		"ListDistributionsByAnycastIpListId":         h.listBy(distconfig.AnycastIPList, "AnycastIpListId"),
		"ListDistributionsByConnectionFunction":      h.listBy(distconfig.ConnectionFunction, "ConnectionFunctionIdentifier"),
		"ListDistributionsByTrustStore":              h.listBy(distconfig.TrustStore, "TrustStoreIdentifier"),
		"ListDistributionsByWebACLId":                h.listByWebACL,
		"ListDistributionsByConnectionMode":          h.listByConnectionMode,
		"ListDistributionsByRealtimeLogConfig":       h.listByRealtimeLog,
	}
}

// names tells whether a configuration refers to a thing.
func names(kind distconfig.Kind, id string) uses {
	return func(cfg *cloudfront.DistributionConfig) bool {
		return slices.ContainsFunc(distconfig.References(cfg), func(r distconfig.Reference) bool { return r.Kind == kind && r.ID == id })
	}
}

// using yields the distributions with such a configuration, in the order of their
// ids.
func using(s *cdn.State, marker string, is uses) iter.Seq2[string, *cdn.Distribution] {
	return func(yield func(string, *cdn.Distribution) bool) {
		for id, d := range after(s.Distributions, marker) {
			if is != nil {
				// What is in the journal can be read.
				if cfg, err := config(d); err != nil || !is(cfg) {
					continue
				}
			}
			if !yield(id, d) {
				return
			}
		}
	}
}

// listIDsBy lists the ids of the distributions that refer to a thing; missing is
// the error where there is no such thing.
func (h *handler) listIDsBy(kind distconfig.Kind, param string, missing cloudfront.Code) operation {
	return func(c *call) (*answer, error) {
		s, id := h.Journal.State(), c.get(param)
		if !exists(s, kind, id) {
			return nil, missing.Errorf("The specified %s does not exist: %.100s.", kind, id)
		}
		p, err := newPage(c.params, using(s, c.get("Marker"), names(kind, id)))
		if err != nil {
			return nil, err
		}
		list := &cloudfront.DistributionIdList{
			Marker: p.marker, NextMarker: p.next, MaxItems: p.maxItems, IsTruncated: p.truncated(), Quantity: len(p.items),
		}
		for _, d := range p.items {
			list.Items = append(list.Items, d.ID)
		}
		return &answer{body: list}, nil
	}
}

// listBy lists the distributions that refer to a thing.
func (h *handler) listBy(kind distconfig.Kind, param string) operation {
	return func(c *call) (*answer, error) { return h.list(c, names(kind, c.get(param))) }
}

// listByWebACL: "null" asks for those that have none.
func (h *handler) listByWebACL(c *call) (*answer, error) {
	id := c.get("WebACLId")
	if id == "null" {
		return h.list(c, func(cfg *cloudfront.DistributionConfig) bool { return cloudfront.Or(cfg.WebACLId, "") == "" })
	}
	if err := distconfig.CheckWebACL(id); err != nil {
		return nil, err
	}
	return h.list(c, names(distconfig.WebACL, id))
}

func (h *handler) listByConnectionMode(c *call) (*answer, error) {
	mode := cloudfront.ConnectionMode(c.get("ConnectionMode"))
	if mode != cloudfront.ConnectionModeDirect && mode != cloudfront.ConnectionModeTenantOnly {
		return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter ConnectionMode must be %s or %s, not %.100q.", cloudfront.ConnectionModeDirect, cloudfront.ConnectionModeTenantOnly, mode)
	}
	return h.list(c, func(cfg *cloudfront.DistributionConfig) bool {
		return cfg.ConnectionMode == mode || cfg.ConnectionMode == "" && mode == cloudfront.ConnectionModeDirect
	})
}

// listByRealtimeLog has its parameters in the body: the configuration's ARN or its
// name, and the page.
func (h *handler) listByRealtimeLog(c *call) (*answer, error) {
	asked, err := decode[cloudfront.ListDistributionsByRealtimeLogConfigRequest](c)
	if err != nil {
		return nil, err
	}
	arn, name := cloudfront.Or(asked.RealtimeLogConfigArn, ""), cloudfront.Or(asked.RealtimeLogConfigName, "")
	if arn == "" && name == "" {
		return nil, cloudfront.CodeInvalidArgument.Errorf("One of the parameters RealtimeLogConfigArn and RealtimeLogConfigName is required.")
	}
	if arn == "" {
		arn = "arn:aws:cloudfront::" + h.Account + ":realtime-log-config/" + name
	}
	c.params.Values["Marker"] = cloudfront.Or(asked.Marker, "")
	c.params.Values["MaxItems"] = cloudfront.Or(asked.MaxItems, "")
	return h.list(c, names(distconfig.RealtimeLog, arn))
}

// list answers a page of the distributions with such a configuration.
func (h *handler) list(c *call, is uses) (*answer, error) {
	s := h.Journal.State()
	p, err := newPage(c.params, using(s, c.get("Marker"), is))
	if err != nil {
		return nil, err
	}
	list := &cloudfront.DistributionList{
		Marker: p.marker, NextMarker: p.next, MaxItems: p.maxItems, IsTruncated: p.truncated(), Quantity: len(p.items),
	}
	for _, d := range p.items {
		shown, err := h.show(s, d, h.settled(d.ID))
		if err != nil {
			return nil, err
		}
		summary := shown.Summary()
		summary.ETag = new(d.ETag)
		list.Items = append(list.Items, summary)
	}
	return &answer{body: list}, nil
}
