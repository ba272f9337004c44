// Package journal holds the rules by which changes become effective everywhere:
// who has applied what, who may serve from its cache, and when a change may be
// reported as Deployed or an invalidation as Completed. It does no I/O and reads
// no clock: every step is a function of an event and an instant, so that live
// nodes, the model checker and the fuzzers run the same code.
//
// The promise: once [Ledger.Settled] has returned a version, no node whose
// [Lease] is valid serves by an older one, whatever was lost, late, paused,
// partitioned or restarted.
//
// One change goes through it so. Control appends it and tells its Ledger
// ([Ledger.Appended]). Each node's [Follower] receives it as a [Frame], applies
// it if it is the next one, and asks to acknowledge at once. The acknowledgement
// is the lease call: the Ledger notes the version and grants another lease,
// which the node counts from when it sent the call and control from when it
// handled it. When every node that holds a lease has acknowledged the version,
// or its lease has ended, the Ledger settles it.
//
// A node that control is out of reach of follows a neighbour ([Detour], [Offer]):
// what that delivers is held to the same rules, and it is up to date; but nothing of
// it counts for a lease, which ends when it would have ended.
//
// The rules are lettered; each is in one place, marked "Rule X":
//
//	A  settling waits for the acknowledgement or the end of the lease of every registered node   Ledger.Settled
//	B  nothing but a lease says that a node has stopped serving                                  Ledger.Settled
//	E  a restarted node serves nothing before its first sync and lease                           Follower.sync, Follower.answer
//	F  a lease counts from when the call was sent on the node, from when it was handled at control  Grant, Ledger.Lease
//	G  a restarted control, or one put back, waits one full lease before it settles anything     NewLedger, Ledger.Restarted, Ledger.Settled
//	H  changes are applied contiguously                                                          Follower.change
//	I  a lease ends when either clock says so                                                    Lease.Valid
//	M  only control's leader renews; what delivers frames, a relay too, never does               Follower.answer
//	N  an older leader's answers are refused                                                     Follower.answer
//	O  a node put back to an older state is noticed by its incarnation                           Ledger.Join
//
// C, D, J, K, L, P and Q are about stored objects and are kept by the edge.
//
// One thing is outside the promise: a control restored from a backup that is not
// told so. It learns it from the first node that calls and knows more than the
// journal; what it settles before that call does not wait for the leases of the
// run that was lost.
package journal
