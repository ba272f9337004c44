package explain

import (
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/paths"
	"github.com/warmfront/warmfront/edge/admission"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/policy"
	"github.com/warmfront/warmfront/edge/private"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/edge/tier"
)

// Explanation is why an edge answers a request as it does. What the edge did not come to is
// left out: what is refused has no cache key, say.
type Explanation struct {
	Node string `json:"node"` // its id, "NRT-1"
	POP  string `json:"pop"`  // as X-Amz-Cf-Pop has it
	// Time is the edge's, by which freshness goes, and Ahead how far that was moved.
	Time    time.Time     `json:"time"`
	Ahead   time.Duration `json:"ahead_ns,omitempty"`
	Request Request       `json:"request"`

	Distribution *Distribution `json:"distribution,omitempty"`
	Behavior     *Behavior     `json:"behavior,omitempty"`
	Checks       []Check       `json:"checks,omitempty"`
	// Refused is the edge's own answer where the request is refused or sent elsewhere.
	Refused *Refused `json:"refused,omitempty"`
	// Functions says, where the behavior has any at viewers' events, what request the rest is
	// of, and Function what the one at the viewer's request did.
	Functions string    `json:"functions,omitempty"`
	Function  *Function `json:"function,omitempty"`
	// Lambdas are the behavior's, in the order in which they run.
	Lambdas  []Lambda         `json:"lambdas,omitempty"`
	Key      []policy.KeyPart `json:"cache_key,omitempty"`
	Stored   *Stored          `json:"stored,omitempty"`
	Decision *Decision        `json:"decision,omitempty"`
	Tiers    []Tier           `json:"tiers,omitempty"`
	Origin   *Origin          `json:"origin,omitempty"`
}

// Request is what was asked, as the rules see it: without a port, and without a signature.
type Request struct {
	Method string `json:"method"`
	Scheme string `json:"scheme"`
	Host   string `json:"host"`
	URI    string `json:"uri"`
	Viewer string `json:"viewer"` // its address
	// Country is where that is, "" where it is not known.
	Country string `json:"country,omitempty"`
}

// Distribution is the one that the host name belongs to, and why.
type Distribution struct {
	ID     string      `json:"id"`
	Domain string      `json:"domain"`
	Named  cdn.Name    `json:"named"`
	Since  cdn.Version `json:"version"` // of its last change
	// Rules are "cloudfront" or "rfc9111".
	Rules string `json:"rules"`
	// Deployment is what its continuous deployment policy decided, nil where it has none. One
	// that goes by weight draws anew for each request.
	Deployment *Deployment `json:"deployment,omitempty"`
}

// Deployment is which of two distributions answers.
type Deployment struct {
	ID     string `json:"id"` // of the one that does
	Policy string `json:"policy"`
	Why    string `json:"why"`
}

// Behavior is the cache behavior that applies.
type Behavior struct {
	Pattern string `json:"pattern"`
	// Index counts from 0, Of is how many there are; the last is the default.
	Index int `json:"index"`
	Of    int `json:"of"`
	// Path is what the patterns were matched on: the default root object stands for "/".
	Path   string   `json:"path"`
	Passed []Passed `json:"passed_over,omitempty"`
	// CachePolicy is the policy's name, or "ForwardedValues".
	CachePolicy string `json:"cache_policy"`
}

// Passed is an earlier behavior that does not apply.
type Passed struct {
	Pattern string `json:"pattern"`
	// Fits is how much of the pattern fits the path; Lacks what follows, which nothing in the
	// path fits. Where Lacks is empty the path goes on after the pattern's end.
	Fits  string `json:"fits"`
	Lacks string `json:"lacks"`
}

// BehaviorOf says of the behavior of a plan that a path has why it is that one.
func BehaviorOf(p *cdn.Plan, b *cdn.Behavior, path string) *Behavior {
	path = paths.Normal(path)
	x := &Behavior{Pattern: b.Pattern, Of: len(p.Behaviors), Path: path, CachePolicy: b.Cache.Name}
	if b.Cache.Legacy {
		x.CachePolicy = "ForwardedValues"
	}
	for i := range p.Behaviors {
		earlier := &p.Behaviors[i]
		if earlier == b {
			x.Index = i
			break
		}
		fits := paths.Fits(earlier.Pattern, path)
		x.Passed = append(x.Passed, Passed{earlier.Pattern, fits, earlier.Pattern[len(fits):]})
	}
	return x
}

