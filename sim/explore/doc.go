// Package explore looks for a way around the invalidation guarantee. It runs whole
// networks in virtual time, each from a seed: controls that share a store, edges
// and upper tiers, origins and viewers, and between them whatever goes wrong.
// Clocks drift, stand still and are set; messages are late, lost, repeated and out
// of order; processes pause, crash, start again from their disks or from older
// copies of them, or live on beside their successors; control fails over, is put
// back to a backup, compacts its journal.
//
// What decides is the code that the live network runs: journal.Ledger, Follower,
// Lease, Parts, Detour and MayGrant; package reuse and collapse.Group; tier.Satisfies
// and Ask; cdn.State, with its snapshots. What does I/O around that is played here, event
// by event: a control (control.go), a node's client (node.go), an edge's serving of
// requests (serve.go, flight.go, mirroring edge/serve.go and edge/settle.go line by
// line), stores and disks.
//
// The checker (check.go) knows what the origin had when each invalidation was made
// and when it was reported as Completed: whatever a viewer then asks for must be at
// least that new. It also holds Completed and every node's State to going forward,
// each version to one change, and each answer to one version of its object; and the
// network to recovering once nothing goes wrong any more.
//
// A seed gives the same run each time, event by event. That the checker notices is
// shown by builds with the tag "mutants", each of which breaks one rule (package
// mutant).
package explore
