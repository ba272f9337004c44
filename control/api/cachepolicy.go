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
	policies := map[string]cdn.CachePolicy{}
	switch kind := cloudfront.CachePolicyType(c.get("Type")); kind {
	case "", cloudfront.CachePolicyTypeManaged:
		for _, p := range cdn.ManagedCachePolicies() {
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
	for _, policy := range p.items {
		list.Items = append(list.Items, cloudfront.CachePolicySummary{Type: cloudfront.CachePolicyTypeManaged, CachePolicy: *showCachePolicy(policy)})
	}
	return &answer{body: list}, nil
}

func (h *handler) getCachePolicy(c *call) (*answer, error) {
	policy, err := cachePolicy(c.get("Id"))
	return &answer{etag: managedETag(policy.ID), body: showCachePolicy(policy)}, err
}

func (h *handler) getCachePolicyConfig(c *call) (*answer, error) {
	policy, err := cachePolicy(c.get("Id"))
	return &answer{etag: managedETag(policy.ID), body: &showCachePolicy(policy).CachePolicyConfig}, err
}

func cachePolicy(id string) (cdn.CachePolicy, error) {
	policy, found := cdn.ManagedCachePolicy(id)
	if !found {
		return policy, cloudfront.CodeNoSuchCachePolicy.Errorf("The specified cache policy does not exist.")
	}
	return policy, nil
}

// managedETag is the ETag of a policy that never changes.
func managedETag(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "E" + base32.StdEncoding.EncodeToString(sum[:])[:idLength]
}

func showCachePolicy(p cdn.CachePolicy) *cloudfront.CachePolicy {
	shown := &cloudfront.CachePolicy{
		Id: p.ID,
		// CloudFront's own date for what it manages.
		LastModifiedTime: time.Unix(0, 0),
		CachePolicyConfig: cloudfront.CachePolicyConfig{
			Name: p.Name, MinTTL: seconds(p.MinTTL), DefaultTTL: new(seconds(p.DefaultTTL)), MaxTTL: new(seconds(p.MaxTTL)),
			ParametersInCacheKeyAndForwardedToOrigin: &cloudfront.ParametersInCacheKeyAndForwardedToOrigin{
				EnableAcceptEncodingGzip: p.Gzip, EnableAcceptEncodingBrotli: new(p.Brotli),
				HeadersConfig:      cloudfront.CachePolicyHeadersConfig{HeaderBehavior: cloudfront.CachePolicyHeaderBehavior(behavior(p.Headers))},
				CookiesConfig:      cloudfront.CachePolicyCookiesConfig{CookieBehavior: cloudfront.CachePolicyCookieBehavior(behavior(p.Cookies))},
				QueryStringsConfig: cloudfront.CachePolicyQueryStringsConfig{QueryStringBehavior: cloudfront.CachePolicyQueryStringBehavior(behavior(p.Query))},
			},
		},
	}
	key := shown.CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin
	if names := p.Headers.Names; len(names) > 0 {
		key.HeadersConfig.Headers = &cloudfront.Headers{Quantity: len(names), Items: names}
	}
	if names := p.Cookies.Names; len(names) > 0 {
		key.CookiesConfig.Cookies = &cloudfront.CookieNames{Quantity: len(names), Items: names}
	}
	if names := p.Query.Names; len(names) > 0 {
		key.QueryStringsConfig.QueryStrings = &cloudfront.QueryStringNames{Quantity: len(names), Items: names}
	}
	shown.CachePolicyConfig.FillDefaults()
	return shown
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// behavior is what the API calls a selection, for headers, cookies and query
// strings alike.
func behavior(s cdn.Selection) string {
	switch s.Mode {
	case cdn.SelectAll:
		return "all"
	case cdn.SelectNames:
		return "whitelist"
	case cdn.SelectAllExcept:
		return "allExcept"
	}
	return "none"
}