// Check is one of the checks of viewers.
type Check struct {
	Name string `json:"name"`
	// Rule is what the distribution asks, Found what the request has.
	Rule   string `json:"rule"`
	Found  string `json:"found"`
	Passed bool   `json:"passed"`
	// Why is the sentence that the viewer is told.
	Why string `json:"why,omitempty"`
}

// ChecksOf applies every check of viewers to a request, and says what came of it.
func ChecksOf(g *admission.Gate, v *policy.View, s *private.Signature, now time.Time) []Check {
	var out []Check
	for c := range admission.Checks {
		d := g.Describe(c, v, s)
		e := Check{Name: d.Name, Rule: d.Rule, Found: d.Found, Passed: true}
		if r := g.Check(c, v, s, now); r != nil {
			e.Passed, e.Why = false, r.Sentence
		}
		out = append(out, e)
	}
	return out
}

// Refused is an answer of the edge's own.
type Refused struct {
	Status int    `json:"status"`
	Why    string `json:"why"`
}

// Stored is what the cache has for the key and for this variant of it.
type Stored struct {
	// Tier is "memory" or "disk"; "" where there is nothing.
	Tier string `json:"tier"`
	// Variants is how many answers memory has for the key, of any variant.
	Variants int      `json:"variants"`
	Vary     []string `json:"vary,omitempty"`
	Status   int      `json:"status,omitempty"`
	Bytes    int64    `json:"bytes,omitempty"` // -1: not known yet
	Sliced   bool     `json:"sliced,omitempty"`
	// Failure is set where an error page of the edge's own is stored.
	Failure      string        `json:"failure,omitempty"`
	Freshness    *Freshness    `json:"freshness,omitempty"`
	Invalidation *Invalidation `json:"invalidation,omitempty"`
}

// Freshness is the sum that says whether an object is fresh.
type Freshness struct {
	// Source is the rule that the lifetime comes from: "max-age", "default-ttl" …
	Source rfc9111.Source `json:"source"`
	// Stated is what it says, Aged what is taken from that; Least and Most the bounds, left out
	// where there are none.
	Stated time.Duration  `json:"stated_ns"`
	Aged   time.Duration  `json:"aged_ns"`
	Least  *time.Duration `json:"least_ns,omitempty"`
	Most   *time.Duration `json:"most_ns,omitempty"`
	// Sum is what the terms come to by the distribution's settings as they are now, Lifetime
	// what the object was stored with: they differ where the settings were changed since, or
	// where a stale object was kept on because the origin failed.
	Sum      time.Duration `json:"sum_ns"`
	Lifetime time.Duration `json:"lifetime_ns"`
	// Initial is how old it was when it was received, Resident how long it has been here: for so
	// long of its lifetime. Age, the header, is their sum.
	Received time.Time     `json:"received"`
	Initial  time.Duration `json:"initial_age_ns"`
	Resident time.Duration `json:"resident_ns"`
	Age      time.Duration `json:"age_ns"`
	// Left is for how long it is still fresh, negative once it is stale.
	Left time.Duration `json:"left_ns"`
	// WhileRevalidate, OnFailure and Unreachable are for how long after that it may still be
	// served while it is confirmed, where the origin fails, and where it does not answer; -1: without end.
	WhileRevalidate time.Duration `json:"while_revalidate_ns"`
	OnFailure       time.Duration `json:"on_failure_ns"`
	Unreachable     time.Duration `json:"unreachable_ns"`
}

// Sum says how fresh an object is now, t being what its lifetime is summed from.
func Sum(o *cache.Object, t rfc9111.Terms, now time.Time) *Freshness {
	return &Freshness{
		Source: o.Lifetime.Source, Stated: t.Stated, Aged: t.Aged, Least: bound(t.Least), Most: bound(t.Most),
		Sum: t.Fresh, Lifetime: o.Lifetime.Fresh,
		Received: o.Received, Initial: o.InitialAge, Resident: o.Lifetime.Fresh - o.TimeToLive(now), Age: o.Age(now), Left: o.TimeToLive(now),
		WhileRevalidate: endless(o.Lifetime.WhileRevalidate), OnFailure: endless(o.Lifetime.OnFailure), Unreachable: endless(o.Lifetime.Unreachable),
	}
}

func bound(d time.Duration) *time.Duration {
	if d == rfc9111.Forever || d == -rfc9111.Forever {
		return nil
	}
	return &d
}

func endless(d time.Duration) time.Duration {
	if d == rfc9111.Forever {
		return -1
	}
	return d
}

