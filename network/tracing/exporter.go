package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/warmfront/warmfront/cdn/span"
)

const (
	// QueueSize is how many spans that have ended wait to be sent at most: those that end when so
	// many wait are dropped.
	QueueSize = 4096
	// batchSize is how many are sent at once, batchDelay how long the first of them waits.
	batchSize  = 512
	batchDelay = 500 * time.Millisecond
	// sendLimit is how long one attempt to send may take, with all that it is repeated.
	sendLimit = 10 * time.Second
	// closeLimit is how long the last of them may take when the process ends.
	closeLimit = 2 * time.Second
)

// limits bound what one span keeps of what strangers send.
func limits() sdktrace.SpanLimits {
	return sdktrace.SpanLimits{AttributeValueLengthLimit: 1024, AttributeCountLimit: 64, EventCountLimit: 8, LinkCountLimit: 8, AttributePerEventCountLimit: 8, AttributePerLinkCountLimit: 8}
}

// Exporter sends spans of all nodes of a process to one collector. Nil traces nothing.
type Exporter struct {
	url, version string
	sampler      sdktrace.Sampler
	queue        *queue
}

// New makes an exporter, nil where nothing is to be traced. Its errors name the flag or the variable
// that is wrong; a collector that does not answer is none.
func New(s Settings, version string, log *slog.Logger) (*Exporter, error) {
	url, err := s.endpoint()
	if err != nil || url == "" {
		return nil, err
	}
	e := &Exporter{url: url, version: version}
	if e.sampler, err = s.sampler(); err != nil {
		return nil, err
	}
	// The library connects when it sends.
	client, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(url),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: 4 * time.Second, MaxElapsedTime: sendLimit}))
	if err != nil {
		return nil, fmt.Errorf("--otlp %s: %w", url, err)
	}
	sends := &sending{exporter: client, log: log, url: url}
	sends.ending, sends.end = context.WithCancel(context.Background())
	e.queue = &queue{sends: sends, batches: sdktrace.NewBatchSpanProcessor(sends,
		sdktrace.WithMaxQueueSize(QueueSize), sdktrace.WithMaxExportBatchSize(batchSize), sdktrace.WithBatchTimeout(batchDelay), sdktrace.WithExportTimeout(sendLimit))}
	return e, nil
}

// URL is where traces are sent, "" for a nil Exporter.
func (e *Exporter) URL() string {
	if e == nil {
		return ""
	}
	return e.url
}

// Tracer returns the tracer of a node: service is "edge", node its id. Nil for a nil Exporter. OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES go before what it says.
func (e *Exporter) Tracer(service, node string, attributes ...span.Attribute) span.Tracer {
	if e == nil {
		return nil
	}
	own := append(convert(attributes),
		attribute.String("service.name", "warmfront-"+service), attribute.String("service.namespace", "warmfront"),
		attribute.String("service.version", e.version), attribute.String("service.instance.id", node))
	// What of the environment cannot be read is left out.
	of, _ := resource.New(context.Background(), resource.WithTelemetrySDK(), resource.WithAttributes(own...), resource.WithFromEnv())
	p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(e.queue), sdktrace.WithResource(of), sdktrace.WithSampler(e.sampler), sdktrace.WithRawSpanLimits(limits()))
	return tracer{p.Tracer("github.com/warmfront/warmfront")}
}

// Close sends what waits, for two seconds at most. A nil Exporter has nothing to send.
func (e *Exporter) Close() {
	if e == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	_ = e.queue.batches.Shutdown(ctx) // a collector that is away is no error of ours, and was logged
	e.queue.sends.end()               // what is still under way
	e.queue.dropped.Add(uint64(max(0, e.queue.waiting())))
}

// Counts are spans by what became of them.
type Counts struct{ Exported, Dropped, Failed uint64 }

// Counts says what became of the spans that have ended: they were exported, dropped because the queue was full
// (or the process ended), or failed to be sent. Those that wait are none of them.
func (e *Exporter) Counts() Counts {
	if e == nil {
		return Counts{}
	}
	return Counts{e.queue.sends.sent.Load(), e.queue.dropped.Load(), e.queue.sends.failed.Load()}
}

// Collector makes Counts a metric; nil for a nil Exporter.
func (e *Exporter) Collector() prometheus.Collector {
	if e == nil {
		return nil
	}
	return counted{e, prometheus.NewDesc("warmfront_trace_spans_total",
		"Spans that have ended, by what became of them: exported, dropped (the queue was full), failed (the collector did not take them).", []string{"outcome"}, nil)}
}

type counted struct {
	*Exporter
	desc *prometheus.Desc
}

func (c counted) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

func (c counted) Collect(to chan<- prometheus.Metric) {
	n := c.Counts()
	for outcome, value := range map[string]uint64{"exported": n.Exported, "dropped": n.Dropped, "failed": n.Failed} {
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(value), outcome)
	}
}

// queue lets no more into the library's queue than that holds, so that what is dropped is known. All nodes' providers
// share it, and none of them ends it.
type queue struct {
	sends   *sending
	batches sdktrace.SpanProcessor
	dropped atomic.Uint64
	taken   atomic.Int64
}

// waiting is how many spans are in the library's queue or on their way.
func (q *queue) waiting() int64 { return q.taken.Load() - q.sends.done.Load() }

// OnStart implements sdktrace.SpanProcessor.
func (q *queue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements sdktrace.SpanProcessor.
func (q *queue) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if q.taken.Add(1)-q.sends.done.Load() > QueueSize {
		q.taken.Add(-1)
		q.dropped.Add(1)
		return
	}
	q.batches.OnEnd(s)
}

// Shutdown implements sdktrace.SpanProcessor.
func (q *queue) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdktrace.SpanProcessor.
func (q *queue) ForceFlush(ctx context.Context) error { return q.batches.ForceFlush(ctx) }

// sending counts what is sent, and logs when a collector goes and comes back.
type sending struct {
	exporter     sdktrace.SpanExporter
	log          *slog.Logger
	url          string
	sent, failed atomic.Uint64
	done         atomic.Int64 // of both
	away         atomic.Bool
	ending       context.Context // ends when nothing is to be sent any more
	end          context.CancelFunc
}

// ExportSpans implements sdktrace.SpanExporter. Errors are counted and logged here, and go no further.
func (s *sending) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ending, cancel)()
	err := s.exporter.ExportSpans(ctx, spans)
	n := len(spans)
	switch {
	case err == nil:
		s.sent.Add(uint64(n))
		if s.away.Swap(false) {
			s.log.Info("the collector of traces takes them again", "url", s.url)
		}
	default:
		s.failed.Add(uint64(n))
		if !s.away.Swap(true) {
			s.log.Warn("the collector does not take traces; they are dropped until it does", "url", s.url, "err", err)
		}
	}
	s.done.Add(int64(n))
	return nil
}

// Shutdown implements sdktrace.SpanExporter.
func (s *sending) Shutdown(ctx context.Context) error { return s.exporter.Shutdown(ctx) }
