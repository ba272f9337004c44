// Package nethttp answers the requests of Go's HTTP libraries from an [Exchange]:
// it turns their types into the edge's own and back, and does nothing else. What
// HTTP means is the libraries' to say, which makes it the oracle that the edge's
// own loops for HTTP/1.1 and HTTP/2 are compared with; over QUIC it is the way in.
//
// One request through [Handler.ServeHTTP]:
//
//	the library has read the header; Received is taken
//	→ a message.Request is made of it: absolute form undone, Host without its port, fields sorted (the library kept no order)
//	→ Exchange.Handle; interim answers go out meanwhile
//	→ the answer's header, then its body, each piece with a time limit of its own and at once if it is live; then its trailers
//	→ the body is closed, then Exchange.Delivered
//
// A stream of HTTP/3 that asks to be a WebSocket is a GET with Upgrade to the edge,
// and carries bytes both ways once the answer is 101.
//
// A body that ends early or grows longer than was announced breaks the connection
// (HTTP/1.1) or the stream: the viewer must not take it for whole.
//
// What the libraries do not tell: fields' order and the case of their names; the
// bytes that a header took on the wire (Delivery.Bytes estimates them); over
// HTTP/2 trailers of a request that were not announced.
package nethttp
