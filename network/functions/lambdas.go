package functions

import (
	"context"

	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/function"
	"github.com/warmfront/warmfront/edge/lambda"
	"github.com/warmfront/warmfront/edge/message"
)

// Events runs what behaviors have at viewers' events: CloudFront functions, or Lambda
// functions, never both (developer guide, "Restrictions on all edge functions").
type Events struct {
	Functions *function.Node
	Lambdas   *lambda.Functions
}

// ViewerRequest implements edge.Events.
func (e Events) ViewerRequest(ctx context.Context, in *event.Info, r *message.Request) event.Outcome {
	if in.Behavior.Lambdas.OfViewer() {
		return e.Lambdas.ViewerRequest(ctx, in, r)
	}
	return e.Functions.ViewerRequest(ctx, in, r)
}

// ViewerResponse implements edge.Events.
func (e Events) ViewerResponse(ctx context.Context, in *event.Info, r *message.Request, resp *message.Response) event.Outcome {
	if in.Behavior.Lambdas.OfViewer() {
		return e.Lambdas.ViewerResponse(ctx, in, r, resp)
	}
	return e.Functions.ViewerResponse(ctx, in, r, resp)
}
