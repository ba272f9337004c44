package tracing

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Settings are what a person says of tracing. What is not said is taken from OpenTelemetry's environment variables,
// as its specification has it; --otlp and --trace-sample go before them.
type Settings struct {
	// URL is the collector's, --otlp: "http://127.0.0.1:4318". Without a path it is that of
	// traces by the protocol, /v1/traces. "": OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, then OTEL_EXPORTER_OTLP_ENDPOINT
	// with that path; where there is none nothing is traced.
	URL string
	// Sample is which part of all traces that begin here is recorded, --trace-sample: 0 to 1. Where somebody else began
	// one, that one decides. Below 0: by OTEL_TRACES_SAMPLER, and else Default.
	Sample, Default float64
}

// defaultPath is where collectors take traces (OTLP specification, "OTLP/HTTP request").
const defaultPath = "/v1/traces"

// endpoint returns the URL to send to, "" where nothing is to be traced.
func (s Settings) endpoint() (string, error) {
	if strings.EqualFold(strings.TrimSpace(os.Getenv("OTEL_SDK_DISABLED")), "true") {
		return "", nil
	}
	for _, from := range []struct {
		name, value string
		whole       bool // the value is the URL of traces as it is
	}{
		{"--otlp", s.URL, false},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), false},
	} {
		if from.value = strings.TrimSpace(from.value); from.value == "" {
			continue
		}
		if from.name != "--otlp" && strings.EqualFold(os.Getenv("OTEL_TRACES_EXPORTER"), "none") {
			return "", nil
		}
		u, err := url.Parse(from.value)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			return "", fmt.Errorf("%s %q is not a collector's URL: write http://HOST:4318", from.name, from.value)
		}
		if port := u.Port(); port != "" {
			if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
				return "", fmt.Errorf("%s %q: there is no port %s", from.name, from.value, port)
			}
		}
		p := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"))
		if from.name != "--otlp" && p != "" && p != "http/protobuf" {
			return "", fmt.Errorf("%s is set, and OTEL_EXPORTER_OTLP_PROTOCOL is %s: traces are sent by http/protobuf alone; give --otlp http://HOST:4318, or set OTEL_SDK_DISABLED=true", from.name, p)
		}
		switch {
		case from.whole:
		case from.name == "--otlp" && u.Path != "" && u.Path != "/":
		default:
			u.Path = strings.TrimSuffix(u.Path, "/") + defaultPath
		}
		return u.String(), nil
	}
	return "", nil
}

// sampler says which traces are recorded.
func (s Settings) sampler() (sdktrace.Sampler, error) {
	if s.Sample > 1 || s.Sample != s.Sample {
		return nil, fmt.Errorf("--trace-sample %v: use a part of all traces, 0 to 1", s.Sample)
	}
	if s.Sample >= 0 {
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(s.Sample)), nil
	}
	ratio := 1.0
	if arg := strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER_ARG")); arg != "" {
		var err error
		if ratio, err = strconv.ParseFloat(arg, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
			return nil, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG %q: use a part of all traces, 0 to 1", arg)
		}
	}
	switch name := strings.ToLower(strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER"))); name {
	case "":
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(s.Default)), nil
	case "always_on":
		return sdktrace.AlwaysSample(), nil
	case "always_off":
		return sdktrace.NeverSample(), nil
	case "traceidratio":
		return sdktrace.TraceIDRatioBased(ratio), nil
	case "parentbased_always_on":
		return sdktrace.ParentBased(sdktrace.AlwaysSample()), nil
	case "parentbased_always_off":
		return sdktrace.ParentBased(sdktrace.NeverSample()), nil
	case "parentbased_traceidratio":
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio)), nil
	default:
		return nil, fmt.Errorf("OTEL_TRACES_SAMPLER %q is none that is known here: use parentbased_traceidratio and OTEL_TRACES_SAMPLER_ARG, or --trace-sample", name)
	}
}
