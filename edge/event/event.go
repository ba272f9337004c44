// Package event is what the edge tells functions at the events of a request, and what they
// tell it: between the edge, which knows no function, and those who run them.
//
// There are four events (developer guide, "CloudFront events that can trigger a function").
// At the viewer's request a function may change the request, or answer it; at the viewer's
// response it may change the answer. The same of the origin's, where a request is made and
// answered that brings an object for all. What a function does is an [Outcome].
package event

import (
	"net/netip"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reroute"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// The events, as CloudFront's API names them.
const (
	ViewerRequest  = "viewer-request"
	OriginRequest  = "origin-request"
	OriginResponse = "origin-response"
	ViewerResponse = "viewer-response"
)

// Info is what is known at an event beside the request. Nothing of it is changed.
type Info struct {
	// State is the one the request sees to its end: key value stores are read there.
	State    *cdn.State
	Plan     *cdn.Plan
	Behavior *cdn.Behavior
	// RequestID is the request's X-Amz-Cf-Id. It lives as long as the request.
	RequestID string
	// Added are the fields that CloudFront adds to the request because a policy of the
	// behavior names them (CloudFront-Viewer-Country, …).
	Added message.Header
	// Edge is the address of the node, as far as it is known.
	Edge netip.Addr
	// Now is the time that freshness goes by.
	Now time.Time
	// Report is what is to be told of a run at the viewer's request; nil: nothing.
	Report *Report
}

// Report is what becomes known of a run where somebody asks.
type Report struct {
	// Quiet asks that nothing is left of the run but this: no line of a log, no figure,
	// nothing in the function's own memory. What cannot promise that does not run.
	Quiet bool

	Function string // its name; "" where none ran
	// Utilization is the compute that it took, in hundredths of what it may.
	Utilization int
	// Why says why it failed, in words for its author.
	Why string
}

// Outcome is what came of a function: a request, an answer, or a fault; none, if everything
// stays as it was.
type Outcome struct {
	// Request goes on in place of the one the function was given, and shares no string
	// with it that does not live as long.
	Request *message.Request
	// Response is the answer: of the function's own making at a request, in place of the
	// one it was given at a response. A Body that is nil where the given one has one
	// leaves that body as it is; NoBody takes it away.
	Response *message.Response
	NoBody   bool
	// Target is where a request goes, changed or not; nil: where its behavior says. Rerouted
	// tells other nodes so.
	Target   *reroute.Target
	Rerouted string
	// Fault is why there is neither: the viewer is told.
	Fault *Fault
}

// Fault is how a function failed.
type Fault struct {
	Status int // of the answer
	// Result is CloudFront's result type, such as "FunctionExecutionError".
	Result Result
	// Sentence is what the viewer is told: nothing of what the function said.
	Sentence string
}

// Result is a result type that only functions bring about (developer guide, "Standard
// logging reference", x-edge-result-type).
type Result string

// The result types.
const (
	FunctionGenerated  Result = "FunctionGeneratedResponse"
	FunctionExecution  Result = "FunctionExecutionError"
	FunctionThrottled  Result = "FunctionThrottledError"
	FunctionValidation Result = "FunctionValidationError"
	LambdaGenerated    Result = "LambdaGeneratedResponse"
	LambdaExecution    Result = "LambdaExecutionError"
	LambdaLimit        Result = "LambdaLimitExceeded"
	LambdaValidation   Result = "LambdaValidationError"
)

// Over returns what a viewer is answered once a function has changed an answer to a request
// of that method: the function's status and fields, and its body where it has one.
func (o Outcome) Over(resp *message.Response, method string) *message.Response {
	made := o.Response
	if made.Body == nil && !o.NoBody {
		made.Body, made.Length, made.Live, made.Trailer = resp.Body, resp.Length, resp.Live, resp.Trailer
		return made
	}
	resp.Close()
	if o.NoBody {
		made.Length = 0
	}
	return withoutBody(made, method)
}

// Complete gives an answer that a function made what every answer has.
func Complete(resp *message.Response, method string, now time.Time) *message.Response {
	if !resp.Header.Has("Server") {
		resp.Header.Add("Server", "CloudFront")
	}
	if !resp.Header.Has("Date") {
		resp.Header.Add("Date", rfc9111.FormatDate(now))
	}
	return withoutBody(resp, method)
}

// withoutBody takes the body away where the method has none in its answers.
func withoutBody(resp *message.Response, method string) *message.Response {
	if method == "HEAD" {
		resp.Close()
		resp.Body = nil
	}
	return resp
}
