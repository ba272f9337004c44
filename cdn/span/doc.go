// Package span is what the parts of a network say of their work when it is traced, in the terms of
// no tracing library: spans, what they are of, and by which context they are known to others.
//
// A role is given a [Tracer], nil for none, and begins with it one [Span] for each request that it
// is sent; what follows from that begins children of it, which are found by the [context.Context]
// of the work ([From], [With]). A nil *Span does nothing and has no children, so that whoever is not traced
// pays one comparison.
//
// Between nodes, and to origins, a span is known by its [Context] (W3C Trace Context: the fields
// traceparent and tracestate); in questions to routers by an EDNS option ([Context.AppendOption]).
package span