// Invalidation is what the journal says of an object.
type Invalidation struct {
	// Birth is the version at which its fetch, or last confirmation, began, at the tier nearest
	// the origin.
	Birth cdn.Version `json:"birth"`
	// Newest is the newest invalidation of what was asked for, and Matches of which of its
	// names; Floor is the version up to which single ones are not known any more.
	Newest  cdn.Version `json:"newest"`
	Floor   cdn.Version `json:"floor"`
	Applied cdn.Version `json:"applied"` // by the node
	Matches []Match     `json:"matches,omitempty"`
	// Leased says whether the node may serve what is stored without asking.
	Leased bool `json:"leased"`
}

// Match is a URI or cache tag that was invalidated.
type Match struct {
	Name    string      `json:"name"`
	Version cdn.Version `json:"version"`
}

// InvalidationOf says what f, which the decision goes by, and the index say of an object. The
// names are the object's and those of the request.
func InvalidationOf(o *cache.Object, f reuse.Facts, inv cdn.Invalidations) *Invalidation {
	x := &Invalidation{Birth: o.Birth, Newest: f.Newest, Floor: f.Floor, Applied: f.Applied, Leased: f.Leased}
	seen := map[string]bool{}
	for _, names := range [...][]string{f.URIs, o.URIs, o.Tags} {
		for _, name := range names {
			if v := inv.Newest(name); !seen[name] && v != f.Floor && !v.IsZero() {
				x.Matches = append(x.Matches, Match{name, v})
			}
			seen[name] = true
		}
	}
	return x
}

// Decision is what the edge does with a request.
type Decision struct {
	// Action is "serve", "serve-and-confirm", "confirm", "fetch", or "pass" for what is not
	// cached.
	Action string `json:"action"`
	Why    string `json:"why"`
}

// Decide says what an action of reuse means for a request, with the reason that came with it.
// stored says whether there is an object, left for how long it is fresh.
func Decide(act reuse.Action, why string, stored bool, left time.Duration) *Decision {
	switch {
	case act == reuse.Serve && left > 0:
		return &Decision{"serve", "it is fresh, and no invalidation of it is newer"}
	case act == reuse.Serve:
		return &Decision{"serve", "it is stale, and the request takes it"}
	case act == reuse.Refresh:
		return &Decision{"serve-and-confirm", "it is stale, and stale-while-revalidate lets it be served meanwhile"}
	case act == reuse.Confirm && why == "":
		return &Decision{"confirm", "it is stale"}
	case act == reuse.Confirm:
		return &Decision{"confirm", reasons[why]}
	case !stored:
		return &Decision{"fetch", "nothing is stored for this key and variant"}
	case reasons[why] != "":
		return &Decision{"fetch", reasons[why]}
	}
	return &Decision{"fetch", "what is stored of it does not hold what is asked for"}
}

// reasons are those of reuse.Decide, and of the edge, in words.
var reasons = map[string]string{
	"invalidated":           "it is older than an invalidation",
	"unknown-invalidations": "it is older than the invalidations that the node still knows one by one",
	"recalled":              "it may be from before something that the node has forgotten",
	"fenced":                "the node has no lease: only what the origin confirms is served",
	"incomplete":            "its body broke off",
	"clock-set-back":        "it was stored at a time that is yet to come: the clock was set back since",
}

// Tier is a node that is asked before the origin.
type Tier struct {
	Level string `json:"level"` // peer, regional or shield
	Node  string `json:"node"`
	POP   string `json:"pop"`
}

// TiersOf is a route up.
func TiersOf(route []tier.Tier) []Tier {
	var out []Tier
	for _, t := range route {
		out = append(out, Tier{t.Level.String(), t.Node.ID, t.Node.POP})
	}
	return out
}

// Origin is where the answer comes from in the end.
type Origin struct {
	ID     string `json:"id"`
	Domain string `json:"domain"`
	// Method, Host and URI are what it would be asked, Headers the names of the fields that it
	// would be sent: their values may be secrets.
	Method  string   `json:"method"`
	Host    string   `json:"host"`
	URI     string   `json:"uri"`
	Headers []string `json:"headers"`
	// Shield is the region of its Origin Shield.
	Shield string `json:"shield,omitempty"`
	Group  *Group `json:"group,omitempty"`
}

// Group is an origin group.
type Group struct {
	ID string `json:"id"`
	// Second is asked where the origin, which is always asked first, gives one of the statuses
	// or no answer; Used says whether that is done for a request of this method.
	Second   string `json:"second"`
	Statuses []int  `json:"statuses"`
	Used     bool   `json:"used"`
}
