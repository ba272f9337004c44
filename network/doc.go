// Package network assembles the roles into programs. [Control], [Router], [Edge],
// [Origin] and [Proxy] are what containers and hosts run, one a process; [Up] is
// all of them in one. `warmfront`, the simulator and the end-to-end tests start
// the same structs.
//
// This is where the roles, which never import one another, meet: each is given
// what it needs of the others as a function or a small interface. A node's own
// part of the journal ([client.Client]) hands its State and its lease to the
// edge or router beside it; gossip wakes the client and gives the router hints;
// distance (package wan) and faults wrap the listeners and dialers of every role
// in the same order:
//
//	socket -> gate (faults) -> PROXY protocol (who the viewer is) -> wan (how far away) -> TLS, HTTP
//
// A program listens when it is made, serves in Run until the context ends, then
// drains; Close undoes in reverse order.
package network
