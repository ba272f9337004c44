// Package edge serves viewers: it finds the distribution and cache behavior of a
// request, answers from its cache what may be answered from there, and asks the
// origin, once for all who wait, for the rest.
//
// One request goes through it like this. An adapter (edge/http1, edge/http2,
// edge/http3) makes a message.Request of it. [Edge.Handle] checks its size and form
// (limits.go), finds the plan by host and the behavior by path, with the cache key
// (route.go, edge/policy), and applies the viewer checks (viewerchecks.go). What is
// stored under the key is looked up, and decide.go says whether it is served,
// confirmed or fetched anew (serve.go). What is fetched is brought by edge/fetch, once
// for all who wait, from the edges between this one and the origin, and the origin
// last; what cannot be shared is remembered for a while, and not waited for
// (edge/collapse). Edges that ask this one are answered like viewers, but for what
// is the asker's own to do (tiers.go). What TTL an object gets is
// edge/rfc9111's to say (ttl.go there). The answer is cut to the viewer's
// conditions and range (answer.go) and gets CloudFront's headers
// (viewerheaders.go).
//
// It promises what the invalidation guarantee asks of a node: every object and
// every flight carries the version of the journal that was applied when its
// fetch began; the lease is looked at after a request was read, on every hit, and
// the state after the lease; without a lease the origin confirms each hit in a
// request that begins after the viewer's. These decisions are the pure functions
// of decide.go.
package edge
