// Command chaos runs a network of real processes, breaks it in every way it can, and checks from outside that an
// invalidation that was reported to be Completed holds.
//
// Control and five edges run in network namespaces, each on a small disk of its own (package lab); the origin is this
// program itself (package site). Readers ask every edge all the time; a publisher raises the versions of objects,
// invalidates them through CloudFront's API and waits until that is Completed. A plan drawn from a seed has faults
// happen, many at once: partitions, also one-way, processes stopped and killed, disks full or put back to older
// states, wall clocks off by a day. A response that is older than an invalidation that was seen to be Completed before
// its request began is a violation (package claim), as are a body of two versions, a process that ends by itself, an
// invalidation that is accepted and then lost, and one that is not Completed within a lease while control is there.
//
//	make chaos-processes DURATION=30m SEED=7
//
// The seed fixes the faults, not what the processes make of them. It exits with 1 if something was found; then the logs
// of all processes, the events and the report as JSON are in the folder that it names.
package main
