package resource

import (
	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// CloudFront's quotas for field-level encryption (developer guide, "Quotas on
// field-level encryption").
const (
	maxFieldLevelConfigs  = 10
	maxFieldLevelProfiles = 10
	maxQueryArgProfiles   = 5
	maxContentTypes       = 1
	maxEntities           = 1
	maxFieldPatterns      = 10
	maxProfileSize        = 100 * 1024
)

func fieldLevelConfigs() *kind[cloudfront.FieldLevelEncryptionConfig] {
	return &kind[cloudfront.FieldLevelEncryptionConfig]{
		of: cdn.ResourceFieldLevelEncryption, noun: "FieldLevelEncryptionConfig", get: "GetFieldLevelEncryption", getConfig: "GetFieldLevelEncryptionConfig",
		words: "field-level encryption configuration", path: "field-level-encryption",
		newID: newE, quota: maxFieldLevelConfigs, tooMany: cloudfront.CodeTooManyFieldLevelEncryptionConfigs,
		exists: cloudfront.CodeFieldLevelEncryptionConfigAlreadyExists, missing: cloudfront.CodeNoSuchFieldLevelEncryptionConfig,
		identify: func(c *cloudfront.FieldLevelEncryptionConfig) (string, string) { return "", c.CallerReference },
		check:    checkFieldLevel,
		within: func(s *cdn.State, _ *cdn.Resource, c *cloudfront.FieldLevelEncryptionConfig) error {
			for _, id := range profilesOf(c) {
				if s.Resource(cdn.ResourceFieldLevelProfile, id) == nil {
					return cloudfront.CodeNoSuchFieldLevelEncryptionProfile.Errorf("The specified profile for field-level encryption doesn't exist: %.100q.", id)
				}
			}
			return nil
		},
		update: func(was, c *cloudfront.FieldLevelEncryptionConfig) error {
			return sameReference(was.CallerReference, c.CallerReference)
		},
		show: func(r shown[cloudfront.FieldLevelEncryptionConfig]) any {
			return &cloudfront.FieldLevelEncryption{Id: r.ID, LastModifiedTime: r.LastModified, FieldLevelEncryptionConfig: *r.config}
		},
		list: func(p *call.Page[shown[cloudfront.FieldLevelEncryptionConfig]]) any {
			return &cloudfront.FieldLevelEncryptionList{NextMarker: p.Next, MaxItems: p.MaxItems, Quantity: len(p.Items),
				Items: items(p, func(r shown[cloudfront.FieldLevelEncryptionConfig]) cloudfront.FieldLevelEncryptionSummary {
					return cloudfront.FieldLevelEncryptionSummary{Id: r.ID, LastModifiedTime: r.LastModified, Comment: r.config.Comment,
						QueryArgProfileConfig: r.config.QueryArgProfileConfig, ContentTypeProfileConfig: r.config.ContentTypeProfileConfig}
				})}
		},
	}
}

// profilesOf lists the profiles that a configuration names.
func profilesOf(c *cloudfront.FieldLevelEncryptionConfig) (ids []string) {
	if q := c.QueryArgProfileConfig; q != nil && q.QueryArgProfiles != nil {
		for _, p := range q.QueryArgProfiles.Items {
			ids = append(ids, p.ProfileId)
		}
	}
	if t := c.ContentTypeProfileConfig; t != nil && t.ContentTypeProfiles != nil {
		for _, p := range t.ContentTypeProfiles.Items {
			if id := cloudfront.Or(p.ProfileId, ""); id != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func checkFieldLevel(c *cloudfront.FieldLevelEncryptionConfig) error {
	if err := checkReference(c.CallerReference); err != nil {
		return err
	}
	if q := c.QueryArgProfileConfig; q != nil && q.QueryArgProfiles != nil {
		if len(q.QueryArgProfiles.Items) > maxQueryArgProfiles {
			return cloudfront.CodeTooManyFieldLevelEncryptionQueryArgProfiles.Errorf("The maximum number of query arg profiles for field-level encryption is %d.", maxQueryArgProfiles)
		}
		for _, p := range q.QueryArgProfiles.Items {
			if p.QueryArg == "" || p.ProfileId == "" {
				return cloudfront.CodeQueryArgProfileEmpty.Errorf("No profile specified for the field-level encryption query argument.")
			}
		}
	}
	if t := c.ContentTypeProfileConfig; t != nil && t.ContentTypeProfiles != nil {
		if len(t.ContentTypeProfiles.Items) > maxContentTypes {
			return cloudfront.CodeTooManyFieldLevelEncryptionContentTypeProfiles.Errorf("The maximum number of content type profiles for field-level encryption is %d.", maxContentTypes)
		}
		for _, p := range t.ContentTypeProfiles.Items {
			if p.ContentType != "application/x-www-form-urlencoded" {
				return invalid("The parameter ContentType must be application/x-www-form-urlencoded, not %.100q.", p.ContentType)
			}
		}
	}
	return checkComment(c.Comment)
}

func fieldLevelProfiles() *kind[cloudfront.FieldLevelEncryptionProfileConfig] {
	return &kind[cloudfront.FieldLevelEncryptionProfileConfig]{
		of: cdn.ResourceFieldLevelProfile, noun: "FieldLevelEncryptionProfile", words: "field-level encryption profile", path: "field-level-encryption-profile",
		newID: newE, quota: maxFieldLevelProfiles, tooMany: cloudfront.CodeTooManyFieldLevelEncryptionProfiles,
		exists: cloudfront.CodeFieldLevelEncryptionProfileAlreadyExists, missing: cloudfront.CodeNoSuchFieldLevelEncryptionProfile,
		identify: func(c *cloudfront.FieldLevelEncryptionProfileConfig) (string, string) {
			return c.Name, c.CallerReference
		},
		check: checkFieldLevelProfile,
		within: func(s *cdn.State, _ *cdn.Resource, c *cloudfront.FieldLevelEncryptionProfileConfig) error {
			for _, e := range c.EncryptionEntities.Items {
				key := s.Resource(cdn.ResourcePublicKey, e.PublicKeyId)
				if key == nil {
					return cloudfront.CodeNoSuchPublicKey.Errorf("The specified public key doesn't exist: %.100q.", e.PublicKeyId)
				}
				if !cdn.Encrypts(key) {
					return invalid("The parameter PublicKeyId is the id of a key that only signs, %.100q: fields are encrypted with RSA keys.", e.PublicKeyId)
				}
			}
			return nil
		},
		update: func(was, c *cloudfront.FieldLevelEncryptionProfileConfig) error {
			return sameReference(was.CallerReference, c.CallerReference)
		},
		show: func(r shown[cloudfront.FieldLevelEncryptionProfileConfig]) any {
			return &cloudfront.FieldLevelEncryptionProfile{Id: r.ID, LastModifiedTime: r.LastModified, FieldLevelEncryptionProfileConfig: *r.config}
		},
		list: func(p *call.Page[shown[cloudfront.FieldLevelEncryptionProfileConfig]]) any {
			return &cloudfront.FieldLevelEncryptionProfileList{NextMarker: p.Next, MaxItems: p.MaxItems, Quantity: len(p.Items),
				Items: items(p, func(r shown[cloudfront.FieldLevelEncryptionProfileConfig]) cloudfront.FieldLevelEncryptionProfileSummary {
					return cloudfront.FieldLevelEncryptionProfileSummary{Id: r.ID, LastModifiedTime: r.LastModified, Name: r.config.Name,
						EncryptionEntities: r.config.EncryptionEntities, Comment: r.config.Comment}
				})}
		},
	}
}

func checkFieldLevelProfile(c *cloudfront.FieldLevelEncryptionProfileConfig) error {
	if err := checkReference(c.CallerReference); err != nil {
		return err
	}
	if err := checkName(c.Name, maxPolicyName); err != nil {
		return err
	}
	if n := len(c.EncryptionEntities.Items); n > maxEntities {
		return cloudfront.CodeTooManyFieldLevelEncryptionEncryptionEntities.Errorf("The maximum number of encryption entities for field-level encryption is %d, not %d.", maxEntities, n)
	}
	size := 0
	for _, e := range c.EncryptionEntities.Items {
		if len(e.FieldPatterns.Items) > maxFieldPatterns {
			return cloudfront.CodeTooManyFieldLevelEncryptionFieldPatterns.Errorf("The maximum number of field patterns for field-level encryption is %d.", maxFieldPatterns)
		}
		for _, p := range e.FieldPatterns.Items {
			size += len(p)
		}
		size += len(e.ProviderId)
	}
	if size > maxProfileSize {
		return cloudfront.CodeFieldLevelEncryptionProfileSizeExceeded.Errorf("The maximum size of a profile for field-level encryption was exceeded.")
	}
	return checkComment(c.Comment)
}
