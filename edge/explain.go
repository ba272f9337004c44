package edge

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/admission"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/explain"
	"github.com/warmfront/warmfront/edge/fetch"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/policy"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/edge/tier"
)

// askedToExplain returns what a viewer of a sandbox wants explained, "" for nothing. What
// asks for it is taken out of the request: neither key nor origin sees it.
func (x *exchange) askedToExplain() string {
	if !x.edge.cfg.Sandbox {
		return ""
	}
	how := x.Request.Header.Get(explain.Header)
	if how == "" {
		return ""
	}
	x.mapped = *x.Request
	x.mapped.Header = x.Request.Header.Clone(0)
	x.mapped.Header.Del(explain.Header)
	x.Request = &x.mapped
	method, only := strings.CutPrefix(how, explain.Only+" ")
	if only {
		x.mapped.Method, how = method, explain.Only
	}
	if how != explain.Too && how != explain.Only {
		return ""
	}
	return how
}

// onlyExplained answers with nothing but the explanation; nil where more is wanted.
func (x *exchange) onlyExplained(ctx context.Context) *message.Response {
	if x.explains != explain.Only {
		return nil
	}
	x.done.Uncounted = true
	x.explained = x.explain(x.refused())
	if x.explained.Refused == nil && x.Behavior != nil && x.Behavior.HasViewerEvents() && x.edge.cfg.Events != nil {
		x.atRequest(ctx, x.eventInfo())
	}
	text, err := json.Marshal(x.explained)
	status := 200
	if err != nil { // nothing in it can fail
		status, text = 500, []byte(`{}`)
	}
	resp := &message.Response{Status: status, Length: int64(len(text))}
	resp.Header.Add("Content-Type", "application/json")
	resp.Header.Add("Cache-Control", "no-store")
	resp.Header.Add("X-Amz-Cf-Pop", x.edge.pop)
	if x.asked.Method != "HEAD" {
		resp.Body = io.NopCloser(strings.NewReader(string(text)))
	}
	return resp
}

// explain says why a request is answered as it is, once it was routed. f is why it is refused,
// nil if it is not.
func (x *exchange) explain(f *fault) *explain.Explanation {
	r := x.Request
	e := &explain.Explanation{
		Node: x.edge.cfg.Node.ID, POP: x.edge.pop, Time: x.start, Ahead: x.ahead,
		Request: explain.Request{Method: r.Method, Scheme: r.Scheme, Host: r.Host, URI: r.URI(), Viewer: r.Viewer.Addr().Unmap().String(), Country: x.Country()},
	}
	if f != nil {
		e.Refused = &explain.Refused{Status: f.status, Why: f.sentence}
	}
	if x.state != nil {
		if p, name := x.state.Named(r.Host); p != nil {
			e.Distribution = &explain.Distribution{ID: p.ID, Domain: p.Domain, Named: name, Since: p.Version, Rules: "cloudfront"}
			if x.Plan != nil && x.staged.primary != nil {
				p = x.Plan
				e.Distribution.Deployment = &explain.Deployment{ID: p.ID, Policy: x.staged.decision.Policy, Why: x.staged.decision.String()}
			}
			if p.Caching == cdn.CachingRFC9111 {
				e.Distribution.Rules = "rfc9111"
			}
		}
	}
	if x.Behavior == nil {
		return e
	}
	e.Behavior = explain.BehaviorOf(x.Plan, x.Behavior, x.Path)
	e.Lambdas = explain.LambdasOf(x.Behavior, func(arn string) bool { return x.edge.fetcher.Events != nil && x.edge.fetcher.Events.Runs(arn) })
	e.Checks = explain.ChecksOf(&x.edge.gate, &x.View, &x.signature, x.start)
	switch {
	case f != nil:
		return e
	case x.mustRedirect():
		e.Refused = &explain.Refused{Status: admission.RedirectStatus(r), Why: "The viewer is sent to the same URL over HTTPS."}
		return e
	case x.betterPOP() != "":
		e.Refused = &explain.Refused{Status: 302, Why: "The viewer is sent to " + x.betterPOP() + ", which is nearer."}
		return e
	}
	return x.explainBeyond(e)
}

