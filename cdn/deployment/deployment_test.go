package deployment

import (
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/document"
)

func compile(t *testing.T, text string) *Policy {
	t.Helper()
	doc, err := document.Parse("<ContinuousDeploymentPolicyConfig>" + text + "</ContinuousDeploymentPolicyConfig>")
	if err != nil {
		t.Fatal(err)
	}
	return Compile(doc, "P", "1.5")
}

const (
	names  = "<StagingDistributionDnsNames><Quantity>1</Quantity><Items><DnsName>D1.Warmfront.test</DnsName></Items></StagingDistributionDnsNames>"
	on     = names + "<Enabled>true</Enabled>"
	sticky = "<SessionStickinessConfig><IdleTTL>300</IdleTTL><MaximumTTL>600</MaximumTTL></SessionStickinessConfig>"
)

func weight(w, more string) string {
	return on + "<TrafficConfig><Type>SingleWeight</Type><SingleWeightConfig><Weight>" + w + "</Weight>" + more + "</SingleWeightConfig></TrafficConfig>"
}

func TestCompile(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Policy
	}{
		{"nothing", "", Policy{}},
		{"no traffic", on, Policy{Enabled: true, Staging: "d1.warmfront.test"}},
		{"disabled", names + "<Enabled>false</Enabled>", Policy{Staging: "d1.warmfront.test"}},
		{"header", on + "<TrafficConfig><Type>SingleHeader</Type><SingleHeaderConfig><Header>aws-cf-cd-x</Header><Value>Yes</Value></SingleHeaderConfig></TrafficConfig>",
			Policy{Enabled: true, Staging: "d1.warmfront.test", Header: "aws-cf-cd-x", Value: "Yes"}},
		{"weight", weight("0.05", ""), Policy{Enabled: true, Staging: "d1.warmfront.test", Weight: 0.05}},
		{"sticky", weight("0.15", sticky), Policy{Enabled: true, Staging: "d1.warmfront.test", Weight: 0.15, Idle: 300 * time.Second, Maximum: 600 * time.Second}},
		{"single precision", weight("0.15000000596046448", ""), Policy{Enabled: true, Staging: "d1.warmfront.test", Weight: 0.15}},
		{"no weight, sessions go on", weight("0", sticky), Policy{Enabled: true, Staging: "d1.warmfront.test", Idle: 300 * time.Second, Maximum: 600 * time.Second}},
		{"too heavy", weight("0.2", sticky), Policy{Enabled: true, Staging: "d1.warmfront.test"}},
		{"negative", weight("-1", ""), Policy{Enabled: true, Staging: "d1.warmfront.test"}},
		{"no number", weight("NaN", ""), Policy{Enabled: true, Staging: "d1.warmfront.test"}},
		{"the other type's", on + "<TrafficConfig><Type>SingleHeader</Type><SingleWeightConfig><Weight>0.1</Weight></SingleWeightConfig></TrafficConfig>", Policy{Enabled: true, Staging: "d1.warmfront.test"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := compile(t, c.text)
			c.want.ID, c.want.Sessions = "P", got.Sessions
			if *got != c.want || got.Sessions == "" {
				t.Errorf("got %+v, want %+v", *got, c.want)
			}
		})
	}
}

// TestEndsSessions: enabling and disabling the policy, or stickiness, ends all sessions;
// nothing else does (belief 533).
func TestEndsSessions(t *testing.T) {
	off := "<Enabled>false</Enabled>" + weight("0.1", sticky)
	for _, c := range []struct {
		name, was, is string
		want          bool
	}{
		{"the same", weight("0.1", sticky), weight("0.1", sticky), false},
		{"another weight", weight("0.1", sticky), weight("0.05", sticky), false},
		{"no weight", weight("0.1", sticky), weight("0", sticky), false},
		{"stickiness off", weight("0.1", sticky), weight("0.1", ""), true},
		{"stickiness on", weight("0.1", ""), weight("0.1", sticky), true},
		{"disabled", weight("0.1", sticky), off, true},
		{"enabled", off, weight("0.1", sticky), true},
	} {
		if got := EndsSessions(compile(t, c.was), compile(t, c.is)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
