package api

import (
	"crypto/sha256"
	"encoding/base32"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

func (h *handler) cachePolicyOperations() map[string]operation {
	return map[string]operation{
		"ListCachePolicies":    h.listCachePolicies,
		"GetCachePolicy":       h.getCachePolicy,
		"GetCachePolicyConfig": h.getCachePolicyConfig,
	}
}

func (h *handler) listCachePolicies(c *call) (*answer, error) {
	policies := map[string]*cdn.Resource{}
	switch kind := cloudfront.CachePolicyType(c.get("Type")); kind {
	case "", cloudfront.CachePolicyTypeManaged:
		for _, p := range cdn.ManagedPolicies(cdn.ResourceCachePolicy) {
			policies[p.ID] = p
		}
	case cloudfront.CachePolicyTypeCustom: // there are none
	default:
		return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter Type must be managed or custom, not %.100q.", kind)
	}
	p, err := newPage(c.params, after(policies, c.get("Marker")))
	if err != nil {
		return nil, err
	}
	list := &cloudfront.CachePolicyList{NextMarker: p.next, MaxItems: p.maxItems, Quantity: len(p.items)}
	for _, r := range p.items {
		policy, err := showCachePolicy(r)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, cloudfront.CachePolicySummary{Type: cloudfront.CachePolicyTypeManaged, CachePolicy: *policy})
	}
	return &answer{body: list}, nil
}

func (h *handler) getCachePolicy(c *call) (*answer, error) {
	policy, err := h.cachePolicy(c)
	if err != nil {
		return nil, err
	}
	return &answer{etag: managedETag(policy.Id), body: policy}, err
}

func (h *handler) getCachePolicyConfig(c *call) (*answer, error) {
	policy, err := h.cachePolicy(c)
	if err != nil {
		return nil, err
	}
	return &answer{etag: managedETag(policy.Id), body: &policy.CachePolicyConfig}, err
}

func (h *handler) cachePolicy(c *call) (*cloudfront.CachePolicy, error) {
	r := h.Journal.State().Resource(cdn.ResourceCachePolicy, c.get("Id"))
	if r == nil {
		return nil, cloudfront.CodeNoSuchCachePolicy.Errorf("The specified cache policy does not exist.")
	}
	return showCachePolicy(r)
}

// managedETag is the ETag of a policy that never changes.
func managedETag(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "E" + base32.StdEncoding.EncodeToString(sum[:])[:idLength]
}

func showCachePolicy(r *cdn.Resource) (*cloudfront.CachePolicy, error) {
	// CloudFront's own date for what it manages.
	shown := &cloudfront.CachePolicy{Id: r.ID, LastModifiedTime: time.Unix(0, 0)}
	if err := kept(r, &shown.CachePolicyConfig); err != nil {
		return nil, err
	}
	shown.CachePolicyConfig.FillDefaults()
	return shown, nil
}
