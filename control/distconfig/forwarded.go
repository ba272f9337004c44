package distconfig

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// maxForwarded is how many headers, cookies and query parameters a behavior may
// name in the older ForwardedValues, each.
const maxForwarded = 10

// checkForwarded holds a behavior's ForwardedValues to the quotas, and to what goes
// together.
func checkForwarded(cfg *cloudfront.DistributionConfig, b *behavior) error {
	f := b.ForwardedValues
	if f == nil {
		return nil
	}
	if err := checkForwardedHeaders(cfg, b, f.Headers); err != nil {
		return err
	}
	names := f.Cookies.WhitelistedNames
	listed, whitelist := names != nil && len(names.Items) > 0, f.Cookies.Forward == cloudfront.ItemSelectionWhitelist
	switch {
	case names != nil && len(names.Items) > maxForwarded:
		return cloudfront.CodeTooManyCookieNamesInWhiteList.Errorf("Your request contains more cookie names in the whitelist than are allowed per cache behavior, %d.", maxForwarded)
	case listed != whitelist:
		return cloudfront.CodeInvalidForwardCookies.Errorf("Your request contains forward cookies option which doesn't match with the expectation for the whitelisted list of cookie names: "+
			"WhitelistedNames of %s is for Forward whitelist, and required there.", b.name)
	}
	keys := f.QueryStringCacheKeys
	switch {
	case keys == nil || len(keys.Items) == 0:
	case len(keys.Items) > maxForwarded:
		return cloudfront.CodeTooManyQueryStringParameters.Errorf("Your request contains too many query string parameters: at most %d are allowed.", maxForwarded)
	case !f.QueryString:
		return cloudfront.CodeInvalidQueryStringParameters.Errorf("The query string parameters specified are not valid: QueryStringCacheKeys of %s is for QueryString true.", b.name)
	case slices.Contains(keys.Items, ""):
		return cloudfront.CodeInvalidQueryStringParameters.Errorf("The query string parameters specified are not valid: QueryStringCacheKeys of %s has an empty name.", b.name)
	}
	return nil
}

func checkForwardedHeaders(cfg *cloudfront.DistributionConfig, b *behavior, headers *cloudfront.Headers) error {
	if headers == nil || len(headers.Items) == 0 {
		return nil
	}
	if len(headers.Items) > maxForwarded {
		return cloudfront.CodeTooManyHeadersInForwardedValues.Errorf("Your request contains too many headers in forwarded values: at most %d are allowed.", maxForwarded)
	}
	if slices.Contains(headers.Items, "*") && len(headers.Items) > 1 {
		return invalid("The parameter Headers of %s must have nothing beside \"*\", which stands for all headers.", b.name)
	}
	if _, found := duplicate(lowered(headers.Items)); found {
		return invalid("The parameter Headers of %s has a name more than once: %v.", b.name, headers.Items)
	}
	for _, name := range headers.Items {
		if !isToken(name) {
			return invalid("The parameter Headers of %s has %.100q, which is not a header's name.", b.name, name)
		}
	}
	// S3 takes requests for one host, and authenticates by Authorization.
	if o := originOf(cfg, b.TargetOriginId); o != nil && o.S3OriginConfig != nil {
		for _, name := range lowered(headers.Items) {
			if name == "*" || name == "host" {
				return cloudfront.CodeInvalidHeadersForS3Origin.Errorf("The headers specified are not valid for an Amazon S3 origin: %s forwards %q to the origin %q.", b.name, name, o.Id)
			}
		}
	}
	return nil
}

func lowered(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToLower(n)
	}
	return out
}
