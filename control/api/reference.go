package api

import (
	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/distconfig"
)

// exists tells whether there is what a configuration may name. Of kinds that are
// not kept here there is whatever is asked for: what names them is kept and given
// back, and Plan.Ignored says that nobody acts on it.
func exists(s *cdn.State, kind distconfig.Kind, id string) bool {
	of, kept := map[distconfig.Kind]cdn.ResourceKind{
		distconfig.CachePolicy: cdn.ResourceCachePolicy, distconfig.OriginRequestPolicy: cdn.ResourceOriginRequestPolicy,
		distconfig.ResponseHeaders: cdn.ResourceResponseHeadersPolicy, distconfig.KeyGroup: cdn.ResourceKeyGroup,
		distconfig.Function: cdn.ResourceFunction, distconfig.AccessControl: cdn.ResourceAccessControl,
		distconfig.AccessIdentity: cdn.ResourceAccessIdentity, distconfig.RealtimeLog: cdn.ResourceRealtimeLogConfig,
		distconfig.FieldLevelEncryption: cdn.ResourceFieldLevelEncryption, distconfig.ContinuousDeployment: cdn.ResourceContinuousDeploymentPolicy,
	}[kind]
	if kind == distconfig.RealtimeLog {
		id = cdn.ARNResource(of, id)
	}
	return !kept || s.Resource(of, id) != nil
}

// checkReferences refuses a configuration that names what there is not. It is
// called inside Propose: what exists then is not deleted before the change.
func checkReferences(s *cdn.State, cfg *cloudfront.DistributionConfig) error {
	for _, r := range distconfig.References(cfg) {
		if !exists(s, r.Kind, r.ID) {
			return r.NotFound()
		}
	}
	return nil
}

// keysOf returns the ids of a key group's public keys.
func keysOf(s *cdn.State, group string) (ids []string) {
	if r := s.Resource(cdn.ResourceKeyGroup, group); r != nil {
		for _, key := range r.Uses() {
			ids = append(ids, key.ID)
		}
	}
	return ids
}
