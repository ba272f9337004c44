package distconfig

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// The limits of one origin (developer guide, "Quotas" and "Origin settings").
const (
	maxOriginID     = 128
	maxOriginPath   = 255
	maxDomainName   = 253
	maxAttempts     = 3
	maxConnect      = 10  // seconds
	maxReadTimeout  = 120 // seconds, response and keep-alive alike
	maxHeaders      = 30
	maxHeaderName   = 256
	maxHeaderValue  = 1783
	maxHeadersTotal = 10240 // names and values of one origin
)

func checkOrigins(cfg *cloudfront.DistributionConfig) error {
	seen := map[string]bool{}
	for i := range cfg.Origins.Items {
		o := &cfg.Origins.Items[i]
		switch {
		case o.Id == "" || len(o.Id) > maxOriginID:
			return invalid("The parameter Origin Id must have 1 to %d characters, not %.140q.", maxOriginID, o.Id)
		case seen[o.Id]:
			return invalid("The parameter Origin Id must be unique: %q is used more than once.", o.Id)
		}
		seen[o.Id] = true
		for _, check := range []func(*cloudfront.Origin) error{
			checkOriginKind, checkOriginName, checkOriginPath, checkCustomHeaders, checkOriginTimes, checkCustomOrigin, checkShield, checkOriginAccess,
		} {
			if err := check(o); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkOriginKind(o *cloudfront.Origin) error {
	kinds := 0
	for _, is := range []bool{o.S3OriginConfig != nil, o.CustomOriginConfig != nil, o.VpcOriginConfig != nil} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		return cloudfront.CodeInvalidOrigin.Errorf("You must specify either a CustomOrigin or an S3Origin: the origin %q has no S3OriginConfig, CustomOriginConfig or VpcOriginConfig.", o.Id)
	case kinds > 1:
		return cloudfront.CodeInvalidOrigin.Errorf("You must specify either a CustomOrigin or an S3Origin. You cannot specify both: the origin %q has more than one of S3OriginConfig, CustomOriginConfig and VpcOriginConfig.", o.Id)
	}
	return nil
}

func checkOriginName(o *cloudfront.Origin) error {
	name := o.DomainName
	switch {
	case name == "" || len(name) > maxDomainName || strings.ContainsAny(name, "/ @?#\\\"<>"):
		return cloudfront.CodeInvalidOrigin.Errorf("The specified origin server does not exist or is not valid: the Origin DomainName %.260q of the origin %q is not a host name.", name, o.Id)
	case strings.Contains(name, ":") && !isAddress(name):
		return invalid("The parameter origin name cannot contain a colon: the Origin DomainName of the origin %q is %.260q, and its port is set by HTTPPort and HTTPSPort.", o.Id, name)
	case o.S3OriginConfig != nil && !IsBucketName(name):
		return invalid("The parameter Origin DomainName does not refer to a valid S3 bucket: %.260q of the origin %q.", name, o.Id)
	}
	return nil
}

// isAddress tells whether name is an IPv6 address, the only name with colons;
// CloudFront takes no addresses, Warmfront does (difference 201).
func isAddress(name string) bool {
	return strings.Count(name, ":") > 1
}

// IsBucketName tells whether name is that of an S3 bucket's, access point's or
// Object Lambda's REST endpoint; a bucket's website endpoint is a custom origin
// (developer guide, "Using an Amazon S3 bucket").
func IsBucketName(name string) bool {
	rest, ok := strings.CutSuffix(strings.ToLower(strings.TrimSuffix(name, ".")), ".amazonaws.com")
	if !ok {
		if rest, ok = strings.CutSuffix(strings.ToLower(name), ".amazonaws.com.cn"); !ok {
			return false
		}
	}
	labels := strings.Split(rest, ".")
	for i, l := range labels {
		if i > 0 && (l == "s3" || strings.HasPrefix(l, "s3-") && !strings.HasPrefix(l, "s3-website")) {
			return true
		}
	}
	return false
}

func checkOriginPath(o *cloudfront.Origin) error {
	path := cloudfront.Or(o.OriginPath, "")
	switch {
	case path == "":
	case len(path) > maxOriginPath:
		return invalid("The parameter OriginPath of the origin %q is too long: at most %d characters are allowed.", o.Id, maxOriginPath)
	case !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/"):
		return invalid("The parameter OriginPath of the origin %q must begin with a slash (/) and not end with one: %q.", o.Id, path)
	case !isEncoded(path):
		return invalid("The parameter OriginPath of the origin %q has a character that must be URL-encoded: %q.", o.Id, path)
	}
	return nil
}

// isEncoded tells whether a path has visible ASCII characters only.
func isEncoded(path string) bool {
	for i := range len(path) {
		if path[i] <= ' ' || path[i] >= 0x7f {
			return false
		}
	}
	return true
}

func checkOriginTimes(o *cloudfront.Origin) error {
	attempts, connect := cloudfront.Or(o.ConnectionAttempts, maxAttempts), cloudfront.Or(o.ConnectionTimeout, maxConnect)
	if attempts < 1 || attempts > maxAttempts {
		return invalid("The parameter ConnectionAttempts of the origin %q must be from 1 to %d, not %d.", o.Id, maxAttempts, attempts)
	}
	if connect < 1 || connect > maxConnect {
		return invalid("The parameter ConnectionTimeout of the origin %q must be from 1 to %d seconds, not %d.", o.Id, maxConnect, connect)
	}
	var read, keepalive *int
	switch {
	case o.S3OriginConfig != nil:
		read = o.S3OriginConfig.OriginReadTimeout
	case o.CustomOriginConfig != nil:
		read, keepalive = o.CustomOriginConfig.OriginReadTimeout, o.CustomOriginConfig.OriginKeepaliveTimeout
	case o.VpcOriginConfig != nil:
		read, keepalive = o.VpcOriginConfig.OriginReadTimeout, o.VpcOriginConfig.OriginKeepaliveTimeout
	}
	if n := cloudfront.Or(read, 30); n < 1 || n > maxReadTimeout {
		return cloudfront.CodeInvalidOriginReadTimeout.Errorf("The OriginReadTimeout of the origin %q must be from 1 to %d seconds, not %d.", o.Id, maxReadTimeout, n)
	}
	if n := cloudfront.Or(keepalive, 5); n < 1 || n > maxReadTimeout {
		return cloudfront.CodeInvalidOriginKeepaliveTimeout.Errorf("The OriginKeepaliveTimeout of the origin %q must be from 1 to %d seconds, not %d.", o.Id, maxReadTimeout, n)
	}
	if most := o.ResponseCompletionTimeout; most != nil && *most < cloudfront.Or(read, 30) {
		return invalid("The parameter ResponseCompletionTimeout of the origin %q must not be less than its OriginReadTimeout: %d.", o.Id, *most)
	}
	return nil
}

func checkCustomOrigin(o *cloudfront.Origin) error {
	c := o.CustomOriginConfig
	if c == nil {
		return nil
	}
	for _, p := range []struct {
		name string
		port int
	}{{"HTTPPort", c.HTTPPort}, {"HTTPSPort", c.HTTPSPort}} {
		// Valid are 80, 443 and 1024 to 65535 (API, CustomOriginConfig).
		if p.port != 80 && p.port != 443 && (p.port < 1024 || p.port > 65535) {
			return invalid("The parameter %s of the origin %q must be 80, 443 or from 1024 to 65535, not %d.", p.name, o.Id, p.port)
		}
	}
	if s := c.OriginSslProtocols; s != nil {
		if len(s.Items) == 0 {
			return invalid("The parameter OriginSslProtocols of the origin %q must have at least one protocol.", o.Id)
		}
		if twice, found := duplicate(s.Items); found {
			return invalid("The parameter OriginSslProtocols of the origin %q has %s more than once.", o.Id, twice)
		}
	}
	return nil
}

// shieldRegions are those with an Origin Shield, as other regions are mapped to
// them (developer guide, "Using Amazon CloudFront Origin Shield").
func shieldRegions() []string {
	return []string{"us-east-1", "us-east-2", "us-west-2", "ap-south-1", "ap-northeast-1", "ap-northeast-2",
		"ap-southeast-1", "ap-southeast-2", "eu-central-1", "eu-west-1", "eu-west-2", "sa-east-1"}
}

func checkShield(o *cloudfront.Origin) error {
	s := o.OriginShield
	if s == nil {
		return nil
	}
	region := cloudfront.Or(s.OriginShieldRegion, "")
	switch {
	case !s.Enabled && region != "":
		return invalid("The parameter OriginShieldRegion of the origin %q must be left out where OriginShield is not enabled.", o.Id)
	case s.Enabled && region == "":
		return invalid("The parameter OriginShieldRegion of the origin %q is required where OriginShield is enabled.", o.Id)
	case s.Enabled && !slices.Contains(shieldRegions(), region):
		return invalid("The parameter OriginShieldRegion of the origin %q is %q, which is none of %s.", o.Id, region, strings.Join(shieldRegions(), ", "))
	}
	return nil
}

// identityPrefix comes before the id of an origin access identity.
const identityPrefix = "origin-access-identity/cloudfront/"

func checkOriginAccess(o *cloudfront.Origin) error {
	identity, control := "", cloudfront.Or(o.OriginAccessControlId, "")
	if o.S3OriginConfig != nil {
		identity = o.S3OriginConfig.OriginAccessIdentity
	}
	switch id, ok := strings.CutPrefix(identity, identityPrefix); {
	case identity == "":
	case control != "":
		return cloudfront.CodeIllegalOriginAccessConfiguration.Errorf("The origin %q cannot have both an origin access control and an origin access identity.", o.Id)
	case !ok || id == "" || strings.Contains(id, "/"):
		return cloudfront.CodeInvalidOriginAccessIdentity.Errorf("The origin access identity of the origin %q is not valid or doesn't exist: %q is not of the form %sID.", o.Id, identity, identityPrefix)
	}
	return nil
}

// duplicate finds a value that is there more than once.
func duplicate[T comparable](items []T) (twice T, found bool) {
	seen := make(map[T]bool, len(items))
	for _, v := range items {
		if seen[v] {
			return v, true
		}
		seen[v] = true
	}
	return twice, false
}
