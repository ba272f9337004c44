package resource

import (
	"slices"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// CloudFront's quotas for keys (developer guide, "Quotas on key groups";
// compatibility.md, 303).
const (
	maxPublicKeys  = 10
	maxKeyGroups   = 10
	maxKeysInGroup = 5
)

func publicKeys() *kind[cloudfront.PublicKeyConfig] {
	return &kind[cloudfront.PublicKeyConfig]{
		of: cdn.ResourcePublicKey, noun: "PublicKey", words: "public key", path: "public-key",
		newID: newK, quota: maxPublicKeys, tooMany: cloudfront.CodeTooManyPublicKeys,
		exists: cloudfront.CodePublicKeyAlreadyExists, missing: cloudfront.CodeNoSuchPublicKey,
		identify: func(c *cloudfront.PublicKeyConfig) (string, string) { return c.Name, c.CallerReference },
		check: func(c *cloudfront.PublicKeyConfig) error {
			if err := checkReference(c.CallerReference); err != nil {
				return err
			}
			if err := checkName(c.Name, maxPolicyName); err != nil {
				return err
			}
			return checkComment(c.Comment)
		},
		update: func(was, c *cloudfront.PublicKeyConfig) error {
			if was.CallerReference != c.CallerReference || was.Name != c.Name || was.EncodedKey != c.EncodedKey {
				return cloudfront.CodeCannotChangeImmutablePublicKeyFields.Errorf("You can't change the value of a public key: only its comment.")
			}
			return nil
		},
		show: func(r shown[cloudfront.PublicKeyConfig]) any {
			return &cloudfront.PublicKey{Id: r.ID, CreatedTime: r.Created, PublicKeyConfig: *r.config}
		},
		list: func(p *call.Page[shown[cloudfront.PublicKeyConfig]]) any {
			return &cloudfront.PublicKeyList{NextMarker: p.Next, MaxItems: p.MaxItems, Quantity: len(p.Items),
				Items: items(p, func(r shown[cloudfront.PublicKeyConfig]) cloudfront.PublicKeySummary {
					return cloudfront.PublicKeySummary{Id: r.ID, Name: r.config.Name, CreatedTime: r.Created, EncodedKey: r.config.EncodedKey, Comment: r.config.Comment}
				})}
		},
	}
}

func keyGroups() *kind[cloudfront.KeyGroupConfig] {
	show := func(r shown[cloudfront.KeyGroupConfig]) *cloudfront.KeyGroup {
		return &cloudfront.KeyGroup{Id: r.ID, LastModifiedTime: r.LastModified, KeyGroupConfig: *r.config}
	}
	return &kind[cloudfront.KeyGroupConfig]{
		of: cdn.ResourceKeyGroup, noun: "KeyGroup", words: "key group", path: "key-group",
		newID: call.NewUUID, quota: maxKeyGroups, tooMany: cloudfront.CodeTooManyKeyGroups,
		exists: cloudfront.CodeKeyGroupAlreadyExists, missing: cloudfront.CodeNoSuchResource,
		identify: func(c *cloudfront.KeyGroupConfig) (string, string) { return c.Name, "" },
		check:    checkKeyGroup,
		within: func(s *cdn.State, _ *cdn.Resource, c *cloudfront.KeyGroupConfig) error {
			for _, id := range c.Items {
				if s.Resource(cdn.ResourcePublicKey, id) == nil {
					return invalid("The public key %.100q in the key group does not exist.", id)
				}
			}
			return nil
		},
		show: func(r shown[cloudfront.KeyGroupConfig]) any { return show(r) },
		list: func(p *call.Page[shown[cloudfront.KeyGroupConfig]]) any {
			return &cloudfront.KeyGroupList{NextMarker: p.Next, MaxItems: p.MaxItems, Quantity: len(p.Items),
				Items: items(p, func(r shown[cloudfront.KeyGroupConfig]) cloudfront.KeyGroupSummary {
					return cloudfront.KeyGroupSummary{KeyGroup: *show(r)}
				})}
		},
	}
}

func checkKeyGroup(c *cloudfront.KeyGroupConfig) error {
	if err := checkName(c.Name, maxPolicyName); err != nil {
		return err
	}
	switch {
	case len(c.Items) == 0:
		return invalid("A key group must have at least one public key.")
	case len(c.Items) > maxKeysInGroup:
		return cloudfront.CodeTooManyPublicKeysInKeyGroup.Errorf("The number of public keys in this key group is more than the maximum allowed, %d.", maxKeysInGroup)
	}
	for i, id := range c.Items {
		if slices.Contains(c.Items[:i], id) {
			return invalid("The key group contains the public key %.100q more than once.", id)
		}
	}
	return checkComment(c.Comment)
}
