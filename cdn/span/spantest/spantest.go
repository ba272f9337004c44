// Package spantest is a tracer for tests that keeps spans in memory.
package spantest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn/span"
)

// Span is a span that was begun.
type Span struct {
	span.Start
	Known   span.Context
	Facts   map[string]any
	Failure string
	Ended   bool
}

// Tracer keeps what is begun with it. It records what its parent says, and all that has none.
type Tracer struct {
	mu    sync.Mutex
	spans []*Span
}

// Start implements span.Tracer.
func (t *Tracer) Start(s span.Start) span.Recorder {
	known := span.New()
	if s.Parent.Valid() {
		known.TraceID, known.Flags, known.State = s.Parent.TraceID, s.Parent.Flags, s.Parent.State
	}
	begun := &Span{Start: s, Known: known, Facts: map[string]any{}}
	r := recorder{t, begun}
	r.Set(s.Attributes...)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spans = append(t.spans, begun)
	return r
}

type recorder struct {
	t *Tracer
	s *Span
}

func (r recorder) Context() span.Context { return r.s.Known }

func (r recorder) Set(attributes ...span.Attribute) {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	for _, a := range attributes {
		r.s.Facts[a.Key] = a.Value
	}
}

func (r recorder) End(_ time.Time, name, failure string) {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	if r.s.Ended {
		panic("the span " + r.s.Name + " ends twice")
	}
	r.s.Ended, r.s.Failure = true, failure
	if name != "" {
		r.s.Name = name
	}
}

// Spans returns what was begun, in that order.
func (t *Tracer) Spans() []Span {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Span
	for _, s := range t.spans {
		all = append(all, *s)
	}
	return all
}

// Tree writes what was begun as trees, with what did not end marked.
func (t *Tracer) Tree() string {
	var b strings.Builder
	all := t.Spans()
	var write func(parent span.Context, depth int)
	write = func(parent span.Context, depth int) {
		for _, s := range all {
			root := !slices.ContainsFunc(all, func(p Span) bool { return p.Known.SpanID == s.Parent.SpanID })
			if s.Parent.SpanID != parent.SpanID && !(depth == 0 && root) {
				continue
			}
			_, _ = fmt.Fprintf(&b, "%s%s", strings.Repeat("  ", depth), s.Name)
			for range s.Links {
				b.WriteString(" (linked)")
			}
			if s.Failure != "" {
				b.WriteString(" failed: " + s.Failure)
			}
			if !s.Ended {
				b.WriteString(" (has not ended)")
			}
			b.WriteByte('\n')
			write(s.Known, depth+1)
		}
	}
	write(span.Context{}, 0)
	return b.String()
}
