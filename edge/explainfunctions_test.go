package edge

import (
	"context"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/explain"
	"github.com/warmfront/warmfront/edge/message"
)

// rewriting is a function that sends every request to /new.
type rewriting struct{}

func (rewriting) ViewerRequest(_ context.Context, _ *event.Info, r *message.Request) event.Outcome {
	rewritten := *r
	rewritten.Path = "/new"
	return event.Outcome{Request: &rewritten}
}

func (rewriting) ViewerResponse(context.Context, *event.Info, *message.Request, *message.Response) event.Outcome {
	return event.Outcome{}
}

// TestExplainedFunctions: an explanation alone runs none and says so; with the answer it is
// of the request as the function left it.
func TestExplainedFunctions(t *testing.T) {
	lambda := "<LambdaFunctionAssociations><Quantity>1</Quantity><Items><LambdaFunctionAssociation><LambdaFunctionARN>arn:aws:lambda:us-east-1:123456789012:function:f:1</LambdaFunctionARN><EventType>viewer-request</EventType></LambdaFunctionAssociation></Items></LambdaFunctionAssociations>"
	n := newExplained(t, site{behaviors: []behavior{{policy: optimized, more: lambda}}}, numbered())
	if !n.state.Load().Plans["E1"].Behaviors[0].HasViewerEvents() {
		t.Fatal("no function is configured")
	}
	n.edge.cfg.Events = rewriting{}
	if x := n.why(n.request("GET", "/a")); x.Functions != explain.NotRun || x.Key[2].Value != "/a" || n.at.count() != 0 {
		t.Errorf("alone: %+v", x)
	}
	said := strings.Join(fieldsOf(n.get("/a", explain.Header, explain.Too), explain.Header), "\n")
	if !strings.Contains(said, explain.Ran+"GET /new") || !strings.Contains(said, "cache key: path: /new") || strings.Contains(said, "path: /a") {
		t.Errorf("with the answer: %s", said)
	}
}
