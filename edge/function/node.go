package function

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/function/quickjs"
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
	cfg   Config
	slots chan struct{} // one for each run under way

	mu    sync.Mutex
	pools map[poolKey]*pool
	clock uint64

	runs *prometheus.CounterVec
}

// poolKey is what an instance may be used again for: the same version of a function for
// the same distribution.
type poolKey struct{ distribution, name, etag, code string }

// pool holds the instances that are at rest.
type pool struct {
	idle []*quickjs.Instance
	used uint64
}

const (
	// maxPools is how many functions of how many distributions have instances at rest.
	maxPools = 64
	// maxWait is how long a run waits for another one to end.
	maxWait = time.Second
)

// NewNode makes what runs a node's functions.
func NewNode(cfg Config) *Node {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Node{cfg: cfg, slots: make(chan struct{}, 4*runtime.GOMAXPROCS(0)), pools: map[poolKey]*pool{}}
	n.runs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warmfront_edge_function_runs_total", Help: "Runs of CloudFront functions by what came of them.",
	}, []string{"outcome"})
	if cfg.Registry != nil {
		cfg.Registry.MustRegister(n.runs)
	}
	return n
}

// Prepare has what a new state's functions need made ready, so that no viewer waits for it.
// It does not wait for that itself.
func (n *Node) Prepare(s *cdn.State) {
	for _, p := range s.Plans {
		for i := range p.Behaviors {
			for _, f := range [...]*functions.Function{p.Behaviors[i].ViewerRequest, p.Behaviors[i].ViewerResponse} {
				if f != nil {
					n.cfg.Engine.prepare(f)
				}
			}
		}
	}
}

// Close frees the instances at rest.
func (n *Node) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key, p := range n.pools {
		p.close()
		delete(n.pools, key)
	}
	return nil
}

func (p *pool) close() {
	for _, i := range p.idle {
		i.Close()
	}
	p.idle = nil
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
func (n *Node) environment(in *event.Info, r *message.Request, where bool) string {
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
func (n *Node) run(ctx context.Context, in *event.Info, f *functions.Function, e *Event, environment string) (Returned, *event.Fault) {
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
	if !n.enter(ctx) {
		count("throttled")
		(&Report{Failure: &Failure{event.FunctionThrottled, tooManyRuns}}).tell(in.Report, f, nil)
		return Returned{}, &event.Fault{Status: 503, Result: event.FunctionThrottled, Sentence: tooManyRuns}
	}
	defer func() { <-n.slots }()
	r := Run{Event: e, Function: f, Environment: environment, Values: in.State.KeyValues, Now: in.Now}
	var report Report
	var err error
	if quiet { // in a copy of its own: what code keeps in its module's scope is for viewers' requests
		report, err = n.cfg.Engine.Test(r)
	} else {
		report, err = n.runIn(poolKey{in.Plan.ID, f.Name, f.ETag, f.Code}, r)
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

// enter waits until there are few enough runs under way for one more.
func (n *Node) enter(ctx context.Context) bool {
	select {
	case n.slots <- struct{}{}:
		return true
	default:
	}
	wait := time.NewTimer(maxWait)
	defer wait.Stop()
	select {
	case n.slots <- struct{}{}:
		return true
	case <-wait.C:
	case <-ctx.Done():
	}
	return false
}

// runIn runs a function in an instance of its pool.
func (n *Node) runIn(key poolKey, r Run) (Report, error) {
	i := n.take(key)
	if i == nil {
		p, err := n.cfg.Engine.program(r.Function)
		if err != nil {
			return failed(err)
		}
		if i, err = p.New(); err != nil {
			return Report{}, err
		}
	}
	report, again, err := run(i, r)
	if !again || !n.give(key, i) {
		i.Close()
	}
	return report, err
}

// take returns an instance at rest, nil if there is none.
func (n *Node) take(key poolKey) *quickjs.Instance {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.pools[key]
	if p == nil || len(p.idle) == 0 {
		return nil
	}
	i := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return i
}

// give keeps an instance, if there is room.
func (n *Node) give(key poolKey, i *quickjs.Instance) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clock++
	p := n.pools[key]
	if p == nil {
		p = &pool{}
		n.pools[key] = p
		n.dropOther(key)
	}
	p.used = n.clock
	if len(p.idle) >= runtime.GOMAXPROCS(0) {
		return false
	}
	p.idle = append(p.idle, i)
	return true
}

// dropOther frees instances of other versions of a function, and of whoever was not run
// for longest where there are too many.
func (n *Node) dropOther(key poolKey) {
	var oldest *poolKey
	for k, p := range n.pools {
		switch {
		case k == key:
		case k.distribution == key.distribution && k.name == key.name:
			p.close()
			delete(n.pools, k)
		case oldest == nil || p.used < n.pools[*oldest].used:
			oldest = &k
		}
	}
	if len(n.pools) > maxPools && oldest != nil {
		n.pools[*oldest].close()
		delete(n.pools, *oldest)
	}
}
