package function

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/message"
)

// Config is what a node's functions are given.
type Config struct {
	Engine *Engine
	// POP is the code of the node's edge location, Region the AWS region of the regional edge
	// cache that it would ask: both are told to functions.
	POP, Region string
	// Logger gets what functions write, at the level info. Nil: nothing is kept.
	Logger *slog.Logger
	// Registry gets figures of the runs.
	Registry *prometheus.Registry
}

// Node runs the functions of one edge: it implements edge.Events.
type Node struct {
	cfg  Config
	runs *prometheus.CounterVec

	start sync.Once
	// known are the functions of the state before.
	known map[*functions.Function]bool
}

// NewNode makes what runs a node's functions.
func NewNode(cfg Config) *Node {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Node{cfg: cfg}
	n.runs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warmfront_edge_function_runs_total", Help: "Runs of CloudFront functions by what came of them.",
	}, []string{"outcome"})
	if cfg.Registry != nil {
		cfg.Registry.MustRegister(n.runs)
	}
	return n
}

// maxPrepare is how long a state may wait for its functions: less than a lease is renewed by.
const maxPrepare = 2 * time.Second

// Prepare makes ready what a new state's functions need, so that no viewer waits for it, and
// returns when it is, or after maxPrepare: it goes on by itself then. The engine is begun
// when there is any function, which may be long before a behavior has it. Prepare is not
// called twice at once.
func (n *Node) Prepare(s *cdn.State) {
	if len(s.ResourcesOf(cdn.ResourceFunction)) > 0 {
		n.start.Do(func() { go func() { _ = n.cfg.Engine.Start() }() }) // whoever runs a function is told
	}
	var wanted []*functions.Function
	known := map[*functions.Function]bool{}
	for _, p := range s.Plans {
		for i := range p.Behaviors {
			for _, f := range [...]*functions.Function{p.Behaviors[i].ViewerRequest, p.Behaviors[i].ViewerResponse} {
				if f != nil && !known[f] && len(known) < maxPrograms {
					if known[f] = true; !n.known[f] {
						wanted = append(wanted, f)
					}
				}
			}
		}
	}
	n.known = known
	if len(wanted) == 0 {
		return
	}
	late := time.NewTimer(maxPrepare)
	defer late.Stop()
	select {
	case <-n.cfg.Engine.prepare(wanted):
	case <-late.C:
	}
}

// ViewerRequest implements edge.Events.
func (n *Node) ViewerRequest(ctx context.Context, in *event.Info, r *message.Request) event.Outcome {
	f := in.Behavior.ViewerRequest
	if f == nil {
		return event.Outcome{}
	}
	e := newEvent(event.ViewerRequest, in, r, nil)
	returned, fault := n.run(ctx, in, f, e, n.environment(in, r, true))
	switch {
	case fault != nil:
		return event.Outcome{Fault: fault}
	case returned.Response != nil:
		return returned.Response.response(nil, nil)
	}
	return event.Outcome{
		Request: returned.Request.apply(&e.Request, r, in.Added), Target: returned.Target, Rerouted: returned.Changes.Encode(),
	}
}

// ViewerResponse implements edge.Events.
func (n *Node) ViewerResponse(ctx context.Context, in *event.Info, r *message.Request, resp *message.Response) event.Outcome {
	f := in.Behavior.ViewerResponse
	if f == nil {
		return event.Outcome{}
	}
	e := newEvent(event.ViewerResponse, in, r, resp)
	returned, fault := n.run(ctx, in, f, e, n.environment(in, r, false))
	if fault != nil {
		return event.Outcome{Fault: fault}
	}
	return returned.Response.response(e.Response, resp)
}

// environment is what functions are told beside the event, as JSON: by the method
// rawQueryString and, at a viewer's request, the module cloudfront.
func (n *Node) environment(in *event.Info, r *message.Request, where bool) func() string {
	return func() string { return n.describe(in, r, where) }
}

func (n *Node) describe(in *event.Info, r *message.Request, where bool) string {
	type location struct {
		Name     string `json:"name"`
		ServerIP string `json:"serverIp,omitempty"`
		Region   string `json:"region,omitempty"`
	}
	about := struct {
		Query *string   `json:"rawQueryString,omitempty"`
		Edge  *location `json:"edgeLocation,omitempty"`
	}{}
	if r.Query != "" {
		about.Query = &r.Query
	}
	if where {
		about.Edge = &location{Name: n.cfg.POP, Region: n.cfg.Region}
		if in.Edge.IsValid() {
			about.Edge.ServerIP = in.Edge.String()
		}
	}
	b, _ := json.Marshal(about) // strings always can be
	return string(b)
}

// The sentences that viewers are told.
const (
	didNotRun   = "The function associated with this distribution is invalid or could not be run."
	notValid    = "The function associated with this distribution returned something that is not valid."
	tooManyRuns = "The function associated with this distribution is run too often at present."
)

// run runs a function for a viewer, or for whoever wants to know what it would do.
func (n *Node) run(ctx context.Context, in *event.Info, f *functions.Function, e *Event, environment func() string) (Returned, *event.Fault) {
	quiet := in.Report != nil && in.Report.Quiet
	note := func(level slog.Level, what string, value any) {
		if !quiet {
			n.cfg.Logger.Log(ctx, level, "function", "function", f.Name, "distribution", in.Plan.ID, what, value)
		}
	}
	count := func(outcome string) {
		if !quiet {
			n.runs.WithLabelValues(outcome).Inc()
		}
	}
	report, err := n.cfg.Engine.run(ctx, Run{
		Event: e, Function: f, Environment: environment, Values: in.State.KeyValues, Now: in.Now, Owner: in.Plan.ID,
	})
	if errors.Is(err, errThrottled) || err != nil && ctx.Err() != nil {
		report.Failure, err = &Failure{event.FunctionThrottled, tooManyRuns}, nil
	}
	report.settle(in)
	for _, line := range report.Logs {
		note(slog.LevelInfo, "log", line)
	}
	report.tell(in.Report, f, err)
	switch {
	case err != nil:
		note(slog.LevelError, "err", err)
		count("error")
		return Returned{}, &event.Fault{Status: 503, Result: event.FunctionExecution, Sentence: didNotRun}
	case report.Failure == nil:
		count("ok")
		return report.Returned, nil
	case report.Failure.Result == event.FunctionThrottled:
		count("throttled")
		return Returned{}, &event.Fault{Status: 503, Result: event.FunctionThrottled, Sentence: tooManyRuns}
	case report.Failure.Result == event.FunctionValidation:
		note(slog.LevelInfo, "validation error", report.Failure.Message)
		count("validation")
		return Returned{}, &event.Fault{Status: 502, Result: event.FunctionValidation, Sentence: notValid}
	}
	note(slog.LevelInfo, "execution error", report.Failure.Message)
	count("execution")
	return Returned{}, &event.Fault{Status: 503, Result: event.FunctionExecution, Sentence: didNotRun}
}

// tell fills in what is to be told of a run.
func (r *Report) tell(to *event.Report, f *functions.Function, err error) {
	if to == nil {
		return
	}
	to.Function, to.Utilization = f.Name, r.Utilization
	switch {
	case err != nil:
		to.Why = err.Error()
	case r.Failure != nil:
		to.Why = r.Failure.Message
	}
}
