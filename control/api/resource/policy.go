package resource

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// CloudFront's quotas for policies (developer guide, "General quotas on policies"; compatibility.md,
// 303 and 309).
const (
	maxPolicies      = 20 // custom ones of each kind
	maxPolicyName    = 128
	maxSelected      = 10 // headers, cookies, query parameters, each
	maxSelectedNames = 1024
	maxPolicyHeaders = 10 // custom headers, and headers to remove, each
	maxHeaderValue   = 1783
	century          = 100 * 31536000 // seconds
)

// ofType returns the policies that the parameter Type asks for.
func ofType(asked string, managed []*cdn.Resource, custom map[string]*cdn.Resource) (map[string]*cdn.Resource, error) {
	all := map[string]*cdn.Resource{}
	if asked == "" || asked == "managed" {
		for _, m := range managed {
			all[m.ID] = m
		}
	}
	if asked == "" || asked == "custom" {
		maps.Copy(all, custom)
	}
	if asked != "" && asked != "managed" && asked != "custom" {
		return nil, invalid("The parameter Type must be managed or custom, not %.100q.", asked)
	}
	return all, nil
}

func policyType(r *cdn.Resource) string {
	if r.Managed {
		return "managed"
	}
	return "custom"
}

// modified is when a policy was changed: of managed ones CloudFront says 1970.
func modified(r *cdn.Resource) time.Time {
	if r.Managed {
		return time.Unix(0, 0).UTC()
	}
	return r.LastModified
}

func cachePolicies() *kind[cloudfront.CachePolicyConfig] {
	show := func(r shown[cloudfront.CachePolicyConfig]) *cloudfront.CachePolicy {
		return &cloudfront.CachePolicy{Id: r.ID, LastModifiedTime: modified(r.Resource), CachePolicyConfig: *r.config}
	}
	return &kind[cloudfront.CachePolicyConfig]{
		of: cdn.ResourceCachePolicy, noun: "CachePolicy", plural: "CachePolicies", words: "cache policy", path: "cache-policy",
		newID: call.NewUUID, quota: maxPolicies, tooMany: cloudfront.CodeTooManyCachePolicies,
		exists: cloudfront.CodeCachePolicyAlreadyExists, missing: cloudfront.CodeNoSuchCachePolicy,
		identify: func(c *cloudfront.CachePolicyConfig) (string, string) { return c.Name, "" },
		check:    checkCachePolicy, fill: (*cloudfront.CachePolicyConfig).FillDefaults,
		show: func(r shown[cloudfront.CachePolicyConfig]) any { return show(r) },
		list: func(p *call.Page[shown[cloudfront.CachePolicyConfig]]) any {
			return &cloudfront.CachePolicyList{NextMarker: p.Next, MaxItems: p.MaxItems, Quantity: len(p.Items),
				Items: items(p, func(r shown[cloudfront.CachePolicyConfig]) cloudfront.CachePolicySummary {
					return cloudfront.CachePolicySummary{Type: cloudfront.CachePolicyType(policyType(r.Resource)), CachePolicy: *show(r)}
				})}
		},
	}
}

