package staging

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/deployment"
	"github.com/warmfront/warmfront/edge/message"
)

func policy(alter func(*deployment.Policy)) *deployment.Policy {
	p := &deployment.Policy{ID: "P", Enabled: true, Staging: "d1.test", Sessions: "g1"}
	alter(p)
	return p
}

func byWeight(p *deployment.Policy) { p.Weight = 0.15 }
func sticky(p *deployment.Policy)   { p.Weight, p.Idle, p.Maximum = 0.15, 5*time.Minute, 10*time.Minute }
func byHeader(p *deployment.Policy) { p.Header, p.Value = "aws-cf-cd-side", "Staging" }

func TestDecide(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	at := func(side string, began, seen time.Duration) string {
		return fmt.Sprintf("a=b; AWS-CF-CD-g1=%s.%d.%d; c=d", side, now.Add(-began).Unix(), now.Add(-seen).Unix())
	}
	for _, c := range []struct {
		name    string
		policy  func(*deployment.Policy)
		field   string
		value   string
		random  float64
		staging bool
		reason  Reason
	}{
		{"the header", byHeader, "AWS-CF-CD-Side", "Staging", 0.9, true, Header},
		{"another value", byHeader, "aws-cf-cd-side", "staging", 0, false, NoHeader},
		{"no header", byHeader, "other", "Staging", 0, false, NoHeader},
		{"drawn", byWeight, "", "", 0.149, true, Drawn},
		{"not drawn", byWeight, "", "", 0.15, false, Drawn},
		{"a cookie without sessions", byWeight, "Cookie", at("s", 0, 0), 0.9, false, Drawn},
		{"disabled", func(p *deployment.Policy) { sticky(p); p.Enabled = false }, "Cookie", at("s", 0, 0), 0, false, Inactive},
		{"no staging distribution", func(p *deployment.Policy) { byWeight(p); p.Staging = "" }, "", "", 0, false, Inactive},
		{"no traffic", func(*deployment.Policy) {}, "", "", 0, false, Inactive},
		{"a new session there", sticky, "", "", 0.1, true, NewOne},
		{"a new session here", sticky, "", "", 0.2, false, NewOne},
		{"in a session there", sticky, "cookie", at("s", 9*time.Minute, time.Minute), 0.9, true, InSession},
		{"in a session here", sticky, "Cookie", at("p", 0, 0), 0, false, InSession},
		{"a session without weight", func(p *deployment.Policy) { sticky(p); p.Weight = 0 }, "Cookie", at("s", 0, 0), 0, true, InSession},
		{"too long idle", sticky, "Cookie", at("s", 6*time.Minute, 5*time.Minute), 0.9, false, NewOne},
		{"too old", sticky, "Cookie", at("s", 10*time.Minute, time.Second), 0.9, false, NewOne},
		{"another clock", sticky, "Cookie", at("s", -30*time.Second, -30*time.Second), 0.9, true, InSession},
		{"from the future", sticky, "Cookie", at("s", -2*time.Hour, -2*time.Hour), 0.9, false, NewOne},
		{"sessions that have ended", sticky, "Cookie", strings.Replace(at("s", 0, 0), "g1", "g0", 1), 0.9, false, NewOne},
		{"a longer name", sticky, "Cookie", strings.Replace(at("s", 0, 0), "g1", "g12", 1), 0.9, false, NewOne},
		{"nonsense", sticky, "Cookie", "AWS-CF-CD-g1=s.x.y", 0.9, false, NewOne},
		{"a third side", sticky, "Cookie", at("t", 0, 0), 0.9, false, NewOne},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Decide(policy(c.policy), message.Header{{Name: c.field, Value: c.value}}, now, c.random)
			if d.Staging != c.staging || d.Reason != c.reason || d.Policy != "P" {
				t.Errorf("%+v", d)
			}
			if d.Began.IsZero() == (d.Reason == InSession || d.Reason == NewOne) {
				t.Errorf("the session began at %v", d.Began)
			}
			if strings.HasSuffix(d.String(), ": ") {
				t.Errorf("no words for %q", d.Reason)
			}
		})
	}
}

