package api

import (
	"slices"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/signer"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/distconfig"
)

// activeSigners lists who may sign for a distribution: every account and key group
// of any of its behaviors once, with the keys that it has.
func activeSigners(s *cdn.State, arn string, cfg *cloudfront.DistributionConfig) (*cloudfront.ActiveTrustedSigners, *cloudfront.ActiveTrustedKeyGroups) {
	accounts, groups := distconfig.Signers(cfg)
	signers := &cloudfront.ActiveTrustedSigners{Enabled: len(accounts) > 0}
	for _, account := range accounts {
		pairs := &cloudfront.KeyPairIds{}
		if signer.IsOwn(account, arn) {
			pairs.Items = keyPairs(s)
		}
		signers.Items = append(signers.Items, cloudfront.Signer{AwsAccountNumber: new(account), KeyPairIds: pairs})
	}
	active := &cloudfront.ActiveTrustedKeyGroups{Enabled: len(groups) > 0}
	for _, id := range groups {
		active.Items = append(active.Items, cloudfront.KGKeyPairIds{KeyGroupId: new(id), KeyPairIds: &cloudfront.KeyPairIds{Items: keysOf(s, id)}})
	}
	return signers, active
}

// keyPairs lists the account's CloudFront key pairs: public keys whose names are the ids of
// such (belief 591).
func keyPairs(s *cdn.State) (ids []string) {
	for _, r := range s.ResourcesOf(cdn.ResourcePublicKey) {
		if signer.IsKeyPair(r.Name) {
			ids = append(ids, r.Name)
		}
	}
	slices.Sort(ids)
	return ids
}
