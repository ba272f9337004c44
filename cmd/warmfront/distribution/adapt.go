package distribution

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/smithy-go"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/signer"
)

// missing tells whether a call failed because there is no such thing here.
func missing(err error) (bool, error) {
	var e smithy.APIError
	if errors.As(err, &e) && (strings.HasPrefix(e.ErrorCode(), "NoSuch") || e.ErrorCode() == "EntityNotFound") {
		return true, nil
	}
	return false, err
}

// adapt makes of the configuration one that works here: it replaces or leaves out what
// is another account's.
func (im *importer) adapt(ctx context.Context, config *types.DistributionConfig) error {
	if aws.ToBool(config.Staging) || aws.ToString(config.ContinuousDeploymentPolicyId) != "" {
		im.changed("it is no staging distribution, and has no continuous deployment policy")
		config.Staging, config.ContinuousDeploymentPolicyId = nil, nil
	}
	if aws.ToString(config.AnycastIpListId) != "" {
		im.changed("it has no Anycast static IP list")
		config.AnycastIpListId = nil
	}
	for i := range config.Origins.Items {
		if err := im.adaptOrigin(ctx, &config.Origins.Items[i]); err != nil {
			return err
		}
	}
	b := config.DefaultCacheBehavior
	if err := im.adaptBehavior(ctx, behaviorRefs{"the default cache behavior", &b.CachePolicyId, &b.OriginRequestPolicyId, &b.ResponseHeadersPolicyId,
		&b.RealtimeLogConfigArn, &b.FieldLevelEncryptionId, &b.TrustedKeyGroups, &b.TrustedSigners, &b.FunctionAssociations}); err != nil {
		return err
	}
	if config.CacheBehaviors == nil {
		return nil
	}
	for i := range config.CacheBehaviors.Items {
		b := &config.CacheBehaviors.Items[i]
		if err := im.adaptBehavior(ctx, behaviorRefs{"the cache behavior " + aws.ToString(b.PathPattern), &b.CachePolicyId, &b.OriginRequestPolicyId, &b.ResponseHeadersPolicyId,
			&b.RealtimeLogConfigArn, &b.FieldLevelEncryptionId, &b.TrustedKeyGroups, &b.TrustedSigners, &b.FunctionAssociations}); err != nil {
			return err
		}
	}
	return nil
}

// adaptOrigin gives a bucket an access control of this network's, unless what it has,
// a control or an identity, is here.
func (im *importer) adaptOrigin(ctx context.Context, o *types.Origin) error {
	old := aws.ToString(o.OriginAccessControlId)
	if im.planned[old] {
		return nil
	}
	if old != "" {
		_, err := im.CloudFront().GetOriginAccessControl(ctx, &cloudfront.GetOriginAccessControlInput{Id: &old})
		if gone, err := missing(err); err != nil || !gone {
			return err
		}
		o.OriginAccessControlId = nil
	}
	identity := ""
	if o.S3OriginConfig != nil {
		identity = aws.ToString(o.S3OriginConfig.OriginAccessIdentity)
		if here, err := im.hasIdentity(ctx, identity); err != nil || here {
			return err
		}
		o.S3OriginConfig.OriginAccessIdentity = aws.String("")
	}
	switch {
	case old == "" && identity == "":
		return nil
	case o.S3OriginConfig == nil:
		im.changed("the origin %s has no access control: %s is not here", aws.ToString(o.Id), old)
		return nil
	case im.flags.dryRun:
		im.changed("the origin %s would have this network's access control, not %s", aws.ToString(o.Id), old+identity)
		return nil
	}
	id, err := im.accessControl(ctx)
	o.OriginAccessControlId = &id
	im.changed("the origin %s has the access control %s, not %s", aws.ToString(o.Id), id, old+identity)
	return err
}

// hasIdentity tells whether the origin access identity that a configuration names is
// here, or would be after a dry run.
func (im *importer) hasIdentity(ctx context.Context, identity string) (bool, error) {
	id := origins.IdentityID(identity)
	if id == "" || im.planned[id] {
		return id != "", nil
	}
	_, err := im.CloudFront().GetCloudFrontOriginAccessIdentity(ctx, &cloudfront.GetCloudFrontOriginAccessIdentityInput{Id: &id})
	gone, err := missing(err)
	return err == nil && !gone, err
}

// behaviorRefs is what a cache behavior refers to.
type behaviorRefs struct {
	name                                                          string
	cachePolicy, originRequest, responseHeaders, logs, encryption **string
	keyGroups                                                     **types.TrustedKeyGroups
	signers                                                       **types.TrustedSigners
	functions                                                     **types.FunctionAssociations
}