// TestTheWeightIsKept: over many requests the part that goes to staging is the weight,
// within four standard deviations; so is the part of sessions, however many requests
// each has.
func TestTheWeightIsKept(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const n = 20_000
	now := time.Unix(1_000_000, 0)
	for _, weight := range []float64{0, 0.01, 0.05, 0.15} {
		for _, kept := range []bool{false, true} {
			p := policy(func(p *deployment.Policy) {
				if sticky(p); !kept {
					p.Idle, p.Maximum = 0, 0
				}
				p.Weight = weight
			})
			there := 0
			for range n {
				d := Decide(p, nil, now, random.Float64())
				if kept {
					d = follow(t, p, d, now, random)
				}
				if d.Staging {
					there++
				}
			}
			if off := math.Abs(float64(there) - n*weight); off > 4*math.Sqrt(n*weight*(1-weight)) {
				t.Errorf("weight %v, sessions %v: %d of %d", weight, kept, there, n)
			}
		}
	}
}

// follow makes a few more requests of a session, with the cookie that each answer sets.
func follow(t *testing.T, p *deployment.Policy, d Decision, now time.Time, random *rand.Rand) Decision {
	first := d
	for range 1 + random.IntN(3) {
		cookie, _, _ := strings.Cut(string(AppendCookie(nil, p, d, now, false)), ";")
		now = now.Add(time.Duration(random.IntN(120)) * time.Second)
		d = Decide(p, message.Header{{Name: "Cookie", Value: cookie}}, now, random.Float64())
		if d.Staging != first.Staging || d.Reason != InSession || !d.Began.Equal(first.Began) {
			t.Fatalf("a session that was %+v is %+v", first, d)
		}
	}
	return d
}

// TestCookie: a viewer keeps the cookie for the idle time, or for what is left of the
// session's longest time.
func TestCookie(t *testing.T) {
	p, began := policy(sticky), time.Unix(1_000_000, 0)
	for _, c := range []struct {
		d     Decision
		after time.Duration
		https bool
		want  string
	}{
		{Decision{}, 0, true, ""},
		{Decision{Staging: true, Began: began}, 0, false, "AWS-CF-CD-g1=s.1000000.1000000; Max-Age=300; Path=/; HttpOnly"},
		{Decision{Began: began}, 7 * time.Minute, true, "AWS-CF-CD-g1=p.1000000.1000420; Max-Age=180; Path=/; HttpOnly; Secure"},
	} {
		if got := string(AppendCookie(nil, p, c.d, began.Add(c.after), c.https)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestWithout(t *testing.T) {
	for _, c := range []struct {
		cookies, rest string
		found         bool
	}{
		{"", "", false},
		{"a=b", "a=b", false},
		{"a=AWS-CF-CD-x", "a=AWS-CF-CD-x", false},
		{"AWS-CF-CD-x=s.1.2", "", true},
		{"a=b; AWS-CF-CD-x=1;c=d; AWS-CF-CD-y=2", "a=b; c=d", true},
	} {
		if rest, found := Without(c.cookies); rest != c.rest || found != c.found {
			t.Errorf("%q: %q, %v", c.cookies, rest, found)
		}
	}
}

func TestJSON(t *testing.T) {
	b, err := json.Marshal(Decision{Staging: true, Reason: NewOne, Policy: "P", Began: time.Unix(0, 0).UTC()})
	if want := `{"side":"staging","reason":"new-session","policy":"P","session_began":"1970-01-01T00:00:00Z"}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}

// FuzzCookies: whatever a viewer sends, a session is at most as long as the policy says,
// and nothing of this package's is left in what the origin may see.
func FuzzCookies(f *testing.F) {
	f.Add("AWS-CF-CD-g1=s.1000000.1000000; a=b")
	f.Add("AWS-CF-CD-g1=s.9223372036854775807.-9223372036854775808")
	f.Fuzz(func(t *testing.T, cookies string) {
		now, p := time.Unix(1_000_100, 0), policy(sticky)
		d := Decide(p, message.Header{{Name: "Cookie", Value: cookies}}, now, 0.9)
		if d.Reason == InSession && now.Sub(d.Began) >= p.Maximum {
			t.Errorf("%q: %+v", cookies, d)
		}
		rest, _ := Without(cookies)
		for pair := range strings.SplitSeq(rest, ";") {
			if strings.HasPrefix(strings.TrimSpace(pair), prefix) {
				t.Errorf("%q leaves %q", cookies, rest)
			}
		}
	})
}