func checkCachePolicy(c *cloudfront.CachePolicyConfig) error {
	if err := checkName(c.Name, maxPolicyName); err != nil {
		return err
	}
	if err := checkComment(c.Comment); err != nil {
		return err
	}
	filled := *c
	filled.FillDefaults()
	least, def, most := c.MinTTL, *filled.DefaultTTL, *filled.MaxTTL
	if least < 0 || least > def || def > most || most > century {
		return invalid("The parameters MinTTL, DefaultTTL and MaxTTL must rise in this order, from 0 to %d seconds: %d, %d, %d.", int64(century), least, def, most)
	}
	key := c.ParametersInCacheKeyAndForwardedToOrigin
	if key == nil {
		return nil
	}
	if err := checkSelections([]selected{
		{"Headers", string(key.HeadersConfig.HeaderBehavior), names(key.HeadersConfig.Headers), cloudfront.CodeTooManyHeadersInCachePolicy},
		{"Cookies", string(key.CookiesConfig.CookieBehavior), cookieNames(key.CookiesConfig.Cookies), cloudfront.CodeTooManyCookiesInCachePolicy},
		{"QueryStrings", string(key.QueryStringsConfig.QueryStringBehavior), queryNames(key.QueryStringsConfig.QueryStrings), cloudfront.CodeTooManyQueryStringsInCachePolicy},
	}); err != nil {
		return err
	}
	// What is never cached has no key.
	if most == 0 {
		for _, p := range []struct {
			name string
			set  bool
		}{
			{"EnableAcceptEncodingGzip", key.EnableAcceptEncodingGzip}, {"EnableAcceptEncodingBrotli", cloudfront.Or(key.EnableAcceptEncodingBrotli, false)},
			{"HeaderBehavior", key.HeadersConfig.HeaderBehavior != "none"}, {"CookieBehavior", key.CookiesConfig.CookieBehavior != "none"},
			{"QueryStringBehavior", key.QueryStringsConfig.QueryStringBehavior != "none"},
		} {
			if p.set {
				return invalid("The parameter %s is invalid for policy with caching disabled.", p.name)
			}
		}
	}
	return nil
}

// selected is one of the parts of a policy that names what of a request it selects.
type selected struct {
	of, behavior string
	names        []string
	tooMany      cloudfront.Code
}

func checkSelections(parts []selected) error {
	for _, p := range parts {
		needs := p.behavior != "none" && p.behavior != "all" && p.behavior != "allViewer"
		total := 0
		for i, n := range p.names {
			total += len(n)
			if slices.ContainsFunc(p.names[:i], func(o string) bool { return o == n || p.of == "Headers" && strings.EqualFold(o, n) }) {
				return invalid("The parameter %s contains %.100q more than once.", p.of, n)
			}
			if n == "" || strings.ContainsAny(n, " \t\r\n") {
				return invalid("The parameter %s contains %.100q, which is no name.", p.of, n)
			}
		}
		switch {
		case needs != (len(p.names) > 0):
			return invalid("The parameter %s does not fit the behavior %s.", p.of, p.behavior)
		case len(p.names) > maxSelected:
			return p.tooMany.Errorf("Your request contains too many names in %s: at most %d are allowed.", p.of, maxSelected)
		case total > maxSelectedNames:
			return invalid("The names in %s have more than %d characters in all.", p.of, maxSelectedNames)
		}
	}
	return nil
}

func names(h *cloudfront.Headers) []string {
	if h == nil {
		return nil
	}
	return h.Items
}

func cookieNames(c *cloudfront.CookieNames) []string {
	if c == nil {
		return nil
	}
	return c.Items
}

func queryNames(q *cloudfront.QueryStringNames) []string {
	if q == nil {
		return nil
	}
	return q.Items
}

func originRequestPolicies() *kind[cloudfront.OriginRequestPolicyConfig] {
	show := func(r shown[cloudfront.OriginRequestPolicyConfig]) *cloudfront.OriginRequestPolicy {
		return &cloudfront.OriginRequestPolicy{Id: r.ID, LastModifiedTime: modified(r.Resource), OriginRequestPolicyConfig: *r.config}
	}
	return &kind[cloudfront.OriginRequestPolicyConfig]{
		of: cdn.ResourceOriginRequestPolicy, noun: "OriginRequestPolicy", plural: "OriginRequestPolicies", words: "origin request policy", path: "origin-request-policy",
		newID: call.NewUUID, quota: maxPolicies, tooMany: cloudfront.CodeTooManyOriginRequestPolicies,
		exists: cloudfront.CodeOriginRequestPolicyAlreadyExists, missing: cloudfront.CodeNoSuchOriginRequestPolicy,
		identify: func(c *cloudfront.OriginRequestPolicyConfig) (string, string) { return c.Name, "" },
		check:    checkOriginRequestPolicy,
		fill: func(c *cloudfront.OriginRequestPolicyConfig) {
			if c.Comment == nil {
				c.Comment = new("")
			}
		},
		show: func(r shown[cloudfront.OriginRequestPolicyConfig]) any { return show(r) },
		list: func(p *call.Page[shown[cloudfront.OriginRequestPolicyConfig]]) any {
			return &cloudfront.OriginRequestPolicyList{NextMarker: p.Next, MaxItems: p.MaxItems, Quantity: len(p.Items),
				Items: items(p, func(r shown[cloudfront.OriginRequestPolicyConfig]) cloudfront.OriginRequestPolicySummary {
					return cloudfront.OriginRequestPolicySummary{Type: cloudfront.OriginRequestPolicyType(policyType(r.Resource)), OriginRequestPolicy: *show(r)}
				})}
		},
	}
}

