// Package tracetest is a collector of traces for tests: it speaks OTLP over HTTP, in protobuf, and keeps what it is sent.
package tracetest

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span that was sent. Ids are in hexadecimal digits.
type Span struct {
	Service, Node     string
	Name, Kind        string // Kind is "internal", "server" or "client"
	Trace, ID, Parent string
	Attributes        map[string]string
	Links             []string // of spans
	Error             string   // "" for none
	Start, End        time.Time
}

// Collector is one that listens.
type Collector struct {
	server *httptest.Server

	mu      sync.Mutex
	spans   []Span
	headers http.Header
}

// New listens, until the test ends.
func New(t testing.TB) *Collector {
	t.Helper()
	c := Listen()
	t.Cleanup(c.Close)
	return c
}

// Listen listens, until Close.
func Listen() *Collector {
	c := &Collector{}
	c.server = httptest.NewServer(c)
	return c
}

// Close ends it.
func (c *Collector) Close() { c.server.Close() }

// URL is what --otlp is given.
func (c *Collector) URL() string { return c.server.URL }

// Header is that of the last request.
func (c *Collector) Header() http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.headers.Clone()
}

// ServeHTTP takes spans as the protocol has it.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := c.take(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	b, _ := proto.Marshal(&collector.ExportTraceServiceResponse{}) // it is empty
	_, _ = w.Write(b)
}

func (c *Collector) take(r *http.Request) error {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return fmt.Errorf("%s %s of %q is not OTLP", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var m collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &m); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = r.Header
	for _, of := range m.GetResourceSpans() {
		resource := values(of.GetResource().GetAttributes())
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, read(resource, s))
			}
		}
	}
	return nil
}

func read(resource map[string]string, s *trace.Span) Span {
	out := Span{
		Service: resource["service.name"], Node: resource["service.instance.id"], Name: s.GetName(),
		Kind:  strings.ToLower(strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_")),
		Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
		Attributes: values(s.GetAttributes()),
		Start:      time.Unix(0, int64(s.GetStartTimeUnixNano())), End: time.Unix(0, int64(s.GetEndTimeUnixNano())),
	}
	for _, l := range s.GetLinks() {
		out.Links = append(out.Links, hex.EncodeToString(l.GetSpanId()))
	}
	if s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR {
		out.Error = s.GetStatus().GetMessage()
	}
	return out
}

func values(list []*common.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range list {
		m[kv.GetKey()] = text(kv.GetValue())
	}
	return m
}

func text(v *common.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_ArrayValue:
		var all []string
		for _, e := range v.ArrayValue.GetValues() {
			all = append(all, text(e))
		}
		return strings.Join(all, ",")
	case *common.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *common.AnyValue_BoolValue:
		return fmt.Sprint(v.BoolValue)
	case *common.AnyValue_DoubleValue:
		return fmt.Sprint(v.DoubleValue)
	}
	return v.String()
}

// Spans returns what was sent so far, by when they began.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.spans)
	sort.SliceStable(all, func(i, j int) bool { return all[i].Start.Before(all[j].Start) })
	return all
}

// Await waits until what was sent is what is wanted, and returns it.
func (c *Collector) Await(t testing.TB, what string, wanted func([]Span) bool) []Span {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if all := c.Spans(); wanted(all) {
			return all
		}
	}
	t.Fatalf("there is no %s among\n%s", what, Tree(c.Spans()))
	return nil
}

// Of returns the spans of one trace.
func Of(all []Span, trace string) (out []Span) {
	for _, s := range all {
		if s.Trace == trace {
			out = append(out, s)
		}
	}
	return out
}

// Tree writes spans as trees, each span below the one that it is part of: service, node, kind, name, and what it is linked to.
func Tree(all []Span) string {
	var b strings.Builder
	known := map[string]bool{}
	for _, s := range all {
		known[s.ID] = true
	}
	var write func(s Span, depth int)
	write = func(s Span, depth int) {
		_, _ = fmt.Fprintf(&b, "%s%s %s %s: %s", strings.Repeat("  ", depth), strings.TrimPrefix(s.Service, "warmfront-"), s.Node, s.Kind, s.Name)
		for range s.Links {
			b.WriteString(" (linked)")
		}
		if s.Error != "" {
			b.WriteString(" failed: " + s.Error)
		}
		b.WriteByte('\n')
		for _, child := range all {
			if child.Parent == s.ID {
				write(child, depth+1)
			}
		}
	}
	for _, s := range all {
		if !known[s.Parent] {
			write(s, 0)
		}
	}
	return b.String()
}
