package distconfig

import (
	"fmt"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/control/cloudfront"
)

const (
	maxPattern = 255
	maxTTL     = 100 * 31536000 // seconds; CloudFront takes as much as fits (API, CacheBehavior)
)

// behavior is a cache behavior, the default one or another: CloudFront's shapes for
// the two differ by the path pattern alone.
type behavior struct {
	cloudfront.DefaultCacheBehavior
	// name is how messages name it: "the default cache behavior", or its pattern.
	name string
}

// behaviors returns all of a configuration, the default one last.
func behaviors(cfg *cloudfront.DistributionConfig) []behavior {
	var all []behavior
	if cfg.CacheBehaviors != nil {
		for _, b := range cfg.CacheBehaviors.Items {
			all = append(all, behavior{cloudfront.DefaultCacheBehavior{
				TargetOriginId: b.TargetOriginId, TrustedSigners: b.TrustedSigners, TrustedKeyGroups: b.TrustedKeyGroups,
				ViewerProtocolPolicy: b.ViewerProtocolPolicy, AllowedMethods: b.AllowedMethods, SmoothStreaming: b.SmoothStreaming,
				Compress: b.Compress, LambdaFunctionAssociations: b.LambdaFunctionAssociations, FunctionAssociations: b.FunctionAssociations,
				FieldLevelEncryptionId: b.FieldLevelEncryptionId, RealtimeLogConfigArn: b.RealtimeLogConfigArn,
				CachePolicyId: b.CachePolicyId, OriginRequestPolicyId: b.OriginRequestPolicyId, ResponseHeadersPolicyId: b.ResponseHeadersPolicyId,
				GrpcConfig: b.GrpcConfig, ForwardedValues: b.ForwardedValues, MinTTL: b.MinTTL, DefaultTTL: b.DefaultTTL, MaxTTL: b.MaxTTL,
			}, fmt.Sprintf("the cache behavior %.260q", b.PathPattern)})
		}
	}
	return append(all, behavior{cfg.DefaultCacheBehavior, "the default cache behavior"})
}

