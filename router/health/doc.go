// Package health says which edges are up. A router asks every registered edge
// itself, every second; what gossip tells is only a hint of when to ask.
//
// It is in three parts. [Status] is the rule for one edge, a pure state machine:
// so many failures in a row and it is down, so many successes and it is up again.
// [Board] holds the Status of all edges and says, for a given now, which to check;
// it does no I/O and reads no clock. [Checker] is the rim: it runs the checks
// that the board says are due, each with a time-out, and tells its owner when an
// edge goes up or down. [HTTP] is the check itself.
//
// How one failure goes, with the default settings: the edge stops; its next check
// (at most 1 s later) fails, at once or by the time-out of 1 s; two more follow a
// second apart; after the third the edge is down and [Config.Changed] is called,
// 2 to 4 s after it stopped. A hint from gossip moves the first check forward and
// proves nothing by itself, but for a clean leave: that excludes at once.
package health
