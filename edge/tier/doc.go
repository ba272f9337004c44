// Package tier is how an edge asks other nodes of its network for what its own
// cache lacks, before it asks the origin, and how it answers those that ask it. It
// knows which nodes to ask (route.go, ring.go), the protocol between them
// (header.go), and both of its sides (client.go, server.go); what is stored and
// what may be served is the edge's own to decide.
//
// One request goes through it like this. The edge lists the tiers for a key and
// asks the first: [Tiers.Do] sends it the viewer's request, as far as the
// distribution looks at it, over mutual TLS. There [Tiers.Serve] waits a moment until
// its node has applied what the asker says that it needs at least, has its edge
// answer, says by an interim answer now and then that it is still at work, and
// adds the version at which the answer was born. A tier that cannot be reached,
// says nothing, lags or does not know the distribution is passed over, and left
// alone for a moment where that is its own fault: then the next is asked, and at
// last the origin.
//
// It promises the invalidation guarantee (rule D): what a tier answers was born at
// or after all invalidations that the asker knew of when it asked; the version
// that comes with it is the one at the tier nearest the origin. The fields of the
// protocol are believed on connections alone whose other end has proved to be a
// registered edge. Nothing goes in a circle: each request goes to a higher level
// than the one that it came from.
package tier
