// Package wan makes one machine as wide as the world: it turns two places into
// a round-trip time and imposes that time on real connections and packets, in
// user space, once, at the accepting side. It needs no privilege and no netem.
//
// [Model] is the pure half: RTT(a, b) is the same for the same seed and pair,
// in both directions, on every machine. [Listen] and [NewPacketConn] are the half
// that waits.
//
// How one request goes through a listener, with r the round trip the caller's
// delay function names for the client:
//
//	0      the kernel completes the client's connect; the listener starts r
//	r      the connection is handed to Accept: the handshake's round trip
//	1.5 r  the request, wherever it lay meanwhile, is readable
//	1.5 r  the server writes the answer; Write returns at once
//	2 r    the answer enters the client's socket
//
// What it promises: bytes are neither lost, repeated nor reordered; a chunk
// waits from when it arrived, not behind the chunk before it, so a long
// transfer costs half a round trip once and then runs at the speed of the
// window (Options.Window bytes per half round trip and direction); a full
// window stops the sender as TCP would; deadlines and half-close behave as
// on a TCP connection; Close returns at once and what was written before it is
// still delivered, then the socket closes. A program that is about to exit
// calls [Drain] for that.
//
// What it costs: one goroutine and one small buffer for a connection at rest.
// A connection whose round trip is zero is handed out as it came from the
// kernel, and a nil delay function returns the listener itself.
package wan
