package span

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// Kind is a span's part in a conversation between two programs.
type Kind uint8

// The kinds, as OpenTelemetry has them.
const (
	Internal Kind = iota
	Server        // of a request that came
	Client        // of one that was made
)

// Attribute is a fact about a span. Value is a string, an int, a float64, a bool or a []string.
type Attribute struct {
	Key   string
	Value any
}

// String is an attribute that is text.
func String(key, value string) Attribute { return Attribute{key, value} }

// Int is an attribute that is a whole number.
func Int[T int | int64 | uint16 | uint8](key string, value T) Attribute {
	return Attribute{key, int(value)}
}

// Float is an attribute that is any number.
func Float(key string, value float64) Attribute { return Attribute{key, value} }

// Bool is an attribute that is true or false.
func Bool(key string, value bool) Attribute { return Attribute{key, value} }

// Strings is an attribute that is a list.
func Strings(key string, value []string) Attribute { return Attribute{key, value} }

// Start is what is known of a span when it begins.
type Start struct {
	Name string
	Kind Kind
	// Parent is the span that this one is a part of; the zero Context: it is the first of a trace.
	Parent Context
	// Links are spans that it has to do with without being part of them; the zero Context is none.
	Links []Context
	// At is when it began. Zero: now.
	At         time.Time
	Attributes []Attribute
}

// Recorder takes what becomes of one span.
type Recorder interface {
	// Context is what the span is known by.
	Context() Context
	Set(...Attribute)
	// End ends the span, which had the name that it began with where name is "". Failure says
	// why what it is of failed, "" where it did not.
	End(at time.Time, name, failure string)
}

// Tracer begins spans. It waits for nothing, and may be used by many at a time.
type Tracer interface {
	Start(Start) Recorder
}

// Span is a piece of work under way. Nil is one that nobody traces.
type Span struct {
	tracer   Tracer
	recorder Recorder
	context  Context
	ended    atomic.Bool
}

// Begin begins a span; nil where there is no tracer.
func Begin(t Tracer, s Start) *Span {
	if t == nil {
		return nil
	}
	s.Links = slices.DeleteFunc(s.Links, func(c Context) bool { return !c.Valid() })
	r := t.Start(s)
	return &Span{tracer: t, recorder: r, context: r.Context()}
}

// Child begins a span that is part of s, by the same tracer: s.Parent is set.
func (s *Span) Child(c Start) *Span {
	if s == nil {
		return nil
	}
	c.Parent = s.context
	return Begin(s.tracer, c)
}

// Context is what others know the span by, the zero Context for nil.
func (s *Span) Context() Context {
	if s == nil {
		return Context{}
	}
	return s.context
}

// Recorded reports whether anything is kept of the span: what costs something to find out need not be
// found out else.
func (s *Span) Recorded() bool { return s != nil && s.context.Sampled() }

// Set adds facts.
func (s *Span) Set(attributes ...Attribute) {
	if s != nil {
		s.recorder.Set(attributes...)
	}
}

// End ends the span now. Failure is as Recorder has it. What has ended does not end again.
func (s *Span) End(failure string) { s.EndAs(time.Time{}, "", failure) }

// EndAs ends the span at a time (zero: now) under a name ("": the one it began with).
func (s *Span) EndAs(at time.Time, name, failure string) {
	if s != nil && !s.ended.Swap(true) {
		s.recorder.End(at, name, failure)
	}
}

// EndWith ends the span now, as failed where there is an error.
func (s *Span) EndWith(err error) {
	switch {
	case s == nil:
	case err != nil:
		s.End(err.Error())
	default:
		s.End("")
	}
}

type key struct{}

// With returns a context of work that is part of a span; ctx itself for nil.
func With(ctx context.Context, s *Span) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, s)
}

// From returns the span that work is part of, nil for none.
func From(ctx context.Context) *Span {
	s, _ := ctx.Value(key{}).(*Span)
	return s
}
