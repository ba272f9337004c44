package tracing

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/warmfront/warmfront/cdn/span"
)

// tracer implements span.Tracer.
type tracer struct{ of trace.Tracer }

// Start implements span.Tracer.
func (t tracer) Start(s span.Start) span.Recorder {
	options := []trace.SpanStartOption{trace.WithSpanKind(kinds(s.Kind))}
	if !s.At.IsZero() {
		options = append(options, trace.WithTimestamp(s.At))
	}
	if len(s.Attributes) > 0 {
		options = append(options, trace.WithAttributes(convert(s.Attributes)...))
	}
	for _, l := range s.Links {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: contextOf(l)}))
	}
	ctx := context.Background()
	if s.Parent.Valid() {
		ctx = trace.ContextWithSpanContext(ctx, contextOf(s.Parent))
	}
	_, begun := t.of.Start(ctx, own(s.Name), options...)
	return recorder{begun}
}

func kinds(k span.Kind) trace.SpanKind {
	switch k {
	case span.Server:
		return trace.SpanKindServer
	case span.Client:
		return trace.SpanKindClient
	case span.Internal:
	}
	return trace.SpanKindInternal
}

// contextOf is a context in OpenTelemetry's terms. A state that is not one is left out.
func contextOf(c span.Context) trace.SpanContext {
	state, err := trace.ParseTraceState(c.State)
	if err != nil {
		state = trace.TraceState{}
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: c.TraceID, SpanID: c.SpanID, TraceFlags: trace.TraceFlags(c.Flags), TraceState: state, Remote: c.Remote,
	})
}

// recorder implements span.Recorder.
type recorder struct{ of trace.Span }

// Context implements span.Recorder.
func (r recorder) Context() span.Context {
	c := r.of.SpanContext()
	return span.Context{TraceID: c.TraceID(), SpanID: c.SpanID(), Flags: byte(c.TraceFlags()), State: c.TraceState().String()}
}

// Set implements span.Recorder.
func (r recorder) Set(attributes ...span.Attribute) {
	if r.of.IsRecording() {
		r.of.SetAttributes(convert(attributes)...)
	}
}

// End implements span.Recorder.
func (r recorder) End(at time.Time, name, failure string) {
	if !r.of.IsRecording() {
		return
	}
	if name != "" {
		r.of.SetName(own(name))
	}
	if failure != "" {
		r.of.SetStatus(codes.Error, own(failure))
	}
	if at.IsZero() {
		at = time.Now()
	}
	r.of.End(trace.WithTimestamp(at))
}

// own is a copy of a text that may be part of a request: its memory is used again before the span has been sent, and
// it may hold whatever a stranger sent, where one octet that is not of UTF-8 would keep a whole batch from being sent.
func own(s string) string { return strings.ToValidUTF8(strings.Clone(s), "\uFFFD") }

// convert makes attributes of ours OpenTelemetry's.
func convert(attributes []span.Attribute) []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(attributes)+4)
	for _, a := range attributes {
		switch v := a.Value.(type) {
		case string:
			out = append(out, attribute.String(a.Key, own(v)))
		case int:
			out = append(out, attribute.Int(a.Key, v))
		case float64:
			out = append(out, attribute.Float64(a.Key, v))
		case bool:
			out = append(out, attribute.Bool(a.Key, v))
		case []string:
			list := make([]string, len(v))
			for i := range v {
				list[i] = own(v[i])
			}
			out = append(out, attribute.StringSlice(a.Key, list))
		}
	}
	return out
}

// Handler has what a net/http server answers be spans of t, parts of what the requests say that they are parts of where
// believe is set; what they say is a link otherwise. A nil t changes nothing.
func Handler(t span.Tracer, believe bool, next http.Handler, facts func(*http.Request) []span.Attribute) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := span.Start{Name: r.Method, Kind: span.Server}
		from := span.Parse(r.Header.Get(span.Traceparent), r.Header.Get(span.Tracestate))
		if believe {
			begin.Parent = from
		} else {
			begin.Links = []span.Context{from}
		}
		s := span.Begin(t, begin)
		s.Set(span.String("http.request.method", r.Method), span.String("url.path", r.URL.Path), span.String("server.address", r.Host),
			span.String("user_agent.original", r.UserAgent()))
		if facts != nil && s.Recorded() {
			s.Set(facts(r)...)
		}
		answer := &answering{ResponseWriter: w}
		defer func() {
			failure := ""
			if answer.status >= 500 {
				failure = strconv.Itoa(answer.status) + " " + http.StatusText(answer.status)
			}
			s.Set(span.Int("http.response.status_code", max(answer.status, 0)))
			s.End(failure)
		}()
		next.ServeHTTP(answer, r.WithContext(span.With(r.Context(), s)))
		if answer.status == 0 {
			answer.status = http.StatusOK
		}
	})
}

// answering notes the status of an answer.
type answering struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (a *answering) WriteHeader(status int) {
	if a.status < 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// ReadFrom implements io.ReaderFrom, so that files are still sent by the kernel.
func (a *answering) ReadFrom(r io.Reader) (int64, error) { return io.Copy(a.ResponseWriter, r) }

// Unwrap is for http.ResponseController.
func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }
