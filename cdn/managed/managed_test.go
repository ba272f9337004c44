package managed

import (
	"strings"
	"testing"
)

// Each id and name is there once, and each document is that of its kind.
func TestPolicies(t *testing.T) {
	seen := map[string]bool{}
	for root, all := range map[string][]Policy{
		"CachePolicyConfig": CachePolicies(), "OriginRequestPolicyConfig": OriginRequestPolicies(), "ResponseHeadersPolicyConfig": ResponseHeadersPolicies(),
	} {
		for _, p := range all {
			if seen[p.ID] || seen[p.Name] || len(p.ID) != 36 {
				t.Errorf("%s %s is there twice, or is none", p.ID, p.Name)
			}
			seen[p.ID], seen[p.Name] = true, true
			if d := p.Document(); !strings.HasPrefix(d, "<"+root+">") || !strings.Contains(d, "<Name>"+p.Name+"</Name>") {
				t.Errorf("%s: %s", p.Name, d)
			}
		}
	}
}
