package resource

import (
	"unicode/utf8"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// CloudFront's quotas for what edges show origins who they are by (compatibility.md,
// 303).
const (
	maxAccessControls    = 100
	maxAccessIdentities  = 100
	maxAccessName        = 64
	maxAccessDescription = 256
)

func accessControls() *kind[cloudfront.OriginAccessControlConfig] {
	return &kind[cloudfront.OriginAccessControlConfig]{
		of: cdn.ResourceAccessControl, noun: "OriginAccessControl", words: "origin access control", path: "origin-access-control",
		newID: newE, quota: maxAccessControls, tooMany: cloudfront.CodeTooManyOriginAccessControls,
		exists: cloudfront.CodeOriginAccessControlAlreadyExists, missing: cloudfront.CodeNoSuchOriginAccessControl,
		identify: func(c *cloudfront.OriginAccessControlConfig) (string, string) { return c.Name, "" },
		check:    checkAccessControl,
		fill: func(c *cloudfront.OriginAccessControlConfig) {
			if c.Description == nil {
				c.Description = new("")
			}
		},
		show: func(r shown[cloudfront.OriginAccessControlConfig]) any {
			return &cloudfront.OriginAccessControl{Id: r.ID, OriginAccessControlConfig: r.config}
		},
		list: func(p *call.Page[shown[cloudfront.OriginAccessControlConfig]]) any {
			return &cloudfront.OriginAccessControlList{Marker: p.Marker, NextMarker: p.Next, MaxItems: p.MaxItems, IsTruncated: p.Truncated(), Quantity: len(p.Items),
				Items: items(p, func(r shown[cloudfront.OriginAccessControlConfig]) cloudfront.OriginAccessControlSummary {
					return cloudfront.OriginAccessControlSummary{
						Id: r.ID, Name: r.config.Name, Description: *r.config.Description, SigningProtocol: r.config.SigningProtocol,
						SigningBehavior: r.config.SigningBehavior, OriginAccessControlOriginType: r.config.OriginAccessControlOriginType,
					}
				})}
		},
	}
}

func checkAccessControl(c *cloudfront.OriginAccessControlConfig) error {
	switch {
	case c.Name == "" || utf8.RuneCountInString(c.Name) > maxAccessName:
		return invalid("The parameter Name must have 1 to %d characters.", maxAccessName)
	case utf8.RuneCountInString(cloudfront.Or(c.Description, "")) > maxAccessDescription:
		return invalid("The parameter Description must have at most %d characters.", maxAccessDescription)
	case c.SigningProtocol != cloudfront.OriginAccessControlSigningProtocolsSigv4:
		// An edge could not sign what an origin expects to be signed.
		return invalid("The parameter SigningProtocol must be sigv4: %s is not supported.", c.SigningProtocol)
	}
	return nil
}

func accessIdentities() *kind[cloudfront.CloudFrontOriginAccessIdentityConfig] {
	return &kind[cloudfront.CloudFrontOriginAccessIdentityConfig]{
		of: cdn.ResourceAccessIdentity, noun: "CloudFrontOriginAccessIdentity", plural: "CloudFrontOriginAccessIdentities",
		words: "origin access identity", path: "origin-access-identity/cloudfront",
		newID: newE, quota: maxAccessIdentities, tooMany: cloudfront.CodeTooManyCloudFrontOriginAccessIdentities,
		exists: cloudfront.CodeCloudFrontOriginAccessIdentityAlreadyExists, missing: cloudfront.CodeNoSuchCloudFrontOriginAccessIdentity,
		identify: func(c *cloudfront.CloudFrontOriginAccessIdentityConfig) (string, string) {
			return "", c.CallerReference
		},
		replays: true, // compatibility.md, 302
		check: func(c *cloudfront.CloudFrontOriginAccessIdentityConfig) error {
			if err := checkReference(c.CallerReference); err != nil {
				return err
			}
			return checkComment(&c.Comment)
		},
		update: func(was, c *cloudfront.CloudFrontOriginAccessIdentityConfig) error {
			return sameReference(was.CallerReference, c.CallerReference)
		},
		show: func(r shown[cloudfront.CloudFrontOriginAccessIdentityConfig]) any {
			return &cloudfront.CloudFrontOriginAccessIdentity{Id: r.ID, S3CanonicalUserId: origins.CanonicalUserID(r.ID), CloudFrontOriginAccessIdentityConfig: r.config}
		},
		list: func(p *call.Page[shown[cloudfront.CloudFrontOriginAccessIdentityConfig]]) any {
			return &cloudfront.CloudFrontOriginAccessIdentityList{Marker: p.Marker, NextMarker: p.Next, MaxItems: p.MaxItems, IsTruncated: p.Truncated(), Quantity: len(p.Items),
				Items: items(p, func(r shown[cloudfront.CloudFrontOriginAccessIdentityConfig]) cloudfront.CloudFrontOriginAccessIdentitySummary {
					return cloudfront.CloudFrontOriginAccessIdentitySummary{Id: r.ID, S3CanonicalUserId: origins.CanonicalUserID(r.ID), Comment: r.config.Comment}
				})}
		},
	}
}

func checkReference(reference string) error {
	if reference == "" || len(reference) > maxReference {
		return invalid("The parameter CallerReference must have 1 to %d characters.", maxReference)
	}
	return nil
}

const maxReference = 256

func sameReference(was, is string) error {
	if was != is {
		return cloudfront.CodeIllegalUpdate.Errorf("The update contains modifications that are not allowed: the caller reference cannot be changed.")
	}
	return nil
}
