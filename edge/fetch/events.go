package fetch

import (
	"context"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/originauth"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// OriginEvents runs the Lambda functions that behaviors have at origins' events. It is
// asked for behaviors with any only, and may find none at the one of the two events.
type OriginEvents interface {
	// Runs reports whether a function can be run at all: where its program is not known, all
	// that comes to it fails.
	Runs(arn string) bool
	// OriginRequest is given a request to an origin before it is signed, and returns the
	// origin that it goes to.
	OriginRequest(ctx context.Context, in *event.Info, o *origins.Origin, r *message.Request) (*origins.Origin, event.Outcome)
	// OriginResponse is given what the origin answered to the request that it was sent.
	OriginResponse(ctx context.Context, in *event.Info, o *origins.Origin, r *message.Request, resp *message.Response) event.Outcome
}

// EventError is why there is no answer where a function failed. Nobody else is asked then:
// it is no failure of the origin.
type EventError struct{ *event.Fault }

func (e *EventError) Error() string { return e.Result() + ": " + e.Fault.Sentence }

// Result is CloudFront's result type.
func (e *EventError) Result() string { return string(e.Fault.Result) }

// Passing reports whether asking again may well be answered: too many events were under way.
func (e *EventError) Passing() bool { return e.Fault.Result == event.LambdaLimit }

// Status is the viewer's answer's.
func (e *EventError) Status() int { return e.Fault.Status }

// Sentence is what the viewer is told.
func (e *EventError) Sentence() string { return e.Fault.Sentence }

// askOrigin asks the origin itself, with the functions of the behavior before and after:
// at the node that is nearest to the origin, for what is stored for all.
func (ft *Fetcher) askOrigin(ctx context.Context, q *Question, t Target, with func(*message.Header)) (*message.Response, error) {
	if q.Behavior == nil || !q.Behavior.Lambdas.OfOrigin() {
		return ft.do(ctx, q, t, with)
	}
	if ft.Events == nil {
		return nil, &EventError{&event.Fault{Status: 503, Result: event.LambdaExecution, Sentence: "This edge location does not run functions."}}
	}
	if with != nil { // functions see by which condition it is asked for
		with(&t.Request.Header)
	}
	in := &event.Info{State: ft.State(), Plan: q.Plan, Behavior: q.Behavior, RequestID: t.Request.Header.Get("X-Amz-Cf-Id"), Now: ft.Now()}
	o, out := ft.Events.OriginRequest(ctx, in, t.Origin, t.Request)
	switch t.Origin = o; {
	case out.Fault != nil:
		return nil, &EventError{out.Fault}
	case out.Response != nil:
		if !out.Response.Header.Has("Date") {
			out.Response.Header.Add("Date", rfc9111.FormatDate(in.Now))
		}
		return out.Response, nil
	case out.Request != nil:
		t.Request = out.Request
	}
	resp, err := ft.do(ctx, q, t, nil)
	if err != nil || resp.Upgraded != nil {
		return resp, err
	}
	out = ft.Events.OriginResponse(ctx, in, t.Origin, t.Request, resp)
	switch made := out.Response; {
	case out.Fault != nil:
		resp.Close()
		return nil, &EventError{out.Fault}
	case made == nil:
	case made.Body == nil && !out.NoBody:
		resp.Status, resp.Header = made.Status, made.Header
	default:
		resp.Close()
		return made, nil
	}
	return resp, nil
}

// do signs and sends a request.
func (ft *Fetcher) do(ctx context.Context, q *Question, t Target, with func(*message.Header)) (*message.Response, error) {
	if err := originauth.Sign(ft.Signer, t.Request, q.Plan, t.Origin); err != nil {
		return nil, err
	}
	if with != nil {
		with(&t.Request.Header)
	}
	s := beginAsking(ctx, t)
	resp, err := ft.timed(q.Timing, t, func() (*message.Response, error) { return ft.Origin.Do(ctx, t.Origin, t.Request) })
	ft.Asked(resp, err)
	return endAsking(s, resp, err)
}
