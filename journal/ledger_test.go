package journal

import (
	"errors"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// desk is a ledger with a clock to be moved by hand.
type desk struct {
	*Ledger
	t   *testing.T
	now Instant
}

var testTerms = Terms{Length: 10 * time.Second, Margin: time.Second}

func newDesk(t *testing.T, wait time.Duration) *desk {
	d := &desk{t: t, now: Instant{Mono: time.Minute}}
	d.Ledger = NewLedger(testTerms, Term{1, 1}, ver(1, 10), nil, wait, d.now)
	d.Register(map[string]cdn.Node{
		"A": {Role: cdn.RoleEdge}, "B": {Role: cdn.RoleEdge}, "R": {Role: cdn.RoleRouter}, "O": {Role: cdn.RoleOrigin},
	})
	return d
}

func (d *desk) pass(t time.Duration) { d.now = d.now.Add(t) }

// call makes the lease call of a node's first incarnation.
func (d *desk) call(id string, v cdn.Version) LeaseAnswer {
	d.t.Helper()
	return d.callAs(id, 1, v)
}

func (d *desk) callAs(id string, incarnation uint64, v cdn.Version) LeaseAnswer {
	d.t.Helper()
	a, err := d.Lease(id, LeaseRequest{Incarnation: incarnation, Applied: v}, d.now)
	if err != nil {
		d.t.Fatalf("lease call of %s: %v", id, err)
	}
	return a
}

func (d *desk) append(v cdn.Version) { d.Appended(v, d.now) }

func (d *desk) want(s Scope, v cdn.Version, when string) {
	d.t.Helper()
	if got := d.Settled(s, d.now); got != v {
		d.t.Errorf("%s: settled %v, want %v", when, got, v)
	}
}

func TestSettlingWaitsForAcknowledgementOrTheEndOfTheLease(t *testing.T) {
	d := newDesk(t, 0)
	d.want(Completed, ver(1, 10), "nobody holds a lease")
	for _, id := range []string{"A", "B", "R", "O"} {
		if !d.call(id, ver(1, 10)).Granted {
			t.Fatalf("%s got no lease", id)
		}
	}
	d.append(ver(1, 11))
	d.want(Completed, ver(1, 10), "nobody has acknowledged")
	d.call("A", ver(1, 11))
	d.want(Completed, ver(1, 10), "B has not acknowledged")
	d.pass(9 * time.Second)
	d.call("A", ver(1, 11))
	d.want(Completed, ver(1, 10), "B's lease runs")
	d.pass(2*time.Second - 1)
	d.want(Completed, ver(1, 10), "B's lease runs for the margin")
	if left, found := d.NextEnd(d.now); !found || left != 1 {
		t.Errorf("next end in %v, %v", left, found)
	}
	d.pass(1)
	d.want(Completed, ver(1, 11), "B's lease has ended")
	// The origin and the router have never acknowledged, and their leases ended
	// with B's.
	d.want(Deployed, ver(1, 11), "R's lease has ended")
}

func TestDeployedWaitsForRoutersCompletedDoesNot(t *testing.T) {
	d := newDesk(t, 0)
	for _, id := range []string{"A", "R", "O"} {
		d.call(id, ver(1, 10))
	}
	d.append(ver(1, 11))
	d.call("A", ver(1, 11))
	d.want(Completed, ver(1, 11), "the edge has acknowledged")
	d.want(Deployed, ver(1, 10), "the router has not")
	d.call("R", ver(1, 11))
	d.want(Deployed, ver(1, 11), "the router has")
}

func TestARestartedLeaderSettlesNothingForALease(t *testing.T) {
	d := newDesk(t, testTerms.Held())
	d.Ledger.settled[Completed] = ver(1, 9)
	d.want(Completed, ver(1, 9), "at the start")
	d.append(ver(1, 11))
	d.call("A", ver(1, 11))
	d.pass(testTerms.Held() - 1)
	d.call("A", ver(1, 11))
	d.want(Completed, ver(1, 9), "B may hold a lease of the earlier leader")
	d.pass(1)
	d.want(Completed, ver(1, 11), "whatever the earlier leader granted has ended")
}

func TestALaggardIsNotRenewed(t *testing.T) {
	d := newDesk(t, 0)
	d.call("A", ver(1, 10))
	d.append(ver(1, 11))
	d.pass(Lag - 1)
	d.append(ver(1, 12))
	if !d.call("A", ver(1, 10)).Granted {
		t.Error("not renewed within the time allowed")
	}
	d.pass(1)
	if a := d.call("A", ver(1, 10)); a.Granted || a.Reason == "" || a.Head != ver(1, 12) {
		t.Errorf("a laggard was answered %+v", a)
	}
	if !d.call("A", ver(1, 11)).Granted {
		t.Error("not renewed though it lacks only what is recent")
	}
}

func TestWhatSettledWithoutANodeIsRequiredOfIt(t *testing.T) {
	d := newDesk(t, 0)
	d.call("A", ver(1, 10))
	d.append(ver(1, 11))
	d.call("A", ver(1, 11))
	d.want(Completed, ver(1, 11), "B holds no lease")
	// The change is a moment old, so B does not lag; but it was reported complete.
	if d.call("B", ver(1, 10)).Granted {
		t.Error("B was granted a lease behind what is settled")
	}
	if !d.call("B", ver(1, 11)).Granted {
		t.Error("B was granted no lease")
	}
}

func TestAfterARestartTheWholeJournalIsRequired(t *testing.T) {
	d := newDesk(t, testTerms.Held())
	if d.call("A", ver(1, 9)).Granted {
		t.Error("granted behind what the earlier leader may have settled")
	}
}

func TestALateCallDoesNotTakeAnAcknowledgementBack(t *testing.T) {
	d := newDesk(t, 0)
	d.call("A", ver(1, 10))
	d.append(ver(1, 11))
	d.call("A", ver(1, 11))
	d.call("A", ver(1, 10)) // sent before, handled after
	d.want(Completed, ver(1, 11), "a late call")
}

func TestIncarnations(t *testing.T) {
	d := newDesk(t, 0)
	join := func(last, known, want uint64, back bool) {
		t.Helper()
		if got, rolledBack := d.Join("A", last, known); got != want || rolledBack != back {
			t.Errorf("Join(%d, %d) = %d, %v, want %d, %v", last, known, got, rolledBack, want, back)
		}
	}
	join(0, 0, 1, false)
	d.call("A", ver(1, 10))
	join(1, 1, 2, false)
	if _, err := d.Lease("A", LeaseRequest{Incarnation: 1, Applied: ver(1, 10)}, d.now); !errors.Is(err, ErrSuperseded) {
		t.Errorf("the earlier incarnation: %v", err)
	}
	d.append(ver(1, 11))
	d.callAs("A", 2, ver(1, 11))
	d.want(Completed, ver(1, 10), "the process that was replaced may be alive")
	d.pass(testTerms.Held())
	d.callAs("A", 2, ver(1, 11))
	d.want(Completed, ver(1, 11), "its lease has ended")
	join(1, 2, 3, true) // its disk remembers less than control
	join(0, 3, 4, false)
	join(9, 4, 10, false) // control's disk was put back
}

// A process that joined in the run that was lost, and one that joins now from a
// disk that knows nothing of it, are two: what the one acknowledges the other has
// not applied.
func TestIncarnationsOfALostRunAreNotGivenAgain(t *testing.T) {
	d := newDesk(t, 0)
	first, _ := d.Join("A", 0, 0)
	lost := newDesk(t, 0)
	lost.Restarted(ver(NextEpoch(1, time.Unix(1e9, 0)), 0), lost.now)
	second, _ := lost.Join("A", 0, 0)
	if second <= first+1000 {
		t.Errorf("incarnation %d after %d, and others may have been given since", second, first)
	}
	if third, rolledBack := lost.Join("A", second, second); third != second+1 || rolledBack {
		t.Errorf("then %d, %v", third, rolledBack)
	}
}

func TestAForgottenNodeIsWaitedForAndNotRenewed(t *testing.T) {
	d := newDesk(t, 0)
	d.call("A", ver(1, 10))
	d.call("B", ver(1, 10))
	d.append(ver(1, 11))
	d.Register(map[string]cdn.Node{"A": {Role: cdn.RoleEdge}})
	d.call("A", ver(1, 11))
	if _, err := d.Lease("B", LeaseRequest{Incarnation: 1, Applied: ver(1, 11)}, d.now); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("a forgotten node: %v", err)
	}
	d.Sweep(d.now)
	d.want(Completed, ver(1, 10), "its lease runs")
	d.pass(testTerms.Held())
	d.want(Completed, ver(1, 11), "its lease has ended")
	d.Sweep(d.now)
	if d.Ledger.nodes["B"] != nil || d.Ledger.nodes["A"] == nil {
		t.Error("swept the wrong accounts")
	}
}

