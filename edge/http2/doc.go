// Package http2 speaks HTTP/2 with viewers (RFC 9113, RFC 7541): from a
// connection that agreed on "h2" to requests of the edge's own type, and from its
// answers back to frames. It decides nothing about a request except whether it is
// one; what is malformed is refused before the core hears of it.
//
// One goroutine reads a connection. It takes all whole frames that one read
// brought, and a request that its Exchange can answer without waiting (Ready) is
// answered right there: its HEADERS and DATA go into the output buffer behind
// those of the request before it, and once no whole frame is left everything goes
// out by one write, one TLS record for many streams. Only then are they reported
// as Delivered. Any other request is given to a goroutine out of a pool.
//
// All else is one mutex a connection: it guards the streams, the windows, the
// HPACK encoder and the output buffer, so that what is encoded first is also
// written first. It is never held while an Exchange, a body or the network is
// called. Whoever wants something written and finds nobody writing writes it
// himself (writer.go): bodies too large for the buffer wait in a ring and give one
// frame each a turn, so that no stream starves another, and the goroutine of the
// stream whose turn it is does the writing. The reader itself writes only what is
// ready, and so goes on to read the WINDOW_UPDATE that a waiting body needs.
//
// What a connection may cost is bounded: 128 requests at once, counted until
// their goroutines end and not only until the viewer resets them; 64 KiB of header
// list; one receive window of 1 MiB; an output buffer that whoever fills it waits
// for; and a budget (budget.go) that useless frames drain and answers refill.
package http2
