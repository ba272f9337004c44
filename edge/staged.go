package edge

import (
	"math/rand/v2"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/staging"
)

// staged is what came of the continuous deployment policy of the distribution asked for.
type staged struct {
	// primary is the distribution asked for; nil where it has no policy.
	primary  *cdn.Plan
	decision staging.Decision
	// random is drawn once for a request, until its answer is delivered: Ready and Handle
	// ask for it both. A second draw after Ready, which only knows of what is in memory,
	// would favour the side that has more there.
	random float64
	drawn  bool
}

// stage returns the distribution that answers a request for plan, which is a staging
// distribution or one with a continuous deployment policy; nil where nobody may ask for
// it. What keeps sessions together is taken out of the request.
func (x *exchange) stage(plan *cdn.Plan) *cdn.Plan {
	if plan.Staging {
		return nil
	}
	s := &x.staged
	if !s.drawn {
		s.random, s.drawn = rand.Float64(), true
	}
	s.primary, s.decision = plan, staging.Decide(plan.Deployment, x.Request.Header, x.real(), s.random)
	x.withoutSession()
	if other := x.state.StagingFor(plan); other == nil {
		s.decision = s.decision.Primary()
	} else if s.decision.Staging {
		return other
	}
	return plan
}

// withoutSession takes the cookies of sessions out of the request.
func (x *exchange) withoutSession() {
	rest, found := staging.Without(x.Request.Header.Joined("Cookie"))
	if !found {
		return
	}
	x.mapped = *x.Request
	x.mapped.Header = x.Request.Header.Clone(1)
	if x.mapped.Header.Del("Cookie"); rest != "" {
		x.mapped.Header.Add("Cookie", rest)
	}
	x.Request = &x.mapped
}

// keepSession has the viewer's next request answered by the same distribution, where the
// policy says so.
func (x *exchange) keepSession(h *message.Header) {
	b := staging.AppendCookie(x.text.Begin(), x.staged.primary.Deployment, x.staged.decision, x.real(), x.Request.Scheme == "https")
	if cookie := x.text.End(b); cookie != "" {
		h.Add("Set-Cookie", cookie)
	}
}
