package lambda

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/message"
)

// Node is what runs functions for one edge, with figures of its own; the programs it may
// share with others.
type Node struct {
	functions *Functions
	mu        sync.Mutex
	missing   map[string]bool // of which it was said
	runs      *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
}

// NewNode makes what runs functions for one edge; r may be nil.
func NewNode(f *Functions, r *prometheus.Registry) *Node {
	n := &Node{
		functions: f, missing: map[string]bool{},
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warmfront_edge_lambda_runs_total", Help: "Runs of Lambda@Edge functions by event and by what came of them: ok, or CloudFront's result type.",
		}, []string{"event", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "warmfront_edge_lambda_run_seconds", Help: "How long Lambda@Edge functions took, by event.",
			Buckets: []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10, 30},
		}, []string{"event"}),
	}
	if r != nil {
		r.MustRegister(n.runs, n.seconds)
	}
	return n
}

// run runs a function and counts it.
func (n *Node) run(ctx context.Context, arn string, in *Input) Outcome {
	began := time.Now()
	out := n.functions.Run(ctx, arn, in)
	outcome := "ok"
	if out.Fault != nil {
		outcome = out.Fault.Result
	}
	n.runs.WithLabelValues(string(in.Event), outcome).Inc()
	n.seconds.WithLabelValues(string(in.Event)).Observe(time.Since(began).Seconds())
	return out
}

// Runs reports whether a function can be run: whether its operator said what it is.
func (n *Node) Runs(arn string) bool { return n.functions.Has(arn) }

// Prepare says of what a new state's distributions use which functions nothing here runs:
// once each, as the API refuses such distributions only when they are made.
func (n *Node) Prepare(s *cdn.State) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range s.Plans {
		for i := range p.Behaviors {
			for _, l := range p.Behaviors[i].Lambdas.All() {
				if p.Enabled && !n.Runs(l.ARN) && !n.missing[l.ARN] {
					n.missing[l.ARN] = true
					n.functions.log.Warn("nothing here runs a function that a distribution uses: requests that come to it are answered with 503, LambdaExecutionError",
						"distribution", p.ID, "function", l.ARN, "say", "--lambda "+l.ARN+"=PROGRAM")
				}
			}
		}
	}
}

// ViewerRequest implements edge.Events. CloudFront's own fields are added after it (belief
// 607).
func (n *Node) ViewerRequest(ctx context.Context, in *event.Info, r *message.Request) event.Outcome {
	l := in.Behavior.Lambdas.ViewerRequest
	if l == nil || in.Report != nil && in.Report.Quiet {
		return event.Outcome{}
	}
	out := n.at(ctx, l, &Input{Event: ViewerRequest, Plan: in.Plan, RequestID: in.RequestID, Request: r})
	if rep := in.Report; rep != nil {
		if rep.Function = l.ARN; out.Fault != nil {
			rep.Why = out.Fault.Why
		}
	}
	return out.event()
}

// ViewerResponse implements edge.Events.
func (n *Node) ViewerResponse(ctx context.Context, in *event.Info, r *message.Request, resp *message.Response) event.Outcome {
	l := in.Behavior.Lambdas.ViewerResponse
	if l == nil {
		return event.Outcome{}
	}
	return n.at(ctx, l, &Input{Event: ViewerResponse, Plan: in.Plan, RequestID: in.RequestID, Request: r, Response: resp}).event()
}

// OriginRequest implements fetch.OriginEvents. The origin's path is no part of the uri, and
// its custom headers are its own: both are put to the request that comes back.
func (n *Node) OriginRequest(ctx context.Context, in *event.Info, o *origins.Origin, r *message.Request) (*origins.Origin, event.Outcome) {
	l := in.Behavior.Lambdas.OriginRequest
	if l == nil {
		return o, event.Outcome{}
	}
	out := n.at(ctx, l, &Input{Event: OriginRequest, Plan: in.Plan, RequestID: in.RequestID, Request: seen(r, o), Origin: o})
	if out.Request == nil {
		return o, out.event()
	}
	out.Request.Path = out.Origin.Path + out.Request.Path
	for _, h := range out.Origin.CustomHeaders {
		out.Request.Header.Set(h.Name, h.Value)
	}
	return out.Origin, out.event()
}

// seen is a request to an origin as functions see it: without what is the origin's own.
func seen(r *message.Request, o *origins.Origin) *message.Request {
	given := *r
	given.Path = strings.TrimPrefix(r.Path, o.Path)
	given.Header = r.Header.Clone(len(o.CustomHeaders))
	for _, h := range o.CustomHeaders {
		given.Header.Del(h.Name)
	}
	return &given
}

// OriginResponse implements fetch.OriginEvents.
func (n *Node) OriginResponse(ctx context.Context, in *event.Info, o *origins.Origin, r *message.Request, resp *message.Response) event.Outcome {
	l := in.Behavior.Lambdas.OriginResponse
	if l == nil {
		return event.Outcome{}
	}
	return n.at(ctx, l, &Input{Event: OriginResponse, Plan: in.Plan, RequestID: in.RequestID, Request: seen(r, o), Response: resp}).event()
}

// at runs a function, as a span where the request is traced.
func (n *Node) at(ctx context.Context, l *functions.Lambda, in *Input) Outcome {
	s := span.From(ctx).Child(span.Start{Name: "Lambda " + string(in.Event), Attributes: []span.Attribute{span.String("aws.lambda.invoked_arn", l.ARN)}})
	out := n.shown(ctx, l, in)
	failure := ""
	if out.Fault != nil {
		failure = out.Fault.Error()
	}
	s.End(failure)
	return out
}

// shown runs a function, which is shown the request's body where its behavior says so.
func (n *Node) shown(ctx context.Context, l *functions.Lambda, in *Input) Outcome {
	r := in.Request
	if !l.IncludeBody || !in.Event.OfRequest() || r.Body == nil {
		return n.run(ctx, l.ARN, in)
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, int64(in.Event.MaxBody())+1))
	if err != nil {
		return Outcome{Fault: &Fault{502, ValidationError, "the request's body did not come whole: " + err.Error()}}
	}
	in.Truncated = len(b) > in.Event.MaxBody()
	in.Body = append([]byte{}, b[:min(len(b), in.Event.MaxBody())]...)
	whole := io.MultiReader(bytes.NewReader(b), r.Body)
	given := *r
	given.Body, in.Request = whole, &given
	out := n.run(ctx, l.ARN, in)
	if out.Request == nil && out.Response == nil && out.Fault == nil {
		out.Request = &given
	}
	return out
}

// event is the outcome as the edge has it.
func (o Outcome) event() event.Outcome {
	if o.Fault != nil {
		sentence := map[string]string{
			ValidationError: "The function that is associated with this distribution returned what is no valid request or response.",
			ExecutionError:  "The function that is associated with this distribution failed.",
			LimitExceeded:   "The function that is associated with this distribution is run as often as it may be.",
		}[o.Fault.Result]
		return event.Outcome{Fault: &event.Fault{Status: o.Fault.Status, Result: event.Result(o.Fault.Result), Sentence: sentence}}
	}
	return event.Outcome{Request: o.Request, Response: o.Response}
}
