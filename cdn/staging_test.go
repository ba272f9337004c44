package cdn

import (
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
)

func stickyPolicy(enabled, weight string) *Resource {
	return &Resource{Kind: ResourceContinuousDeploymentPolicy, ID: "CD", Document: "<ContinuousDeploymentPolicyConfig>" +
		"<StagingDistributionDnsNames><Quantity>1</Quantity><Items><DnsName>dstaging.warmfront.test</DnsName></Items></StagingDistributionDnsNames><Enabled>" + enabled + "</Enabled>" +
		"<TrafficConfig><Type>SingleWeight</Type><SingleWeightConfig><Weight>" + weight + "</Weight><SessionStickinessConfig><IdleTTL>300</IdleTTL><MaximumTTL>300</MaximumTTL></SessionStickinessConfig></SingleWeightConfig></TrafficConfig>" +
		"</ContinuousDeploymentPolicyConfig>"}
}

// TestContinuousDeployment: the plan of a primary distribution has its policy, each change
// of which makes another plan, and sessions end as the policy is disabled, for a node that
// was sent a snapshot as for one that saw every change.
func TestContinuousDeployment(t *testing.T) {
	s := NewState(1)
	put := func(kind Kind, body any) {
		t.Helper()
		c, err := NewChange(kind, body, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		c.Version = s.Version.Next()
		if s, err = s.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	put(KindAccessControlPut, origins.AccessControl{ID: "EOAC"})
	put(KindResourcePut, stickyPolicy("true", "0.1"))
	put(KindDistributionPut, &Distribution{ID: "E1", Domain: "dprimary.warmfront.test", Config: strings.Replace(siteConfig, "<WebACLId/>", "<ContinuousDeploymentPolicyId>CD</ContinuousDeploymentPolicyId>", 1)})
	primary := func() *Plan { return s.Plans["E1"] }
	if primary().Staging || primary().Deployment == nil || primary().Deployment.Weight != 0.1 {
		t.Fatalf("the primary's policy: %+v", primary().Deployment)
	}
	if got := s.StagingFor(primary()); got != nil {
		t.Errorf("there is a staging distribution: %s", got.ID)
	}
	bare := strings.Replace(siteConfig, "<WebACLId/>", "<Staging>true</Staging>", 1)
	bare = bare[:strings.Index(bare, "<Aliases>")] + bare[strings.Index(bare, "</Aliases>")+len("</Aliases>"):]
	put(KindDistributionPut, &Distribution{ID: "E2", Domain: "dstaging.warmfront.test", CallerReference: "s", Config: bare})
	if got := s.StagingFor(primary()); got == nil || got.ID != "E2" || !got.Staging {
		t.Errorf("the staging distribution is %+v", got)
	}
	first, version := primary().Deployment.Sessions, primary().Version
	put(KindResourcePut, stickyPolicy("true", "0.05"))
	if p := primary(); p.Deployment.Sessions != first || p.Deployment.Weight != 0.05 || !version.Before(p.Version) {
		t.Errorf("after a change of the weight: %+v", p.Deployment)
	}
	put(KindResourcePut, stickyPolicy("false", "0.05"))
	put(KindResourcePut, stickyPolicy("true", "0.05"))
	second := primary().Deployment.Sessions
	if second == first {
		t.Error("the sessions have not ended")
	}
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Restore(snap); err != nil {
		t.Fatal(err)
	}
	if primary().Deployment.Sessions != second {
		t.Error("sessions are others after a snapshot")
	}
	put(KindResourcePut, stickyPolicy("true", "0.15"))
	if primary().Deployment.Sessions != second {
		t.Error("a change of the weight after a snapshot ends sessions")
	}
	put(KindDistributionPut, &Distribution{ID: "E2", Domain: "dstaging.warmfront.test", CallerReference: "s", Config: strings.ReplaceAll(bare, "<Enabled>true</Enabled>", "<Enabled>false</Enabled>")})
	if s.Plans["E2"].Enabled || s.StagingFor(primary()) != nil {
		t.Error("a disabled staging distribution answers")
	}
}
