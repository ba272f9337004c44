package edge

import (
	"context"

	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/explain"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/result"
)

// Events runs what behaviors have at viewers' events: CloudFront functions, or Lambda
// functions. It is asked for behaviors with any only (cdn.Behavior.HasViewerEvents), and
// may find none at the one of the two events.
type Events interface {
	ViewerRequest(ctx context.Context, in *event.Info, r *message.Request) event.Outcome
	// ViewerResponse is given the request as the cache and the origin saw it, and an answer
	// that is still without the fields that every answer gets.
	ViewerResponse(ctx context.Context, in *event.Info, r *message.Request, resp *message.Response) event.Outcome
}

// serveByFunctions answers a request that passed all checks, of a behavior with functions:
// what the viewer asked goes through one, and what it is answered through the other.
func (x *exchange) serveByFunctions(ctx context.Context) *message.Response {
	if x.edge.cfg.Events == nil {
		return x.failedEvent(&event.Fault{Status: 503, Result: event.FunctionExecution, Sentence: "This edge location does not run functions."})
	}
	info := x.eventInfo()
	switch o := x.atRequest(ctx, info); {
	case o.Fault != nil:
		return x.failedEvent(o.Fault)
	case o.Response != nil:
		return x.generated(o.Response)
	}
	resp := x.serve(ctx)
	// Errors are not shown to functions, wherever they come from (developer guide,
	// "Restrictions on all edge functions"), nor connections that were given over.
	if resp.Status >= 400 || resp.Upgraded != nil {
		return resp
	}
	switch o := x.edge.cfg.Events.ViewerResponse(ctx, info, x.Request, resp); {
	case o.Fault != nil:
		resp.Close()
		return x.failedEvent(o.Fault)
	case o.Response != nil:
		return o.Over(resp, x.Request.Method)
	}
	return resp
}

// atRequest has the function at the viewer's request have its say: on what is asked, and of
// which origin. An explanation is told what it did.
func (x *exchange) atRequest(ctx context.Context, info *event.Info) event.Outcome {
	if x.explained != nil {
		info.Report = &event.Report{Quiet: x.explains == explain.Only}
	}
	before := explain.Asked{Request: x.Request, Target: x.Target}
	o := x.edge.cfg.Events.ViewerRequest(ctx, info, x.Request)
	if o.Request != nil {
		x.rewrite(o.Request)
	}
	if o.Target != nil {
		x.GoTo(*o.Target)
		x.rerouted = o.Rerouted
	}
	if x.explained != nil {
		x.explainFunction(info.Report, o, before)
	}
	return o
}

// eventInfo is what functions are told beside the request.
func (x *exchange) eventInfo() *event.Info {
	return &event.Info{
		State: x.state, Plan: x.Plan, Behavior: x.Behavior, RequestID: x.id, Added: x.Added(), Edge: x.edge.cfg.Node.Addr, Now: x.start,
	}
}

// rewrite goes on with what a function made of the request. The behavior stays, whatever
// the path is now; an invalidation of either path finds what is stored (rule 6 of the
// invalidation guarantee).
func (x *exchange) rewrite(r *message.Request) {
	x.Request = r
	x.AimBy(x.Behavior, r.Path)
	x.uris = x.URIs(x.uris)
	x.key = x.Key(r.Method)
}

// generated answers with what a function made at the viewer's request.
func (x *exchange) generated(resp *message.Response) *message.Response {
	x.done.Type = result.FunctionGenerated
	if x.Behavior.Lambdas.ViewerRequest != nil {
		x.done.Type = result.LambdaGenerated
	}
	return event.Complete(resp, x.Request.Method, x.edge.cfg.Now())
}

// failedEvent answers in place of a function that failed.
func (x *exchange) failedEvent(f *event.Fault) *message.Response {
	resp := x.errorPage(fault{f.Status, f.Sentence})
	x.done.Type = result.OfEvent(f.Result)
	return resp
}
