package functions

import (
	"context"

	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/function"
	"github.com/warmfront/warmfront/edge/lambda"
	"github.com/warmfront/warmfront/edge/message"
)

// Events runs what behaviors have at viewers' events: CloudFront functions, or Lambda
// functions, never both (developer guide, "Restrictions on all edge functions").
type Events struct {
	Functions *function.Node
	Lambdas   *lambda.Node
}

// ViewerRequest implements edge.Events.
func (e Events) ViewerRequest(ctx context.Context, in *event.Info, r *message.Request) event.Outcome {
	if in.Behavior.Lambdas.OfViewer() {
		return e.Lambdas.ViewerRequest(ctx, in, r)
	}
	s := began(ctx, "viewer-request", in.Behavior.ViewerRequest)
	return ended(s, e.Functions.ViewerRequest(ctx, in, r))
}

// ViewerResponse implements edge.Events.
func (e Events) ViewerResponse(ctx context.Context, in *event.Info, r *message.Request, resp *message.Response) event.Outcome {
	if in.Behavior.Lambdas.OfViewer() {
		return e.Lambdas.ViewerResponse(ctx, in, r, resp)
	}
	s := began(ctx, "viewer-response", in.Behavior.ViewerResponse)
	return ended(s, e.Functions.ViewerResponse(ctx, in, r, resp))
}

// began begins the span of a CloudFront function, where the request is traced and there is one at the event.
func began(ctx context.Context, at string, f *functions.Function) *span.Span {
	of := span.From(ctx)
	if of == nil || f == nil {
		return nil
	}
	return of.Child(span.Start{Name: "function " + at, Attributes: []span.Attribute{span.String("faas.name", f.Name)}})
}

func ended(s *span.Span, out event.Outcome) event.Outcome {
	failure := ""
	if out.Fault != nil {
		failure = string(out.Fault.Result) + ": " + out.Fault.Sentence
	}
	s.End(failure)
	return out
}
