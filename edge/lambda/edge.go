package lambda

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/message"
)

// ViewerRequest implements edge.Events.
func (f *Functions) ViewerRequest(ctx context.Context, in *event.Info, r *message.Request) event.Outcome {
	l := in.Behavior.Lambdas.ViewerRequest
	if l == nil || in.Report != nil && in.Report.Quiet {
		return event.Outcome{}
	}
	given := *r
	given.Header = append(r.Header.Clone(len(in.Added)), in.Added...)
	out := f.at(ctx, l, &Input{Event: ViewerRequest, Plan: in.Plan, RequestID: in.RequestID, Request: &given})
	if made := out.Request; made != nil {
		// What the edge added for the function's sake is none of the viewer's.
		made.Header.Filter(func(h message.Field) bool { return !in.Added.Has(h.Name) || r.Header.Has(h.Name) })
		out.Request = made
	}
	if rep := in.Report; rep != nil {
		if rep.Function = l.ARN; out.Fault != nil {
			rep.Why = out.Fault.Why
		}
	}
	return out.event()
}

// ViewerResponse implements edge.Events.
func (f *Functions) ViewerResponse(ctx context.Context, in *event.Info, r *message.Request, resp *message.Response) event.Outcome {
	l := in.Behavior.Lambdas.ViewerResponse
	if l == nil {
		return event.Outcome{}
	}
	return f.at(ctx, l, &Input{Event: ViewerResponse, Plan: in.Plan, RequestID: in.RequestID, Request: r, Response: resp}).event()
}

// OriginRequest implements fetch.OriginEvents. The origin's path is no part of the uri, and
// its custom headers are its own: both are put to the request that comes back.
func (f *Functions) OriginRequest(ctx context.Context, in *event.Info, o *origins.Origin, r *message.Request) (*origins.Origin, event.Outcome) {
	l := in.Behavior.Lambdas.OriginRequest
	if l == nil {
		return o, event.Outcome{}
	}
	out := f.at(ctx, l, &Input{Event: OriginRequest, Plan: in.Plan, RequestID: in.RequestID, Request: seen(r, o), Origin: o})
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
func (f *Functions) OriginResponse(ctx context.Context, in *event.Info, o *origins.Origin, r *message.Request, resp *message.Response) event.Outcome {
	l := in.Behavior.Lambdas.OriginResponse
	if l == nil {
		return event.Outcome{}
	}
	return f.at(ctx, l, &Input{Event: OriginResponse, Plan: in.Plan, RequestID: in.RequestID, Request: seen(r, o), Response: resp}).event()
}

// at runs a function, as a span where the request is traced.
func (f *Functions) at(ctx context.Context, l *functions.Lambda, in *Input) Outcome {
	s := span.From(ctx).Child(span.Start{Name: "Lambda " + string(in.Event), Attributes: []span.Attribute{span.String("aws.lambda.invoked_arn", l.ARN)}})
	out := f.shown(ctx, l, in)
	failure := ""
	if out.Fault != nil {
		failure = out.Fault.Error()
	}
	s.End(failure)
	return out
}

// shown runs a function, which is shown the request's body where its behavior says so.
func (f *Functions) shown(ctx context.Context, l *functions.Lambda, in *Input) Outcome {
	r := in.Request
	if !l.IncludeBody || !in.Event.OfRequest() || r.Body == nil {
		return f.Run(ctx, l.ARN, in)
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
	out := f.Run(ctx, l.ARN, in)
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
