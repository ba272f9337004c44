package distribution

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cmd/warmfront/template"
)

// makeOne makes a resource whose Ref and attribute Id are its id: of its one member, by
// a call that returns the id.
func makeOne[T any](im *importer, what, name, member string, properties map[string]any, create func(*T) (*string, error)) (template.Made, error) {
	cfg, err := config[T](properties, member)
	if err != nil || im.flags.dryRun {
		return template.Made{"": name, "Id": name}, err
	}
	id, err := create(cfg)
	if err != nil {
		return nil, err
	}
	im.made("the %s %s, %s", what, aws.ToString(id), name)
	return template.Made{"": aws.ToString(id), "Id": aws.ToString(id)}, nil
}

func (im *importer) templateOriginRequest(ctx context.Context, name string, properties map[string]any) (template.Made, error) {
	return makeOne(im, "origin request policy", name, "OriginRequestPolicyConfig", properties, func(c *types.OriginRequestPolicyConfig) (*string, error) {
		out, err := im.CloudFront().CreateOriginRequestPolicy(ctx, &cloudfront.CreateOriginRequestPolicyInput{OriginRequestPolicyConfig: c})
		if err != nil {
			return nil, err
		}
		return out.OriginRequestPolicy.Id, nil
	})
}

func (im *importer) templateResponseHeaders(ctx context.Context, name string, properties map[string]any) (template.Made, error) {
	return makeOne(im, "response headers policy", name, "ResponseHeadersPolicyConfig", properties, func(c *types.ResponseHeadersPolicyConfig) (*string, error) {
		out, err := im.CloudFront().CreateResponseHeadersPolicy(ctx, &cloudfront.CreateResponseHeadersPolicyInput{ResponseHeadersPolicyConfig: c})
		if err != nil {
			return nil, err
		}
		return out.ResponseHeadersPolicy.Id, nil
	})
}

func (im *importer) templateAccessIdentity(ctx context.Context, name string, properties map[string]any) (template.Made, error) {
	made, err := makeOne(im, "origin access identity", name, "CloudFrontOriginAccessIdentityConfig", properties, func(c *types.CloudFrontOriginAccessIdentityConfig) (*string, error) {
		c.CallerReference = reference(name)
		out, err := im.CloudFront().CreateCloudFrontOriginAccessIdentity(ctx, &cloudfront.CreateCloudFrontOriginAccessIdentityInput{CloudFrontOriginAccessIdentityConfig: c})
		if err != nil {
			return nil, err
		}
		return out.CloudFrontOriginAccessIdentity.Id, nil
	})
	if err == nil {
		made["S3CanonicalUserId"] = origins.CanonicalUserID(made[""])
	}
	return made, err
}

// templateBucketPolicy puts a bucket's policy, in the place of the one that the bucket
// has.
func (im *importer) templateBucketPolicy(ctx context.Context, name string, properties map[string]any) (template.Made, error) {
	bucket, _ := properties["Bucket"].(string)
	document, err := json.Marshal(properties["PolicyDocument"])
	if err != nil || im.flags.dryRun {
		return template.Made{"": name}, err
	}
	p, err := im.store()
	if err == nil {
		err = p.PutPolicy(ctx, bucket, document)
	}
	if err == nil {
		im.made("the policy of the bucket %s", bucket)
	}
	return template.Made{"": name}, err
}

func (im *importer) templatePublicKey(ctx context.Context, name string, properties map[string]any) (template.Made, error) {
	return makeOne(im, "public key", name, "PublicKeyConfig", properties, func(c *types.PublicKeyConfig) (*string, error) {
		c.CallerReference = reference(name)
		out, err := im.CloudFront().CreatePublicKey(ctx, &cloudfront.CreatePublicKeyInput{PublicKeyConfig: c})
		if err != nil {
			return nil, err
		}
		return out.PublicKey.Id, nil
	})
}

func (im *importer) templateKeyGroup(ctx context.Context, name string, properties map[string]any) (template.Made, error) {
	return makeOne(im, "key group", name, "KeyGroupConfig", properties, func(c *types.KeyGroupConfig) (*string, error) {
		out, err := im.CloudFront().CreateKeyGroup(ctx, &cloudfront.CreateKeyGroupInput{KeyGroupConfig: c})
		if err != nil {
			return nil, err
		}
		return out.KeyGroup.Id, nil
	})
}

// templateCertificate makes none: where a distribution's certificate is another account's
// the network's authority stands in for it (difference 207). This is of no account.
func (im *importer) templateCertificate(_ context.Context, name string, _ map[string]any) (template.Made, error) {
	im.changed("the certificate %s is not made: the network's authority makes one for each alias", name)
	return template.Made{"": "arn:aws:acm:us-east-1:000000000000:certificate/" + name}, nil
}
