// Package control is the core of the control plane: the journal's server side,
// the registry of nodes, their leases, and the certificates they get. The
// CloudFront API is built on top of it, in control/api.
//
// What it promises: [Control.Propose] returns once the change is durable; every
// node is sent every change, in order; [Control.Settled] never names a version
// that a node with a valid lease has not applied (package journal has the rules).
//
// One change goes through it so. Propose shows the newest state to a function
// that answers with changes; each is tried on that state, so what does not
// compile is never journalled. Those who propose at the same time share one
// fsync. Then, in this order: the state is published, the ledger told, and the
// change, encoded once, added to the feed, from which every stream writes the
// same bytes. Nodes acknowledge with their lease call, and the settle loop
// reports what has settled, after it was written down.
//
// Several controls can share a store. Each is a [Replica] then: it has a Control
// for each reign of its own, and is a [Standby] between them.
//
// The peer port speaks TLS 1.3 alone. A node joins with the cluster secret
// (package control/wire) and is known by its certificate from then on: no call
// can name another node than the one the certificate proves.
package control
