// Package gossip knows who else is in the network, and spreads one hint: "the
// head of the journal is V". It is the only importer of memberlist.
//
// What it promises: every node that is up and reachable is in Members on all
// others within seconds of its start, and of the end of a partition, also a
// long one; a node that is slow or pauses for some seconds is not reported
// dead; only holders of the cluster's key are heard; Leave and Close are
// bounded in time. The newest hint announced anywhere reaches every node that
// can be reached, older ones may be skipped.
//
// What it does not promise: that a member called dead has stopped serving
// (only its lease tells that), or that a hint arrives at a given time. Nothing
// that must not be lost travels here.
//
// How one hint goes: AnnounceHead keeps the version if it is newer than what is
// known and queues one broadcast, in place of the one queued before; memberlist
// carries it to a few random members every gossip interval; a receiver that
// knew less keeps it, queues it in turn, and wakes the goroutine that calls
// Config.OnHead. Whoever the broadcast missed gets the head with the next full
// exchange of state, which a join is too.
//
// How one member goes: its metadata (role, POP, addresses, ports) arrives with
// memberlist's alive message and makes it alive here; its goodbye makes it left;
// what memberlist gives up on is suspect first and dead only when the damping
// time has passed, longer for a member that keeps coming back. Damping is a pure table that is told the time.
package gossip
