// Package router is the authoritative DNS server: it turns the name of a
// distribution into the address of the edge nearest to the viewer.
//
// How one query goes: a packet that router/transport has read is decoded (router/wire) to a
// message; the message is answered by [Router.Answer], a pure function of the message, the
// asking address and an immutable snapshot (zone, journal state, healthy edges); if the
// limits let it through, the answer is signed for those who want that, made to fit and
// sent. Within Answer: EDNS is read, the name is looked up (what the zone itself holds, then
// the distribution that owns the name), the viewer is placed (by EDNS Client Subnet if sent,
// else by the asking address), and router/pick names the edge. The snapshot is replaced,
// never changed: when the journal's state does (it is compared at every query, so that a
// version this router has acknowledged is also the one it answers from) and when
// router/health finds an edge up or down.
//
// Nearly all queries are common ones: one question for an address, at most with a
// client subnet. Those are answered from their bytes (respondCommon, wire.Common), without a message,
// an allocation or a lock, but for the one of the part of the signatures that a signed answer's
// is in. router/transport reads packets and sends answers, on Linux many at a time, each worker on a socket of its
// own. What the two ways answer is the same byte for byte, which tests and a fuzz target
// hold; whatever is unusual takes the longer one.
//
// With keys (router/dnssec), answers are signed as they are asked for, RRset by RRset. Some
// queries, or all, are written down (router/querylog). Where answers are traced, a span is made of each once it is there.
//
// It promises:
//
//   - Nothing of a single viewer enters an answer: two viewers for whom the
//     location data say the same get the same bytes, and the ECS scope
//     says how far the answer may be shared.
//   - A packet that cannot be parsed costs an error of at most its own size and
//     never the process.
//   - Outside its zone it answers REFUSED and nothing else.
//
// What it does not do: recursion, zone transfer, dynamic update, TSIG.
package router