// explainFunction says what the function at the viewer's request did, and of the request as
// it left it what comes after.
func (x *exchange) explainFunction(r *event.Report, o event.Outcome, before explain.Asked) {
	e := x.explained
	switch {
	case r.Function == "" && x.Behavior.Lambdas.ViewerRequest != nil:
		e.Functions = explain.LambdaNotRun
		return
	case r.Function == "":
		e.Functions = explain.OnlyResponse
		return
	}
	e.Function = explain.FunctionOf(r, o, before, explain.Asked{Request: x.Request, Target: x.Target})
	switch {
	case o.Fault != nil:
		e.Functions, e.Refused = explain.Failed, &explain.Refused{Status: o.Fault.Status, Why: o.Fault.Sentence}
	case o.Response != nil:
		e.Functions = explain.Made
	default:
		e.Functions = explain.Ran + x.Request.Method + " " + x.Request.URI()
		x.explainBeyond(e)
		return
	}
	e.Key, e.Stored, e.Decision, e.Tiers, e.Origin = nil, nil, nil, nil, nil
}

// explainBeyond says what comes after the checks, and after a function if there is one.
func (x *exchange) explainBeyond(e *explain.Explanation) *explain.Explanation {
	e.Origin, e.Key, e.Stored, e.Tiers = x.explainOrigin(), nil, nil, nil
	if why := x.Uncacheable(); why != "" {
		e.Decision = &explain.Decision{Action: "pass", Why: why}
		e.Tiers = explain.TiersOf(x.shield(tier.Shield, x.Origin))
		return e
	}
	x.explainCached(e)
	e.Tiers = explain.TiersOf(x.above())
	return e
}

// explainCached says what is stored, and what is done with it. What a GET stored answers a
// HEAD, as in serve.
func (x *exchange) explainCached(e *explain.Explanation) {
	if x.Request.Method == "HEAD" {
		head := x.key
		x.key = x.Key("GET")
		_, act, _, _ := x.look()
		if act == reuse.Serve {
			x.explainKey(e)
			x.key = head
			return
		}
		x.key = head
	}
	x.explainKey(e)
}

// look is lookup without a trace: nothing is dropped, moved or counted.
func (x *exchange) look() (o *cache.Object, act reuse.Action, why string, s *explain.Stored) {
	o, tier, variants := x.edge.store.Look(x.key, x.selecting)
	act, why = x.judge(o)
	if o != nil && act != reuse.Fetch && x.lacks(o) {
		act, why = reuse.Fetch, ""
	}
	return o, act, why, &explain.Stored{Tier: tier, Variants: variants}
}

func (x *exchange) explainKey(e *explain.Explanation) {
	o, act, why, s := x.look()
	e.Key, e.Stored = policy.SpellKey(x.key, x.Behavior), s
	if o == nil {
		e.Decision = explain.Decide(act, why, false, 0)
		return
	}
	s.Status, s.Bytes, s.Vary, s.Failure = o.Status, fetch.Size(o), o.Vary, o.Failure
	s.Sliced = o.Body != nil && o.Body.Sliced()
	// The terms again, by what is stored: it was asked for as long before it was received as it
	// had aged beside what its Age said.
	received := o.Received.Add(-o.Ahead)
	asked := received.Add(-max(0, o.InitialAge-rfc9111.AgeValue(o.Header)))
	_, terms := rfc9111.JudgeTerms(fetch.Policy(x.Plan, x.Behavior, o.Status), rfc9111.Request{Method: x.Request.Method},
		rfc9111.Response{Status: o.Status, Header: o.Header, RequestTime: asked, ResponseTime: received})
	s.Freshness = explain.Sum(o, terms, x.start)
	inv := x.state.Invalidations(x.Plan.ID)
	s.Invalidation = explain.InvalidationOf(o, x.facts(x.newest(o)), inv)
	e.Decision = explain.Decide(act, why, true, s.Freshness.Left)
}

func (x *exchange) explainOrigin() *explain.Origin {
	r := x.OriginRequest(x.asking(!x.Cacheable()))
	o := &explain.Origin{ID: x.Origin.ID, Domain: x.Origin.Domain, Method: r.Method, Host: r.Host, URI: r.URI(), Shield: x.Origin.Shield}
	for _, f := range r.Header {
		if !slices.Contains(o.Headers, f.Name) {
			o.Headers = append(o.Headers, f.Name)
		}
	}
	if g := x.Target.Failover; g != nil {
		o.Group = &explain.Group{ID: g.Group, Second: x.Target.Second.ID, Statuses: g.Statuses, Used: origins.FailsOver(x.Request.Method)}
	}
	return o
}
