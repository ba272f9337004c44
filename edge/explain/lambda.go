package explain

import (
	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/event"
)

// Lambda is a Lambda@Edge function of the behavior that applies.
type Lambda struct {
	Event string `json:"event"`
	ARN   string `json:"arn"`
	// Runs is whether the edge knows what program it is. Where it does not, what comes to the
	// function is answered with 503, LambdaExecutionError.
	Runs bool `json:"runs"`
}

// LambdasOf are the functions of a behavior; runs says of which the program is known.
func LambdasOf(b *cdn.Behavior, runs func(arn string) bool) (all []Lambda) {
	for _, name := range [...]string{event.ViewerRequest, event.OriginRequest, event.OriginResponse, event.ViewerResponse} {
		if l := *b.Lambdas.At(name); l != nil {
			all = append(all, Lambda{name, l.ARN, runs(l.ARN)})
		}
	}
	return all
}

// String is "origin-request: arn:aws:lambda:…".
func (l Lambda) String() string {
	if l.Runs {
		return l.Event + ": " + l.ARN
	}
	return l.Event + ": " + l.ARN + ", which nothing here runs: 503 to what comes to it, until the edge is started with --lambda " + l.ARN + "=PROGRAM"
}
