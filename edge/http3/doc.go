// Package http3 answers viewers over HTTP/3. It is quic-go's server (of which this
// is the only importer) before the exchanges of package nethttp, with limits on
// what a stranger can hold and a way to stop.
//
// One connection:
//
//	its first packet → refused while draining or too many are open; answered with Retry while many handshakes are under way, so that
//	who fakes addresses gets no state
//	→ TLS 1.3; a name whose configuration does not offer "h3" gets the alert no_application_protocol, and the viewer goes on over TCP
//	→ requests, each on a stream, answered by nethttp.Handler: the library has checked their form
//	→ no request for the idle time, or too much from one viewer: closed
//
// Early data (0-RTT) is never accepted: it can be replayed, and what a request
// does twice is not ours to judge. A viewer's address may change in the middle of
// a connection (migration); a request has the address that it arrived from.
//
// Shutdown sends GOAWAY, lets what was asked before end and be delivered, then
// closes.
package http3
