package distconfig

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// Kind is a kind of thing that a configuration names by id.
type Kind string

// The kinds, in the words of messages, each with how it is named.
const (
	CachePolicy          Kind = "cache policy"                 // id
	OriginRequestPolicy  Kind = "origin request policy"        // id
	ResponseHeaders      Kind = "response headers policy"      // id
	KeyGroup             Kind = "key group"                    // id
	Function             Kind = "function"                     // name
	AccessControl        Kind = "origin access control"        // id
	AccessIdentity       Kind = "origin access identity"       // id
	RealtimeLog          Kind = "real-time log configuration"  // ARN
	FieldLevelEncryption Kind = "field-level encryption"       // id
	ContinuousDeployment Kind = "continuous deployment policy" // id
	VpcOrigin            Kind = "VPC origin"                   // id
	AnycastIPList        Kind = "Anycast static IP list"       // id
	TrustStore           Kind = "trust store"                  // id
	ConnectionFunction   Kind = "connection function"          // id
	WebACL               Kind = "web ACL"                      // ARN, or a classic one's id
)

// Missing is the code that CloudFront answers with where there is no such thing.
func (k Kind) Missing() cloudfront.Code {
	switch k {
	case CachePolicy:
		return cloudfront.CodeNoSuchCachePolicy
	case OriginRequestPolicy:
		return cloudfront.CodeNoSuchOriginRequestPolicy
	case ResponseHeaders:
		return cloudfront.CodeNoSuchResponseHeadersPolicy
	case KeyGroup:
		return cloudfront.CodeTrustedKeyGroupDoesNotExist
	case Function:
		return cloudfront.CodeInvalidFunctionAssociation
	case AccessControl:
		return cloudfront.CodeInvalidOriginAccessControl
	case AccessIdentity:
		return cloudfront.CodeInvalidOriginAccessIdentity
	case RealtimeLog:
		return cloudfront.CodeNoSuchRealtimeLogConfig
	case FieldLevelEncryption:
		return cloudfront.CodeNoSuchFieldLevelEncryptionConfig
	case ContinuousDeployment:
		return cloudfront.CodeNoSuchContinuousDeploymentPolicy
	case WebACL:
		return cloudfront.CodeInvalidWebACLId
	}
	return cloudfront.CodeEntityNotFound
}

// Reference is one thing that a configuration names.
type Reference struct {
	Kind    Kind
	ID      string // a function's is its name
	Element string // that names it
	In      string // where that is: an origin, a cache behavior, "" for the distribution
}

// NotFound is the error for a reference to what does not exist.
func (r Reference) NotFound() error {
	in := ""
	if r.In != "" {
		in = " of " + r.In
	}
	return r.Kind.Missing().Errorf("The specified %s does not exist: %s %.200q%s.", r.Kind, r.Element, r.ID, in)
}

// References lists what a configuration names, in its order. A thing that is named
// twice is listed twice.
func References(cfg *cloudfront.DistributionConfig) []Reference {
	var all []Reference
	add := func(kind Kind, id *string, element, in string) {
		if id != nil && *id != "" {
			all = append(all, Reference{kind, *id, element, in})
		}
	}
	for i := range cfg.Origins.Items {
		o := &cfg.Origins.Items[i]
		in := "the origin " + o.Id
		add(AccessControl, o.OriginAccessControlId, "OriginAccessControlId", in)
		if o.S3OriginConfig != nil {
			id := strings.TrimPrefix(o.S3OriginConfig.OriginAccessIdentity, identityPrefix)
			add(AccessIdentity, &id, "OriginAccessIdentity", in)
		}
		if o.VpcOriginConfig != nil {
			add(VpcOrigin, &o.VpcOriginConfig.VpcOriginId, "VpcOriginId", in)
		}
	}
	for _, b := range behaviors(cfg) {
		add(CachePolicy, b.CachePolicyId, "CachePolicyId", b.name)
		add(OriginRequestPolicy, b.OriginRequestPolicyId, "OriginRequestPolicyId", b.name)
		add(ResponseHeaders, b.ResponseHeadersPolicyId, "ResponseHeadersPolicyId", b.name)
		add(RealtimeLog, b.RealtimeLogConfigArn, "RealtimeLogConfigArn", b.name)
		add(FieldLevelEncryption, b.FieldLevelEncryptionId, "FieldLevelEncryptionId", b.name)
		if b.TrustedKeyGroups != nil {
			for _, id := range b.TrustedKeyGroups.Items {
				add(KeyGroup, &id, "KeyGroup", b.name)
			}
		}
		if b.FunctionAssociations != nil {
			for _, f := range b.FunctionAssociations.Items {
				name := functionName(f.FunctionARN)
				add(Function, &name, "FunctionARN", b.name)
			}
		}
	}
	add(WebACL, cfg.WebACLId, "WebACLId", "")
	add(ContinuousDeployment, cfg.ContinuousDeploymentPolicyId, "ContinuousDeploymentPolicyId", "")
	add(AnycastIPList, cfg.AnycastIpListId, "AnycastIpListId", "")
	if m := cfg.ViewerMtlsConfig; m != nil && m.TrustStoreConfig != nil {
		add(TrustStore, &m.TrustStoreConfig.TrustStoreId, "TrustStoreId", "")
	}
	if f := cfg.ConnectionFunctionAssociation; f != nil {
		add(ConnectionFunction, &f.Id, "ConnectionFunctionAssociation", "")
	}
	return all
}

// Signers lists the accounts and the key groups that may sign for any of a
// configuration's behaviors, each once.
func Signers(cfg *cloudfront.DistributionConfig) (accounts, keyGroups []string) {
	add := func(to *[]string, items []string) {
		for _, item := range items {
			if !slices.Contains(*to, item) {
				*to = append(*to, item)
			}
		}
	}
	for _, b := range behaviors(cfg) {
		if b.TrustedSigners != nil {
			add(&accounts, b.TrustedSigners.Items)
		}
		if b.TrustedKeyGroups != nil {
			add(&keyGroups, b.TrustedKeyGroups.Items)
		}
	}
	return accounts, keyGroups
}
