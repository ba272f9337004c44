package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/warmfront/warmfront/network/tracing"
)

// traceFlags say where traces go, and which.
type traceFlags struct {
	url     string
	sample  float64
	viewers bool
}

func (f *traceFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "otlp", "", "send traces to an OpenTelemetry collector, by OTLP over HTTP, such as http://127.0.0.1:4318 (default: OTEL_EXPORTER_OTLP_ENDPOINT's, else none are made)")
	flags.Float64Var(&f.sample, "trace-sample", 1, "part of the traces that begin here which is recorded, 0 to 1 (default: OTEL_TRACES_SAMPLER's, else 1 in a sandbox and 0.01 elsewhere)")
	flags.Lookup("trace-sample").DefValue = ""
}

// addViewers adds the flag for those who are asked by viewers. In a sandbox it is on.
func (f *traceFlags) addViewers(flags *pflag.FlagSet) {
	flags.BoolVar(&f.viewers, "trace-viewers", false, "take the word of whoever asks for which trace a request is part of, and whether it is recorded (always in a sandbox)")
}

// open makes what sends traces, nil for nothing.
func (f *traceFlags) open(flags *pflag.FlagSet, sandbox bool, log *slog.Logger) (*tracing.Exporter, error) {
	s := tracing.Settings{URL: f.url, Sample: -1, Default: 0.01} // where nothing is said of it
	if sandbox {
		s.Default = 1
	}
	if flags.Changed("trace-sample") {
		if s.Sample = f.sample; !(f.sample >= 0) {
			return nil, fmt.Errorf("--trace-sample %v: use a part of all traces, 0 to 1", f.sample)
		}
	}
	return tracing.New(s, version, log)
}
