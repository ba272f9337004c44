// Package http1 speaks HTTP/1.1 and HTTP/1.0 to viewers: from accept to the last
// byte, over TLS or not, with a strict parser and a loop of its own.
//
// One request: the connection's goroutine waits for bytes, without holding
// memory for them where the connection is the kernel's own (receive); parseHead
// reads the head where it lies in the buffer, or refuses it; the Exchange
// answers; head and body go out in one write where the body is small, without a
// copy where it is not (message.Pieces), by sendfile where it lies in a file
// (message.Sections). Nothing is allocated on that way: the request, its fields
// and its buffer are used again, so what the Exchange keeps it copies.
//
// Parsing is stricter than RFC 9112 wherever leniency has let two parties read
// one message differently (request smuggling): lines end in CRLF, no field is
// folded, the length is given once or not at all, a coding is exactly "chunked".
// What is refused gets one answer and its connection is closed: nothing that
// follows it is believed. The sentences in refusal.go are the whole list.
//
// A connection that waits for its next request holds a goroutine and no buffer,
// where it is the kernel's own. Over TLS, or wrapped by its listener, it keeps one
// of 4 KiB: what is there can only be found out by reading it.
//
// A viewer that leaves ends the request's context, but is looked for only once
// somebody waits for that (see viewerContext): a hit does not pay for it.
package http1
