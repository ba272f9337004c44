// Package staging decides which of two distributions answers a viewer who asked for the
// primary one of a continuous deployment policy: that one, or its staging distribution.
//
// Decide is told the policy, the request, the time and a random number, and says which
// side and why. By a header, a request goes to the staging distribution if it has the
// field with the policy's value. By a weight, each request is drawn for; where the policy
// keeps sessions together only the first of a session is, and the answer carries a cookie
// that says which side the session is on (belief 532). The cookie is the edge's own
// business: Without takes it out of the request, so that neither cache key nor origin see
// it (belief 534).
package staging

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/deployment"
	"github.com/warmfront/warmfront/edge/message"
)

// Reason is why a request goes to the side it goes to.
type Reason string

// The reasons.
const (
	Inactive  Reason = "inactive"    // the policy is disabled, or sends nobody to staging
	Missing   Reason = "missing"     // there is no staging distribution that is enabled
	Header    Reason = "header"      // the request has the policy's header field
	NoHeader  Reason = "no-header"   // it has not
	Drawn     Reason = "weight"      // the number drawn for the request decided
	InSession Reason = "session"     // the session was on this side before
	NewOne    Reason = "new-session" // a session begins, and was drawn for
)

// Decision is which side answers a request, and why.
type Decision struct {
	// Staging is set where the staging distribution answers.
	Staging bool
	Reason  Reason
	// Policy is the id of the policy that decided.
	Policy string
	// Began is when the session began; the zero time where there is none.
	Began time.Time
}

// String says it in a sentence.
func (d Decision) String() string {
	side := "the primary distribution"
	if d.Staging {
		side = "the staging distribution"
	}
	why := map[Reason]string{
		Inactive: "its continuous deployment policy sends nobody elsewhere", Missing: "no staging distribution is enabled",
		Header: "the request has the policy's header", NoHeader: "the request has not the policy's header",
		Drawn: "the policy's weight was drawn for", InSession: "the viewer's session is there", NewOne: "a session began, for which the policy's weight was drawn",
	}[d.Reason]
	return side + " answers: " + why
}

// MarshalJSON writes {"side", "reason", "policy", "session_began"}.
func (d Decision) MarshalJSON() ([]byte, error) {
	side := "primary"
	if d.Staging {
		side = "staging"
	}
	return json.Marshal(struct {
		Side   string    `json:"side"`
		Reason Reason    `json:"reason"`
		Policy string    `json:"policy"`
		Began  time.Time `json:"session_began,omitzero"`
	}{side, d.Reason, d.Policy, d.Began})
}

// Decide says which side answers a request with the header fields h at now. random is
// from 0 up to, not including, 1, and is one number however often it is asked about the
// same request.
func Decide(p *deployment.Policy, h message.Header, now time.Time, random float64) Decision {
	d := Decision{Policy: p.ID}
	switch {
	case !p.Enabled || p.Staging == "":
		d.Reason = Inactive
	case p.Header != "":
		d.Staging = has(h, p.Header, p.Value)
		d.Reason = NoHeader
		if d.Staging {
			d.Reason = Header
		}
	case p.Sticky():
		if s, found := find(p, h, now); found {
			return Decision{Staging: s.staging, Reason: InSession, Policy: p.ID, Began: s.began}
		}
		d.Staging, d.Reason, d.Began = random < p.Weight, NewOne, now.Truncate(time.Second)
	case p.Weight == 0:
		d.Reason = Inactive
	default:
		d.Staging, d.Reason = random < p.Weight, Drawn
	}
	return d
}

// Primary is the decision where there is no staging distribution to go to.
func (d Decision) Primary() Decision {
	d.Staging, d.Reason, d.Began = false, Missing, time.Time{}
	return d
}

// has reports whether a field has the value, in one of its lines.
func has(h message.Header, name, value string) bool {
	for i := range h {
		if h[i].Value == value && strings.EqualFold(h[i].Name, name) {
			return true
		}
	}
	return false
}

// prefix begins the names of the cookies, of which each policy has its own.
const prefix = "AWS-CF-CD-"

// session is what a cookie says.
type session struct {
	staging     bool
	began, seen time.Time
}

// slack is how far the clocks of two edges may be apart.
const slack = time.Minute

// find returns the session that the request belongs to, if that still goes on.
func find(p *deployment.Policy, h message.Header, now time.Time) (session, bool) {
	for i := range h {
		if !strings.EqualFold(h[i].Name, "Cookie") {
			continue
		}
		for rest := h[i].Value; rest != ""; {
			var pair string
			pair, rest, _ = strings.Cut(rest, ";")
			value, ours := strings.CutPrefix(strings.TrimSpace(pair), prefix)
			if !ours {
				continue
			}
			if value, ours = strings.CutPrefix(value, p.Sessions); !ours || !strings.HasPrefix(value, "=") {
				continue
			}
			if s, ok := parse(value[1:]); ok && s.goesOn(p, now) {
				return s, true
			}
		}
	}
	return session{}, false
}

// goesOn reports whether the session has neither been idle for too long nor lasted too
// long.
func (s session) goesOn(p *deployment.Policy, now time.Time) bool {
	idle, lasted := now.Sub(s.seen), now.Sub(s.began)
	return idle >= -slack && idle < p.Idle && lasted >= -slack && lasted < p.Maximum
}

// parse reads SIDE.BEGAN.SEEN: p or s, and two times in seconds since 1970.
func parse(value string) (session, bool) {
	side, times, _ := strings.Cut(value, ".")
	began, seen, _ := strings.Cut(times, ".")
	b, err1 := strconv.ParseInt(began, 10, 64)
	l, err2 := strconv.ParseInt(seen, 10, 64)
	if err1 != nil || err2 != nil || side != "p" && side != "s" {
		return session{}, false
	}
	return session{side == "s", time.Unix(b, 0), time.Unix(l, 0)}, true
}

// AppendCookie appends the value of the Set-Cookie field that keeps the session of a
// decision on its side; nothing where the decision is of no session. The viewer forgets
// it when the session is over: after the idle time, or when it has lasted for the longest.
func AppendCookie(b []byte, p *deployment.Policy, d Decision, now time.Time, https bool) []byte {
	if d.Began.IsZero() {
		return b
	}
	b = append(append(append(b, prefix...), p.Sessions...), "=p."...)
	if d.Staging {
		b[len(b)-2] = 's'
	}
	b = append(strconv.AppendInt(b, d.Began.Unix(), 10), '.')
	b = strconv.AppendInt(b, now.Unix(), 10)
	left := min(p.Idle, p.Maximum-now.Sub(d.Began).Truncate(time.Second))
	b = append(strconv.AppendInt(append(b, "; Max-Age="...), int64(left/time.Second), 10), "; Path=/; HttpOnly"...)
	if https {
		b = append(b, "; Secure"...)
	}
	return b
}

// Without returns the value of a Cookie field without the cookies of this package, and
// whether there were any.
func Without(cookies string) (rest string, found bool) {
	if !strings.Contains(cookies, prefix) {
		return cookies, false
	}
	var kept []string
	for pair := range strings.SplitSeq(cookies, ";") {
		if pair = strings.TrimSpace(pair); strings.HasPrefix(pair, prefix) {
			found = true
		} else if pair != "" {
			kept = append(kept, pair)
		}
	}
	if !found {
		return cookies, false
	}
	return strings.Join(kept, "; "), true
}
