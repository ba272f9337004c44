package edge

import (
	"fmt"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
)

// sign signs a request to an origin of a plan that has an access control. Fields
// that speak to S3 are not taken from viewers then: they would be signed for.
func (e *Edge) sign(r *message.Request, plan *cdn.Plan, o *cdn.Origin) error {
	ac := o.AccessControl
	if ac == nil || o.Kind != cdn.OriginS3 || ac.SigningBehavior == "never" ||
		ac.SigningBehavior == "no-override" && r.Header.Has("Authorization") {
		return nil
	}
	if e.cfg.Signer == nil {
		return fmt.Errorf("the origin %q has an access control, and this edge has no key to sign with", o.ID)
	}
	r.Header.Filter(func(f message.Field) bool {
		return !strings.HasPrefix(strings.ToLower(f.Name), "x-amz-") || strings.EqualFold(f.Name, "X-Amz-Cf-Id")
	})
	// Signatures go by the real clock, whatever freshness goes by.
	return e.cfg.Signer.Sign(r, o, plan.ARN, time.Now())
}
