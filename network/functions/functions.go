// Package functions hands the engine that runs CloudFront functions to those who use it:
// edges at viewers' events, and control to test them. Both run the same code in the same
// way, so that what a test says is what a viewer gets.
package functions

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/keyvalues"
	"github.com/warmfront/warmfront/control/api/resource"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/function"
	"github.com/warmfront/warmfront/geo"
)

// NewEngine makes an engine that keeps what it compiles in the user's cache folder, or in
// a folder of a program's own where there is no such: 10 MB, from which the next process
// starts in a fifth of a second instead of seconds.
func NewEngine(own string) *function.Engine {
	dir, err := os.UserCacheDir()
	if err == nil {
		dir = filepath.Join(dir, "warmfront")
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		dir = own
	}
	return function.NewEngine(filepath.Join(dir, "functions"))
}

// Tester tests functions for control.
type Tester struct{ Engine *function.Engine }

// Test implements resource.Functions.
func (t Tester) Test(f *functions.Function, object []byte, values func(store string) *keyvalues.Values, now time.Time) (resource.Tested, error) {
	e, err := function.ParseEvent(object)
	if err != nil {
		return resource.Tested{Refused: err.Error()}, nil
	}
	report, err := t.Engine.Test(context.Background(), function.Run{Event: e, Function: f, Environment: func() string { return function.TestEnvironment(e) }, Values: values, Now: now})
	if err != nil {
		return resource.Tested{}, err
	}
	tested := resource.Tested{Logs: report.Logs, Utilization: report.Utilization}
	switch {
	case report.Failure != nil && report.Failure.Result == event.FunctionValidation:
		tested.Failed, tested.Output = report.Failure.Message, wrapped(report)
	case report.Failure != nil:
		tested.Failed = "The CloudFront function associated with the CloudFront distribution is invalid or could not run. " + report.Failure.Message
	default:
		tested.Output = wrapped(report)
	}
	return tested, nil
}

// wrapped is what was returned as TestFunction tells it: under the name of what it is.
func wrapped(r function.Report) string {
	switch {
	case r.Value == nil:
		return ""
	case r.Returned.Response != nil:
		return `{"response":` + r.Value.JSON() + `}`
	}
	return `{"request":` + r.Value.JSON() + `}`
}

// NewNode makes what runs the functions of a node in a city.
func NewNode(engine *function.Engine, own string, all *geo.Catalogue, pop geo.POP, log *slog.Logger, r *prometheus.Registry) *function.Node {
	if engine == nil {
		engine = NewEngine(own)
	}
	return function.NewNode(function.Config{Engine: engine, POP: pop.Code, Region: all.NearestRegional(pop).Region, Logger: log, Registry: r})
}