func checkOriginRequestPolicy(c *cloudfront.OriginRequestPolicyConfig) error {
	if err := checkName(c.Name, maxPolicyName); err != nil {
		return err
	}
	if err := checkComment(c.Comment); err != nil {
		return err
	}
	headers := names(c.HeadersConfig.Headers)
	if c.HeadersConfig.HeaderBehavior != cloudfront.OriginRequestPolicyHeaderBehaviorAllExcept {
		// What decides which object it is can only be in the cache key.
		for _, h := range headers {
			if strings.EqualFold(h, "Authorization") || strings.EqualFold(h, "Accept-Encoding") {
				return invalid("The parameter Headers contains %s that is not allowed.", h)
			}
		}
	}
	return checkSelections([]selected{
		{"Headers", string(c.HeadersConfig.HeaderBehavior), headers, cloudfront.CodeTooManyHeadersInOriginRequestPolicy},
		{"Cookies", string(c.CookiesConfig.CookieBehavior), cookieNames(c.CookiesConfig.Cookies), cloudfront.CodeTooManyCookiesInOriginRequestPolicy},
		{"QueryStrings", string(c.QueryStringsConfig.QueryStringBehavior), queryNames(c.QueryStringsConfig.QueryStrings), cloudfront.CodeTooManyQueryStringsInOriginRequestPolicy},
	})
}

func responseHeadersPolicies() *kind[cloudfront.ResponseHeadersPolicyConfig] {
	show := func(r shown[cloudfront.ResponseHeadersPolicyConfig]) *cloudfront.ResponseHeadersPolicy {
		return &cloudfront.ResponseHeadersPolicy{Id: r.ID, LastModifiedTime: modified(r.Resource), ResponseHeadersPolicyConfig: *r.config}
	}
	return &kind[cloudfront.ResponseHeadersPolicyConfig]{
		of: cdn.ResourceResponseHeadersPolicy, noun: "ResponseHeadersPolicy", plural: "ResponseHeadersPolicies", words: "response headers policy", path: "response-headers-policy",
		newID: call.NewUUID, quota: maxPolicies, tooMany: cloudfront.CodeTooManyResponseHeadersPolicies,
		exists: cloudfront.CodeResponseHeadersPolicyAlreadyExists, missing: cloudfront.CodeNoSuchResponseHeadersPolicy,
		identify: func(c *cloudfront.ResponseHeadersPolicyConfig) (string, string) { return c.Name, "" },
		check:    checkResponseHeadersPolicy,
		fill: func(c *cloudfront.ResponseHeadersPolicyConfig) {
			if c.Comment == nil {
				c.Comment = new("")
			}
		},
		show: func(r shown[cloudfront.ResponseHeadersPolicyConfig]) any { return show(r) },
		list: func(p *call.Page[shown[cloudfront.ResponseHeadersPolicyConfig]]) any {
			return &cloudfront.ResponseHeadersPolicyList{NextMarker: p.Next, MaxItems: p.MaxItems, Quantity: len(p.Items),
				Items: items(p, func(r shown[cloudfront.ResponseHeadersPolicyConfig]) cloudfront.ResponseHeadersPolicySummary {
					return cloudfront.ResponseHeadersPolicySummary{Type: cloudfront.ResponseHeadersPolicyType(policyType(r.Resource)), ResponseHeadersPolicy: *show(r)}
				})}
		},
	}
}

