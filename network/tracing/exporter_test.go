package tracing

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/network/tracing/tracetest"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t *testing.T, s Settings) *Exporter {
	t.Helper()
	e, err := New(s, "1.2.3", discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func TestSpansArriveWithWhatTheyAreOf(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
	c := tracetest.New(t)
	e := open(t, Settings{URL: c.URL(), Sample: 1})
	tr := e.Tracer("edge", "SYD-1", span.String("warmfront.pop", "SYD"))
	viewer := span.Parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=1")
	parent := span.Begin(tr, span.Start{Name: "GET", Kind: span.Server, Parent: viewer, At: time.Unix(1000, 0)})
	child := parent.Child(span.Start{Name: "GET origin", Kind: span.Client, Links: []span.Context{span.New(), {}}})
	if got := child.Context(); got.TraceID != viewer.TraceID || got.State != "a=1" || !got.Sampled() || got.SpanID == parent.Context().SpanID {
		t.Errorf("the child is known as %+v", got)
	}
	child.Set(span.Int("n", 3), span.Bool("b", true), span.Strings("l", []string{"x", "y"}), span.Float("f", 0.5), span.String("s", strings.Repeat("z", 5000)))
	child.End("the origin is away")
	parent.EndAs(time.Unix(1002, 0), "GET *", "")
	other := span.Begin(e.Tracer("router", "router-1"), span.Start{Name: "A"})
	other.EndWith(context.Canceled)
	all := c.Await(t, "three spans", func(s []tracetest.Span) bool { return len(s) == 3 })
	want := "edge SYD-1 server: GET *\n  edge SYD-1 client: GET origin (linked) failed: the origin is away\nrouter router-1 internal: A failed: context canceled\n"
	if got := tracetest.Tree(all); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if all[0].Parent != "00f067aa0ba902b7" || all[0].End.Sub(all[0].Start) != 2*time.Second {
		t.Errorf("%+v", all[0])
	}
	a := all[1].Attributes
	if a["n"] != "3" || a["b"] != "true" || a["l"] != "x,y" || a["f"] != "0.5" || len(a["s"]) != 1024 {
		t.Errorf("attributes %v", a)
	}
	if c.Header().Get("X-Key") != "secret" {
		t.Error("OTEL_EXPORTER_OTLP_HEADERS is not sent")
	}
	await(t, "three are counted, once the collector's answer is there", func() bool { return e.Counts() == (Counts{Exported: 3}) })
	r := prometheus.NewRegistry()
	r.MustRegister(e.Collector())
	if n, err := testutil.GatherAndCount(r, "warmfront_trace_spans_total"); err != nil || n != 3 {
		t.Errorf("%d metrics, %v", n, err)
	}
}

// TestWhatStrangersSendIsSent: names, facts and failures that are no UTF-8 keep nothing from being sent, and memory that
// is used again changes nothing.
func TestWhatStrangersSendIsSent(t *testing.T) {
	c := tracetest.New(t)
	tr := open(t, Settings{URL: c.URL(), Sample: 1}).Tracer("edge", "SYD-1")
	path := []byte("/a\xff")
	s := span.Begin(tr, span.Start{Name: "GET \xff", Attributes: []span.Attribute{
		span.String("url.path", unsafe.String(&path[0], len(path))), span.Strings("list", []string{"\xfe"}),
	}})
	copy(path, "/b")
	s.End("it said \xff")
	all := c.Await(t, "span", func(s []tracetest.Span) bool { return len(s) == 1 })
	if got := all[0]; got.Name != "GET \uFFFD" || got.Attributes["url.path"] != "/a\uFFFD" || got.Attributes["list"] != "\uFFFD" || got.Error != "it said \uFFFD" {
		t.Errorf("%+v", got)
	}
}

func TestSampling(t *testing.T) {
	c := tracetest.New(t)
	yes, no := span.New(), span.New()
	no.Flags = 0
	for _, set := range []struct {
		name         string
		settings     Settings
		sampler, arg string
		want         [3]bool // without a parent, of one that is recorded, of one that is not
	}{
		{"all", Settings{Sample: 1}, "", "", [3]bool{true, true, false}},
		{"none", Settings{Sample: 0}, "", "", [3]bool{false, true, false}},
		{"the default", Settings{Sample: -1, Default: 1}, "", "", [3]bool{true, true, false}},
		{"the flag goes first", Settings{Sample: 1}, "always_off", "", [3]bool{true, true, false}},
		{"always_on", Settings{Sample: -1}, "always_on", "", [3]bool{true, true, true}},
		{"always_off", Settings{Sample: -1, Default: 1}, "always_off", "", [3]bool{}},
		{"parentbased_traceidratio", Settings{Sample: -1}, "parentbased_traceidratio", "1", [3]bool{true, true, false}},
		{"traceidratio", Settings{Sample: -1, Default: 1}, "traceidratio", "0", [3]bool{}},
	} {
		t.Setenv("OTEL_TRACES_SAMPLER", set.sampler)
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", set.arg)
		set.settings.URL = c.URL()
		tr := open(t, set.settings).Tracer("edge", "SYD-1")
		for i, parent := range []span.Context{{}, yes, no} {
			s := span.Begin(tr, span.Start{Name: "x", Parent: parent})
			if s.Recorded() != set.want[i] {
				t.Errorf("%s, parent %d: recorded is %v", set.name, i, s.Recorded())
			}
			if !s.Context().Valid() || parent.Valid() && s.Context().TraceID != parent.TraceID {
				t.Errorf("%s: the trace is not handed on", set.name)
			}
			s.Set(span.String("a", "b"))
			s.End("")
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name, flag string
		sample     float64
		env        map[string]string
		url, err   string // the start of err; "" and "": nothing is traced
	}{
		{name: "off"},
		{name: "the flag", flag: "http://127.0.0.1:4318", url: "http://127.0.0.1:4318/v1/traces"},
		{name: "the flag with a path", flag: "https://collector.example/in", url: "https://collector.example/in"},
		{name: "the environment", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/x/"}, url: "http://c:4318/x/v1/traces"},
		{name: "of traces", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://d:4318/y"}, url: "http://d:4318/y"},
		{name: "the flag goes first", flag: "http://f:1", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, url: "http://f:1/v1/traces"},
		{name: "disabled", flag: "http://f:1", env: map[string]string{"OTEL_SDK_DISABLED": "TRUE"}},
		{name: "no exporter", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}},
		{name: "another protocol", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, err: "OTEL_EXPORTER_OTLP_ENDPOINT is set, and OTEL_EXPORTER_OTLP_PROTOCOL is grpc"},
		{name: "no URL", flag: "127.0.0.1:4318", err: `--otlp "127.0.0.1:4318" is not a collector's URL: write http://HOST:4318`},
		{name: "another scheme", flag: "grpc://c:4317", err: `--otlp "grpc://c:4317" is not`},
		{name: "no host", flag: "http://", err: `--otlp "http://" is not`},
		{name: "no port", flag: "http://c:0", err: `--otlp "http://c:0": there is no port 0`},
		{name: "no URL in the environment", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "c"}, err: `OTEL_EXPORTER_OTLP_ENDPOINT "c" is not`},
		{name: "too much", flag: "http://f:1", sample: 2, err: "--trace-sample 2"},
		{name: "no sampler", flag: "http://f:1", sample: -1, env: map[string]string{"OTEL_TRACES_SAMPLER": "jaeger_remote"}, err: `OTEL_TRACES_SAMPLER "jaeger_remote"`},
		{name: "no ratio", flag: "http://f:1", sample: -1, env: map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "x"}, err: `OTEL_TRACES_SAMPLER_ARG "x"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			e, err := New(Settings{URL: c.flag, Sample: c.sample}, "1", discard())
			if (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), c.err) || e.URL() != c.url {
				t.Errorf("%q, %v", e.URL(), err)
			}
			if tr := e.Tracer("edge", "x"); (tr == nil) != (e == nil) {
				t.Errorf("the tracer is %v", tr)
			}
			e.Close()
		})
	}
}

// TestACollectorThatIsAwayCostsNobody has one that takes connections and says nothing, and one that is not there.
func TestACollectorThatIsAwayCostsNobody(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct{ name, addr string }{{"gone", gone.Addr().String()}, {"silent", silent.Addr().String()}} {
		name, addr := at.name, at.addr
		before := runtime.NumGoroutine()
		e, err := New(Settings{URL: "http://" + addr, Sample: 1}, "1", slog.New(slog.NewTextHandler(t.Output(), nil)))
		if err != nil {
			t.Fatal(err)
		}
		tr := e.Tracer("edge", "SYD-1")
		const n = 3 * QueueSize
		for range n {
			span.Begin(tr, span.Start{Name: "x"}).End("")
		}
		counted := func() uint64 { c := e.Counts(); return c.Exported + c.Dropped + c.Failed }
		if c := e.Counts(); name == "silent" && c.Dropped < n-QueueSize-2*batchSize {
			t.Errorf("%s: only %d of %d are dropped, %+v", name, c.Dropped, n, c)
		}
		if got := runtime.NumGoroutine(); got > before+10 {
			t.Errorf("%s: %d goroutines, %d before", name, got, before)
		}
		begun := time.Now()
		e.Close()
		if took := time.Since(begun); took > closeLimit+30*time.Second {
			t.Errorf("%s: closing took %v", name, took)
		}
		await(t, name+": all are counted", func() bool { return counted() == n && e.Counts().Exported == 0 })
		if name == "silent" {
			_ = silent.Close() // with it ends the connection that is kept for the next time
		}
		await(t, name+": all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	}
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestHandler(t *testing.T) {
	c := tracetest.New(t)
	tr := open(t, Settings{URL: c.URL(), Sample: 1}).Tracer("origin", "origin-1")
	parent := span.New()
	for _, believe := range []bool{true, false} {
		h := Handler(tr, believe, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !span.From(r.Context()).Recorded() {
				t.Error("the work is of no span")
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}), func(*http.Request) []span.Attribute { return []span.Attribute{span.String("aws.s3.bucket", "demo")} })
		r := httptest.NewRequest(http.MethodGet, "/demo/x?secret=1", nil)
		r.Header.Set("traceparent", parent.String())
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	all := c.Await(t, "two spans", func(s []tracetest.Span) bool { return len(s) == 2 })
	if all[0].Trace != parent.ID() || len(all[0].Links) != 0 || all[1].Trace == parent.ID() || len(all[1].Links) != 1 {
		t.Errorf("%+v", all)
	}
	if a := all[0].Attributes; a["url.path"] != "/demo/x" || a["http.response.status_code"] != "503" || a["aws.s3.bucket"] != "demo" || all[0].Error != "503 Service Unavailable" {
		t.Errorf("%v, %q", a, all[0].Error)
	}
	plain := http.NotFoundHandler()
	if got := Handler(nil, true, plain, nil); got == nil {
		t.Error("no handler")
	}
}
