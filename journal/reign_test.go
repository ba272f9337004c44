package journal_test

import (
	"testing"
	"time"

	"github.com/warmfront/warmfront/journal"
)

func TestAStandbyWaitsAsLongAsTheLeaderMayLead(t *testing.T) {
	terms := journal.LabTerms().Reign()
	at := func(d time.Duration) journal.Instant { return journal.Instant{Mono: d, Wall: d} }
	var s journal.Standby
	if !s.Vacant(0, at(0), terms) {
		t.Error("nobody leads, and the place is not free")
	}
	if s.Vacant(7, at(time.Second), terms) || s.Vacant(7, at(time.Second+terms.Held()-1), terms) {
		t.Error("free before the leader's right can have ended")
	}
	// The leader's right ends before the place is free, though the standby has seen
	// the renewal in the very moment in which it was sent.
	reign := journal.Grant(at(time.Second), terms)
	if journal.MayGrant(reign, at(time.Second+terms.Held()-2*terms.Margin)) {
		t.Error("the old leader may grant until a new one may")
	}
	if !s.Vacant(7, at(time.Second+terms.Held()), terms) {
		t.Error("not free after the leader's right has ended")
	}
	if s.Vacant(8, at(10*time.Second), terms) || s.Vacant(8, at(11*time.Second), terms) {
		t.Error("a renewal was not noticed")
	}
	if !s.Vacant(0, at(11*time.Second), terms) {
		t.Error("a leader that has resigned is waited for")
	}
}
