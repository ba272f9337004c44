// Package tracing sends what the nodes of a process say of their work ([span.Tracer]) to an OpenTelemetry
// collector: OTLP over HTTP, in protobuf. It is the only importer of OpenTelemetry's libraries.
//
// One [Exporter] serves all nodes of a process, each of which has a tracer of its own ([Exporter.Tracer]) that says
// which service and which node a span is of. A span that ends is put into a queue of [QueueSize]; one goroutine
// sends what is in it, at most a second later. A collector that is slow or away costs nobody but itself: when the queue
// is full, spans are dropped and counted, and what could not be sent is counted too ([Exporter.Collector]).
//
// A nil *Exporter traces nothing: its tracers are nil.
package tracing
