// Package distconfig holds a DistributionConfig to CloudFront's rules. It is
// pure: it reads a document of control/cloudfront's and keeps nothing.
//
// A configuration goes through it in two steps. Check refuses what is wrong
// whatever else there is: quotas, values, members that exclude one another. It
// bounds what comes after it, and is called before anybody waits. References lists
// by kind and id what the configuration names; whether that exists is for the
// caller to say, in the same transaction as the change, and Kind.Missing has the
// error for it. The same list answers which distributions use a policy, a key group
// or a function.
//
// Every refusal is a *cloudfront.Error: CloudFront's code for it, and a sentence
// that names the element, in CloudFront's words where they are known to us.
package distconfig

import "github.com/warmfront/warmfront/control/cloudfront"

// CloudFront's quotas for one distribution (developer guide, "Quotas").
const (
	MaxAliases      = 100
	maxBehaviors    = 75
	maxOrigins      = 100
	maxOriginGroups = 10
	maxComment      = 128
)

// Check refuses a configuration that CloudFront would refuse on sight. The error is
// a *cloudfront.Error.
func Check(cfg *cloudfront.DistributionConfig) error {
	for _, check := range []func(*cloudfront.DistributionConfig) error{
		checkQuotas, checkRoot, checkOrigins, checkOriginGroups, checkBehaviors, checkErrorResponses,
		checkLogging, checkRestrictions, checkCertificate, checkWebACL, checkStaging,
	} {
		if err := check(cfg); err != nil {
			return err
		}
	}
	return nil
}

// checkQuotas comes first: what it lets pass is small enough to look at.
func checkQuotas(cfg *cloudfront.DistributionConfig) error {
	switch {
	case cfg.CallerReference == "":
		return invalid("The parameter CallerReference is required.")
	case len([]rune(cfg.Comment)) > maxComment:
		return invalid("The parameter Comment is too long: at most %d characters are allowed.", maxComment)
	case len(cfg.Origins.Items) > maxOrigins:
		return cloudfront.CodeTooManyOrigins.Errorf("You cannot create more origins for the distribution: at most %d are allowed.", maxOrigins)
	case cfg.OriginGroups != nil && len(cfg.OriginGroups.Items) > maxOriginGroups:
		return cloudfront.CodeTooManyOriginGroupsPerDistribution.Errorf("You cannot create more origin groups for the distribution: at most %d are allowed.", maxOriginGroups)
	case cfg.CacheBehaviors != nil && len(cfg.CacheBehaviors.Items) > maxBehaviors:
		return cloudfront.CodeTooManyCacheBehaviors.Errorf("You cannot create more cache behaviors for the distribution: at most %d are allowed.", maxBehaviors)
	case cfg.Aliases != nil && len(cfg.Aliases.Items) > MaxAliases:
		return TooManyAliases()
	}
	return nil
}

// TooManyAliases is the error for more than MaxAliases.
func TooManyAliases() error {
	return cloudfront.CodeTooManyDistributionCNAMEs.Errorf("Your request contains more CNAMEs than are allowed per distribution, %d.", MaxAliases)
}

func invalid(format string, args ...any) error {
	return cloudfront.CodeInvalidArgument.Errorf(format, args...)
}
