// Package message holds the HTTP requests and responses that the edge works on:
// plain data with header fields in the order they came, and bodies as streams.
// It knows no version of HTTP and no library of it; what speaks to a viewer or
// to an origin turns its own types into these once, and nothing behind that
// point depends on how the bytes arrived.
//
// A viewer's Request is made by an adapter, read by the core, which makes
// another one for the origin; the origin's Response comes back the same way. No
// value here is shared between requests while it may still change.
package message