func checkBehaviors(cfg *cloudfront.DistributionConfig) error {
	if cfg.CacheBehaviors != nil {
		seen := map[string]bool{}
		for _, b := range cfg.CacheBehaviors.Items {
			if err := checkPattern(b.PathPattern); err != nil {
				return err
			}
			// The leading slash is optional.
			pattern := strings.TrimPrefix(b.PathPattern, "/")
			if seen[pattern] {
				return invalid("The parameter PathPattern must be unique: %q is used by more than one cache behavior.", b.PathPattern)
			}
			seen[pattern] = true
		}
	}
	for _, b := range behaviors(cfg) {
		for _, check := range []func(*cloudfront.DistributionConfig, *behavior) error{
			checkTarget, checkMethods, checkPolicies, checkTTLs, checkForwarded, checkSigners, checkFunctions, checkLambda, checkEncryption,
		} {
			if err := check(cfg, &b); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkPattern holds a path pattern to what CloudFront lets one be made of
// (developer guide, "Path pattern").
func checkPattern(pattern string) error {
	if pattern == "" || len(pattern) > maxPattern {
		return invalid("The parameter PathPattern must have 1 to %d characters, not %.260q.", maxPattern, pattern)
	}
	for _, c := range pattern {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_-.*$/~\"'@:+&?", c) {
			return invalid("The parameter PathPattern contains a character that is not valid: %q in %q.", c, pattern)
		}
	}
	return nil
}

func checkTarget(cfg *cloudfront.DistributionConfig, b *behavior) error {
	if !hasOrigin(cfg, b.TargetOriginId) && groupOf(cfg, b.TargetOriginId) == nil {
		return cloudfront.CodeNoSuchOrigin.Errorf("One or more of your origins or origin groups do not exist: the TargetOriginId %.140q of %s.", b.TargetOriginId, b.name)
	}
	return nil
}

// checkMethods holds the allowed and the cached methods to the sets that CloudFront
// offers (API, AllowedMethods, CachedMethods).
func checkMethods(cfg *cloudfront.DistributionConfig, b *behavior) error {
	reads := []cloudfront.Method{cloudfront.MethodGET, cloudfront.MethodHEAD}
	options := append(slices.Clone(reads), cloudfront.MethodOPTIONS)
	every := append(slices.Clone(options), cloudfront.MethodPUT, cloudfront.MethodPATCH, cloudfront.MethodPOST, cloudfront.MethodDELETE)
	allowed, cached := reads, reads
	if m := b.AllowedMethods; m != nil {
		allowed = m.Items
		if m.CachedMethods != nil {
			cached = m.CachedMethods.Items
		}
	}
	if !sameSet(allowed, reads) && !sameSet(allowed, options) && !sameSet(allowed, every) {
		return invalid("The parameter AllowedMethods of %s is %v, which is none of the sets of methods that are supported: %v, %v, %v.", b.name, allowed, reads, options, every)
	}
	if !sameSet(cached, reads) && !sameSet(cached, options) {
		return invalid("The parameter CachedMethods of %s is %v, which is none of the sets of methods that are supported: %v, %v.", b.name, cached, reads, options)
	}
	if len(cached) > len(allowed) {
		return invalid("The parameter CachedMethods of %s must be a subset of its AllowedMethods: it has OPTIONS.", b.name)
	}
	if groupOf(cfg, b.TargetOriginId) != nil && len(allowed) > len(options) {
		return invalid("The parameter AllowedMethods cannot include POST, PUT, PATCH, or DELETE for a cached behavior associated with an origin group: %s.", b.name)
	}
	if b.GrpcConfig != nil && b.GrpcConfig.Enabled && len(allowed) <= len(options) {
		return invalid("The parameter GrpcConfig of %s can be enabled only where AllowedMethods has POST.", b.name)
	}
	return nil
}

func sameSet(a, b []cloudfront.Method) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// checkPolicies: a cache policy and the older settings exclude one another.
func checkPolicies(_ *cloudfront.DistributionConfig, b *behavior) error {
	if cloudfront.Or(b.CachePolicyId, "") == "" {
		switch {
		case b.ForwardedValues == nil:
			return invalid("The parameter ForwardedValues is required for %s, which has no CachePolicyId.", b.name)
		case cloudfront.Or(b.OriginRequestPolicyId, "") != "":
			return invalid("The parameter OriginRequestPolicyId cannot be used without a cache policy: %s has ForwardedValues.", b.name)
		}
		return nil
	}
	for _, older := range []struct {
		name string
		used bool
	}{
		{"ForwardedValues", b.ForwardedValues != nil},
		// Clients that know of no absence send 0.
		{"MinTTL", cloudfront.Or(b.MinTTL, 0) != 0}, {"DefaultTTL", cloudfront.Or(b.DefaultTTL, 0) != 0}, {"MaxTTL", cloudfront.Or(b.MaxTTL, 0) != 0},
	} {
		if older.used {
			return invalid("The parameter %s cannot be used when a cache policy is associated to the cache behavior: %s.", older.name, b.name)
		}
	}
	return nil
}

func checkTTLs(_ *cloudfront.DistributionConfig, b *behavior) error {
	if b.ForwardedValues == nil {
		return nil
	}
	least := cloudfront.Or(b.MinTTL, 0)
	def := cloudfront.Or(b.DefaultTTL, max(86400, least))
	most := cloudfront.Or(b.MaxTTL, max(31536000, def))
	if least < 0 || most > maxTTL {
		return invalid("The parameters MinTTL, DefaultTTL and MaxTTL of %s must be from 0 to %d seconds.", b.name, maxTTL)
	}
	if least > def || def > most {
		return cloudfront.CodeInvalidTTLOrder.Errorf("The order of the TTL values is not valid: MinTTL (%d), DefaultTTL (%d) and MaxTTL (%d) of %s must rise.", least, def, most, b.name)
	}
	return nil
}
