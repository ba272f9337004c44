// Package upstream asks origins over HTTP/1.1. It promises that nothing but an
// origin is asked: every address that a name resolves to is checked before it is
// dialed (address.go), so that an origin's name can lead neither into the
// cluster nor to a cloud's metadata service, and no answer makes it follow
// anywhere else.
//
// One request goes through [Upstream.Do] like this: the origin's name and kind
// give the place to connect to (place.go), a pooled connection or a new one
// (dial.go) takes the request as it is, and the answer's header comes back within
// the origin's response time-out; its body then streams, each read within the
// same time-out. What goes wrong is an [Error] with its reason, which says by
// which status the viewer is told (error.go).
package upstream
