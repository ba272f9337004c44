// Package upstream asks origins over HTTP/1.1, and over HTTP/2 where that is
// asked for. It promises that nothing but an origin is asked: every address that a
// name resolves to is checked before it is dialed (address.go), so that an origin's
// name can lead neither into the cluster nor to a cloud's metadata service, and no
// answer makes it follow anywhere else. It promises too that what it returns is
// one answer and nothing else: what could be read in two ways is refused
// (answer.go), and a body that breaks off ends in an error, never in io.EOF.
//
// One request goes through [Upstream.Do] like this. The origin's name and kind
// give the place to connect to (place.go), the place its pool (pool.go), the pool
// an idle connection that still lives or a new one (dial.go). The request is
// written as it is (request.go), its body beside the answer. Interim answers are
// handed on, and the answer's header comes back within the origin's response
// time-out (http1.go); its body then streams, each read within the same time-out
// (body.go), and at its end the connection is idle again. An answer of 101 gives
// the connection away instead (upgrade.go). gRPC, and whatever else is to, goes
// over HTTP/2 (http2.go), for which net/http has the frames.
//
// A request is sent a second time in two cases only. One is a connection that the
// origin had closed before the request came to it, as far as the kernel can tell
// (stale_linux.go), if nothing was sent or asking twice is as good as once. The
// other is the response time-out of a GET or HEAD, as CloudFront has it. What goes
// wrong in the end is an [Error] with its reason, which says by which status the
// viewer is told (error.go).
package upstream
