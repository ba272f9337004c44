package api

import (
	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/distconfig"
)

// activeSigners lists who may sign for a distribution: every account and key group
// of any of its behaviors once, with the keys that it has.
func activeSigners(s *cdn.State, cfg *cloudfront.DistributionConfig) (*cloudfront.ActiveTrustedSigners, *cloudfront.ActiveTrustedKeyGroups) {
	accounts, groups := distconfig.Signers(cfg)
	signers := &cloudfront.ActiveTrustedSigners{Enabled: len(accounts) > 0}
	for _, account := range accounts {
		// Accounts have no keys of their own here.
		signers.Items = append(signers.Items, cloudfront.Signer{AwsAccountNumber: new(account), KeyPairIds: &cloudfront.KeyPairIds{}})
	}
	active := &cloudfront.ActiveTrustedKeyGroups{Enabled: len(groups) > 0}
	for _, id := range groups {
		active.Items = append(active.Items, cloudfront.KGKeyPairIds{KeyGroupId: new(id), KeyPairIds: &cloudfront.KeyPairIds{Items: keysOf(s, id)}})
	}
	return signers, active
}
