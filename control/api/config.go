package api

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// CloudFront's quotas for one distribution.
const (
	maxAliases      = 100
	maxBehaviors    = 75
	maxOrigins      = 100
	maxOriginGroups = 10
	// maxForwarded is how many headers, cookies and query parameters a behavior
	// may name in the legacy ForwardedValues, each.
	maxForwarded = 10
	maxComment   = 128
)

// checkConfig refuses what a configuration may not hold whatever else there is:
// the quotas, and what nothing beyond the document says. It bounds what cdn.Compile
// is given, which is called while nobody else can write to the journal.
func checkConfig(cfg *cloudfront.DistributionConfig) error {
	switch {
	case cfg.CallerReference == "":
		return cloudfront.CodeInvalidArgument.Errorf("The parameter CallerReference is required.")
	case len([]rune(cfg.Comment)) > maxComment:
		return cloudfront.CodeInvalidArgument.Errorf("The parameter Comment is too long: at most %d characters are allowed.", maxComment)
	case len(cfg.Origins.Items) > maxOrigins:
		return cloudfront.CodeTooManyOrigins.Errorf("You cannot create more origins for the distribution: at most %d are allowed.", maxOrigins)
	case cfg.OriginGroups != nil && len(cfg.OriginGroups.Items) > maxOriginGroups:
		return cloudfront.CodeTooManyOriginGroupsPerDistribution.Errorf("You cannot create more origin groups for the distribution: at most %d are allowed.", maxOriginGroups)
	case cfg.CacheBehaviors != nil && len(cfg.CacheBehaviors.Items) > maxBehaviors:
		return cloudfront.CodeTooManyCacheBehaviors.Errorf("You cannot create more cache behaviors for the distribution: at most %d are allowed.", maxBehaviors)
	case cfg.Aliases != nil && len(cfg.Aliases.Items) > maxAliases:
		return cloudfront.CodeTooManyDistributionCNAMEs.Errorf("Your request contains more CNAMEs than are allowed per distribution, %d.", maxAliases)
	}
	if err := checkForwarded(cfg.DefaultCacheBehavior.ForwardedValues); err != nil {
		return err
	}
	if cfg.CacheBehaviors != nil {
		for _, b := range cfg.CacheBehaviors.Items {
			if err := checkForwarded(b.ForwardedValues); err != nil {
				return err
			}
		}
	}
	return checkAccess(cfg.Origins.Items)
}

func checkForwarded(f *cloudfront.ForwardedValues) error {
	switch {
	case f == nil:
	case f.Headers != nil && len(f.Headers.Items) > maxForwarded:
		return cloudfront.CodeTooManyHeadersInForwardedValues.Errorf("Your request contains too many headers in forwarded values: at most %d are allowed.", maxForwarded)
	case f.Cookies.WhitelistedNames != nil && len(f.Cookies.WhitelistedNames.Items) > maxForwarded:
		return cloudfront.CodeTooManyCookieNamesInWhiteList.Errorf("Your request contains more cookie names in the whitelist than are allowed per cache behavior, %d.", maxForwarded)
	case f.QueryStringCacheKeys != nil && len(f.QueryStringCacheKeys.Items) > maxForwarded:
		return cloudfront.CodeTooManyQueryStringParameters.Errorf("Your request contains too many query string parameters: at most %d are allowed.", maxForwarded)
	}
	return nil
}

// checkAccess refuses an origin with both kinds of access to a bucket: the older
// identity and the access control.
func checkAccess(origins []cloudfront.Origin) error {
	for _, o := range origins {
		if cloudfront.Or(o.OriginAccessControlId, "") != "" && o.S3OriginConfig != nil && o.S3OriginConfig.OriginAccessIdentity != "" {
			return cloudfront.CodeIllegalOriginAccessConfiguration.Errorf("The origin %q cannot have both an origin access control and an origin access identity.", o.Id)
		}
	}
	return nil
}

// checkAliases refuses a name that another distribution has, or that is none. A
// wildcard and a name that it covers do not clash: the name is the more specific
// one and wins (developer guide, "Use wildcards in alternate domain names"), as it
// does in cdn.State.PlanFor.
func (h *handler) checkAliases(s *cdn.State, plan *cdn.Plan) error {
	for i, alias := range plan.Aliases {
		if !h.isAlias(alias) {
			return cloudfront.CodeInvalidArgument.Errorf("The parameter CNAME contains one or more parameters that are not valid: %.300q.", alias)
		}
		if slices.Contains(plan.Aliases[:i], alias) {
			return cloudfront.CodeInvalidArgument.Errorf("The parameter CNAME contains %q more than once.", alias)
		}
		for _, other := range s.Plans {
			if other.ID != plan.ID && slices.Contains(other.Aliases, alias) {
				return cloudfront.CodeCNAMEAlreadyExists.Errorf("One or more of the CNAMEs you provided are already associated with a different resource.")
			}
		}
	}
	return nil
}

// isAlias tells whether name can be an alias: a domain name of more than one
// label, the first of which may be "*"; none of those that distributions are
// given, for with one that exists, or will, a distribution would take another's
// place; and none of the network's own.
func (h *handler) isAlias(name string) bool {
	first, rest, _ := strings.Cut(name, ".")
	if _, err := netip.ParseAddr(name); err == nil || rest == "" || len(name) > 253 {
		return false
	}
	if rest == strings.ToLower(strings.Trim(h.Zone, ".")) && len(first) == 1+idLength && first[0] == 'd' && isLabel(first) {
		return false
	}
	if ca.Own(h.Zone, name) {
		return false
	}
	if first != "*" && !isLabel(first) {
		return false
	}
	for label := range strings.SplitSeq(rest, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

// isLabel tells whether s is a label of a host name, in lower case. An underscore
// is in no host name, but in names that people have.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
