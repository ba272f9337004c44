// Package chaos runs the real code in simulated time, with faults, and holds it to the invalidation guarantee: the
// real control over its store, the real client, edges that serve HTTP, ask one another and a shield, and between them
// an in-memory network (gossip/memnet), inside testing/synctest. A minute of the network takes a second or so.
//
// One run ([Run]) goes by a [Schedule]: faults that a seed has dealt, each with its instant and its length. Ways are
// cut in one direction or both, connections break, nodes and control stand still, crash by themselves or with their
// power, in the middle of a write, and start again from what their disks have. Meanwhile readers ask every edge, and a
// publisher raises the versions of objects, invalidates them and waits for Completed. Each answer is judged by package
// sim/site, by what package sim/claim knows of the origin's history.
//
// A seed fixes the faults and not the order of goroutines, so a schedule that has found something is kept and run
// again, many times (docs/invalidation.md).
//
// How far the play goes from what it stands for: a process that is to stand still is one whose bytes stand still, in
// both directions, while its timers run. A process that crashes is cut off first, what it writes from then on goes
// nowhere, and it is ended behind the scenes. Streams are TLS over a network that neither loses, repeats nor reorders
// bytes within a stream, as TCP's are; so calls are not repeated, but by those who make them.
package chaos