func checkResponseHeadersPolicy(c *cloudfront.ResponseHeadersPolicyConfig) error {
	if err := checkName(c.Name, maxPolicyName); err != nil {
		return err
	}
	if err := checkComment(c.Comment); err != nil {
		return err
	}
	if s := c.SecurityHeadersConfig; s != nil {
		switch {
		case s.ContentSecurityPolicy != nil && len(s.ContentSecurityPolicy.ContentSecurityPolicy) > maxHeaderValue:
			return cloudfront.CodeTooLongCSPInResponseHeadersPolicy.Errorf("The length of the Content-Security-Policy header value exceeds the maximum, %d characters.", maxHeaderValue)
		case s.StrictTransportSecurity != nil && s.StrictTransportSecurity.AccessControlMaxAgeSec < 0:
			return invalid("The parameter AccessControlMaxAgeSec must not be negative.")
		case s.XSSProtection != nil && s.XSSProtection.ReportUri != nil && cloudfront.Or(s.XSSProtection.ModeBlock, false):
			return invalid("The parameters ModeBlock and ReportUri cannot be used together.")
		}
	}
	if cors := c.CorsConfig; cors != nil && (len(cors.AccessControlAllowOrigins.Items) == 0 || len(cors.AccessControlAllowMethods.Items) == 0) {
		return invalid("The CorsConfig must name at least one origin and one method.")
	}
	return checkSetHeaders(c)
}

func checkSetHeaders(c *cloudfront.ResponseHeadersPolicyConfig) error {
	if custom := c.CustomHeadersConfig; custom != nil {
		if len(custom.Items) > maxPolicyHeaders {
			return cloudfront.CodeTooManyCustomHeadersInResponseHeadersPolicy.Errorf("The number of custom headers in the response headers policy exceeds the maximum, %d.", maxPolicyHeaders)
		}
		for i, h := range custom.Items {
			if slices.ContainsFunc(custom.Items[:i], func(o cloudfront.ResponseHeadersPolicyCustomHeader) bool {
				return strings.EqualFold(o.Header, h.Header)
			}) {
				return invalid("The custom header %.100q is set more than once.", h.Header)
			}
			if len(h.Value) > maxHeaderValue {
				return invalid("The value of the custom header %.100q has more than %d characters.", h.Header, maxHeaderValue)
			}
			if isCloudFronts(h.Header) {
				return invalid("The parameter CustomHeadersConfig contains %.100q that is not allowed.", h.Header)
			}
		}
	}
	if remove := c.RemoveHeadersConfig; remove != nil {
		if len(remove.Items) > maxPolicyHeaders {
			return cloudfront.CodeTooManyRemoveHeadersInResponseHeadersPolicy.Errorf("The number of headers in RemoveHeadersConfig in the response headers policy exceeds the maximum, %d.", maxPolicyHeaders)
		}
		for _, h := range remove.Items {
			if isCloudFronts(h.Header) {
				return invalid("The parameter RemoveHeadersConfig contains %.100q that is not allowed.", h.Header)
			}
		}
	}
	return nil
}

// isCloudFronts tells which headers a policy can neither set nor remove (developer
// guide, "Understand response headers policies").
func isCloudFronts(name string) bool {
	name = strings.ToLower(name)
	for _, prefix := range []string{"proxy-", "x-accel-", "x-amz-cf-", "x-amzn-", "x-cache", "x-edge-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "trailer",
		"transfer-encoding", "upgrade", "via", "warning", "x-forwarded-proto", "x-real-ip"}, name)
}
