// Package deployment is what a continuous deployment policy says, as the plan of a
// primary distribution has it: which staging distribution there is, and which requests
// for the primary one it answers (developer guide, "Use CloudFront continuous deployment
// to safely test CDN configuration changes"). Which side a request goes to is decided at
// the edge, by package edge/staging.
package deployment

import (
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/document"
)

// MaxWeight is the largest part of requests that a policy may send to the staging
// distribution (developer guide, "Quotas and other considerations for continuous
// deployment").
const MaxWeight = 0.15

// Policy is a continuous deployment policy.
type Policy struct {
	ID      string
	Enabled bool
	// Staging is the staging distribution's domain name, in lower case; "" for none.
	Staging string
	// Header and Value are what a request has that goes to the staging distribution; ""
	// where the policy is not of the type SingleHeader.
	Header, Value string
	// Weight is the part of requests, or of sessions, that goes there, from 0 to
	// MaxWeight; 0 where the policy is not of the type SingleWeight.
	Weight float64
	// Idle and Maximum are how long a session lasts without a request, and in all. Both
	// are 0 where sessions are not kept together.
	Idle, Maximum time.Duration
	// Sessions names the sessions that may go on: it is another one after each change
	// that ends them all.
	Sessions string
}

// Sticky reports whether the requests of one session go to the same side.
func (p *Policy) Sticky() bool { return p.Maximum > 0 }

// Compile reads a ContinuousDeploymentPolicyConfig; since is the version of the last
// change that ended all sessions (see EndsSessions). It never fails, for journals hold
// what releases before took: a number that is none, or out of its range, sends nobody to
// the staging distribution.
func Compile(doc *document.Element, id, since string) *Policy {
	p := &Policy{ID: id, Enabled: doc.Bool("Enabled"), Sessions: sessions(id, since)}
	if names := doc.Texts("StagingDistributionDnsNames"); len(names) > 0 {
		p.Staging = strings.ToLower(strings.TrimSuffix(names[0], "."))
	}
	traffic := doc.Child("TrafficConfig")
	switch traffic.String("Type") {
	case "SingleHeader":
		p.Header, p.Value = traffic.String("SingleHeaderConfig", "Header"), traffic.String("SingleHeaderConfig", "Value")
	case "SingleWeight":
		weight, err := strconv.ParseFloat(strings.TrimSpace(traffic.String("SingleWeightConfig", "Weight")), 64)
		// The API's Weight is a single-precision number: 0.15 may come back a little larger.
		if err != nil || !(weight >= 0 && weight < MaxWeight+1e-6) {
			break
		}
		p.Weight = min(weight, MaxWeight)
		p.Idle, p.Maximum = stickiness(traffic.At("SingleWeightConfig", "SessionStickinessConfig"))
	}
	return p
}

func stickiness(e *document.Element) (idle, most time.Duration) {
	i, err1 := e.Int(0, "IdleTTL")
	m, err2 := e.Int(0, "MaximumTTL")
	if err1 != nil || err2 != nil || i <= 0 || m < i || m > 86400 {
		return 0, 0
	}
	return time.Duration(i) * time.Second, time.Duration(m) * time.Second
}

// sessions is short enough to be part of a cookie's name.
func sessions(id, since string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id + " " + since)) // never fails
	return strconv.FormatUint(h.Sum64(), 36)
}

// EndsSessions reports whether a policy that was one document and is another has ended
// the sessions there were: it was enabled or disabled, or stickiness was (developer
// guide, "Session stickiness for weight-based configurations"). A change of the weight or
// of the durations ends none.
func EndsSessions(was, is *Policy) bool {
	return was.Enabled != is.Enabled || was.Sticky() != is.Sticky()
}