func TestReleaseEndsTheLeaseAtOnce(t *testing.T) {
	d := newDesk(t, 0)
	d.call("A", ver(1, 10))
	d.append(ver(1, 11))
	if d.Idle(d.now) {
		t.Error("idle while a lease runs")
	}
	if _, err := d.Lease("A", LeaseRequest{Incarnation: 1, Applied: ver(1, 10), Release: true}, d.now); err != nil {
		t.Fatal(err)
	}
	d.want(Completed, ver(1, 11), "A gave its lease up")
	if !d.Idle(d.now) {
		t.Error("not idle")
	}
}

func TestANodeAheadOfTheJournal(t *testing.T) {
	d := newDesk(t, 0)
	for _, r := range []LeaseRequest{
		{Incarnation: 1, Applied: ver(1, 11)}, {Incarnation: 1, Applied: ver(2, 1)},
		{Incarnation: 1, Applied: ver(1, 10), Seen: Term{1, 2}},
	} {
		if _, err := d.Lease("A", r, d.now); !errors.Is(err, ErrAhead) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	d.Restarted(ver(3, 0), d.now)
	// What it lacks may have been reported by the run that was lost: it is not given
	// the time that a node is given for a change.
	a, err := d.Lease("A", LeaseRequest{Incarnation: 1, Applied: ver(2, 1), Seen: Term{2, 9}}, d.now)
	if err != nil || a.Granted || a.Term != (Term{3, 1}) {
		t.Errorf("just after the new epoch: %+v, %v", a, err)
	}
	d.want(Completed, ver(0, 0), "nothing settles yet")
	if !d.call("A", ver(3, 0)).Granted {
		t.Error("not renewed in the new epoch")
	}
	d.pass(testTerms.Held() - 1)
	d.call("A", ver(3, 0))
	d.want(Completed, ver(0, 0), "B may hold a lease of the run that was lost")
	d.pass(1)
	d.want(Completed, ver(3, 0), "A has taken the new epoch, and what the lost run granted has ended")
}

func TestANewEpochDoesNotShortenTheWaitForAnEarlierRun(t *testing.T) {
	d := newDesk(t, 3*testTerms.Held())
	d.Restarted(ver(2, 0), d.now)
	d.pass(3*testTerms.Held() - 1)
	d.want(Completed, ver(0, 0), "longer leases of an earlier run may be running")
	d.pass(1)
	d.want(Completed, ver(2, 0), "they have ended")
}

func TestSettledNeverGoesBack(t *testing.T) {
	d := newDesk(t, 0)
	d.append(ver(1, 11))
	d.want(Completed, ver(1, 11), "nobody holds a lease")
	// A node that has applied less and was never granted anything does not count.
	d.call("A", ver(1, 10))
	d.want(Completed, ver(1, 11), "a laggard has called")
}