func (im *importer) adaptBehavior(ctx context.Context, b behaviorRefs) error {
	cf := im.CloudFront()
	for _, r := range []struct {
		what    string
		id      **string
		get     func(id *string) error
		instead string
	}{
		{"cache policy", b.cachePolicy, func(id *string) error {
			_, err := cf.GetCachePolicy(ctx, &cloudfront.GetCachePolicyInput{Id: id})
			return err
		}, cachingOptimized},
		{"origin request policy", b.originRequest, func(id *string) error {
			_, err := cf.GetOriginRequestPolicy(ctx, &cloudfront.GetOriginRequestPolicyInput{Id: id})
			return err
		}, ""},
		{"response headers policy", b.responseHeaders, func(id *string) error {
			_, err := cf.GetResponseHeadersPolicy(ctx, &cloudfront.GetResponseHeadersPolicyInput{Id: id})
			return err
		}, ""},
		{"real-time log configuration", b.logs, func(arn *string) error {
			_, err := cf.GetRealtimeLogConfig(ctx, &cloudfront.GetRealtimeLogConfigInput{ARN: arn})
			return err
		}, ""},
		{"field-level encryption", b.encryption, func(id *string) error {
			_, err := cf.GetFieldLevelEncryptionConfig(ctx, &cloudfront.GetFieldLevelEncryptionConfigInput{Id: id})
			return err
		}, ""},
	} {
		if id := aws.ToString(*r.id); id == "" || im.planned[id] {
			continue
		}
		gone, err := missing(r.get(*r.id))
		if err != nil {
			return err
		}
		switch {
		case gone && r.instead != "":
			im.changed("%s has the managed %s CachingOptimized: %s is not here", b.name, r.what, **r.id)
			*r.id = aws.String(r.instead)
		case gone:
			im.changed("%s has no %s: %s is not here", b.name, r.what, **r.id)
			*r.id = nil
		}
	}
	if err := im.adaptKeyGroups(ctx, b); err != nil {
		return err
	}
	im.adaptSigners(b)
	return im.adaptFunctions(ctx, b)
}

// adaptKeyGroups takes away the key groups that are not here. What was private stays so where
// none is: nobody can sign for it until it gets one.
func (im *importer) adaptKeyGroups(ctx context.Context, b behaviorRefs) error {
	groups := *b.keyGroups
	if groups == nil {
		return nil
	}
	for i := 0; i < len(groups.Items); {
		_, err := im.CloudFront().GetKeyGroup(ctx, &cloudfront.GetKeyGroupInput{Id: &groups.Items[i]})
		gone, err := missing(err)
		if err != nil {
			return err
		}
		if !gone {
			i++
			continue
		}
		im.changed("%s does not trust the key group %s, which is not here", b.name, groups.Items[i])
		groups.Items = slices.Delete(groups.Items, i, i+1)
		if len(groups.Items) == 0 {
			im.changed("%s refuses everybody: none of its key groups is here, and it trusts this account's key pairs alone", b.name)
			*b.signers = &types.TrustedSigners{Enabled: aws.Bool(true), Quantity: aws.Int32(1), Items: []string{signer.Self}}
		}
	}
	groups.Quantity, groups.Enabled = aws.Int32(int32(len(groups.Items))), aws.Bool(len(groups.Items) > 0)
	return nil
}

// adaptSigners says what AWS accounts as signers come to: their keys are not known here.
func (im *importer) adaptSigners(b behaviorRefs) {
	if s := *b.signers; s != nil && len(s.Items) > 0 {
		im.changed("%s takes signatures by this account's CloudFront key pairs alone: upload the public key of one, with the key pair's id, APKA…, as its name", b.name)
	}
}

func (im *importer) adaptFunctions(ctx context.Context, b behaviorRefs) error {
	functions := *b.functions
	if functions == nil {
		return nil
	}
	var kept []types.FunctionAssociation
	for _, f := range functions.Items {
		arn := aws.ToString(f.FunctionARN)
		if im.planned[arn] {
			kept = append(kept, f)
			continue
		}
		_, name, _ := strings.Cut(arn, ":function/")
		got, err := im.CloudFront().DescribeFunction(ctx, &cloudfront.DescribeFunctionInput{Name: &name, Stage: types.FunctionStageLive})
		gone, err := missing(err)
		switch {
		case err != nil:
			return err
		case gone:
			im.changed("%s runs no function at %s: %s is not here, or not published", b.name, f.EventType, name)
			continue
		}
		if here := got.FunctionSummary.FunctionMetadata.FunctionARN; aws.ToString(here) != arn {
			im.changed("%s runs this account's function %s at %s", b.name, name, f.EventType)
			f.FunctionARN = here
		}
		kept = append(kept, f)
	}
	functions.Items, functions.Quantity = kept, aws.Int32(int32(len(kept)))
	return nil
}
