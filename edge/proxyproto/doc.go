// Package proxyproto lets a trusted program hand on the address of a viewer whose
// connection it carries: PROXY protocol version 2 with a TLV that proves who
// wrote the header. Nothing else can make an edge believe in another address.
//
// The TLV (type 0xE5) holds the time, a nonce and an HMAC-SHA256 over both and
// the addresses, under a key derived from the cluster secret with [DeriveKey]. A
// header is good for half a minute either way of the reader's clock, and once.
//
// [Listener] accepts connections with or without a header and tells them apart
// by their first bytes: no HTTP request and no TLS record begins like the
// protocol's signature. Accept never waits for those bytes. They are read when
// the connection is first read or asked for its RemoteAddr, by whoever serves
// it, and for a bounded time; an ordinary connection gets them back untouched. A
// connection whose header is not valid is closed.
package proxyproto
