package journal

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

var (
	stale    = cdn.Isolation{ServeStale: true}
	staleTil = func(n uint64) cdn.Isolation { return cdn.Isolation{Until: ver(1, n)} }
)

func (d *desk) wantFor(i cdn.Isolation, v cdn.Version, when string) {
	d.t.Helper()
	if got := d.SettledFor(Completed, i, d.now); got != v {
		d.t.Errorf("%s: settled %v for %+v, want %v", when, got, i, v)
	}
}

// isolated returns a desk at which A has acknowledged 1.11 and B, whose lease has
// ended, 1.10.
func isolated(t *testing.T) *desk {
	d := newDesk(t, 0)
	d.call("A", ver(1, 10))
	d.call("B", ver(1, 10))
	d.append(ver(1, 11))
	d.pass(testTerms.Held())
	d.call("A", ver(1, 11))
	return d
}

func TestADistributionServedWithoutALeaseWaitsForAcknowledgement(t *testing.T) {
	for _, test := range []struct {
		name string
		i    cdn.Isolation
		then func(d *desk)
		want cdn.Version
	}{
		{"the default waits for leases alone", cdn.Isolation{}, nil, ver(1, 11)},
		{"B may be serving", stale, nil, ver(1, 10)},
		{"B is back", stale, func(d *desk) { d.call("B", ver(1, 11)) }, ver(1, 11)},
		{"B has not heard that it is off", staleTil(11), nil, ver(1, 10)},
		{"B has heard that it is off", staleTil(10), nil, ver(1, 11)},
		{"B is forgotten", stale, func(d *desk) { d.Register(map[string]cdn.Node{"A": {Role: cdn.RoleEdge}}) }, ver(1, 11)},
		{"B gives up what it has no more", stale, func(d *desk) {
			if _, err := d.Lease("B", LeaseRequest{Incarnation: 1, Applied: ver(1, 10), Release: true}, d.now); err != nil {
				d.t.Fatal(err)
			}
		}, ver(1, 11)},
		{"a new process that remembers B's has not been level yet", stale, func(d *desk) { d.Join("B", 1, 1) }, ver(1, 11)},
		{"a new process with an empty disk proves nothing", stale, func(d *desk) {
			d.Join("B", 0, 1)
			d.callAs("B", 2, ver(1, 11))
		}, ver(1, 10)},
		{"nor does one whose disk was put back", stale, func(d *desk) {
			d.Join("B", 1, 1)
			d.callAs("B", 2, ver(1, 11))
			d.append(ver(1, 12))
			d.pass(testTerms.Held())
			d.Join("B", 1, 2)
			d.callAs("B", 3, ver(1, 12))
			d.call("A", ver(1, 12))
		}, ver(1, 11)},
		{"a replaced process that is told so and ends", stale, func(d *desk) {
			d.Join("B", 0, 1)
			d.callAs("B", 2, ver(1, 11))
			if _, err := d.Lease("B", LeaseRequest{Incarnation: 1, Release: true}, d.now); !errors.Is(err, ErrSuperseded) {
				d.t.Error(err)
			}
		}, ver(1, 11)},
		{"a node that registers later counts once it has had a lease", stale, func(d *desk) {
			d.Register(map[string]cdn.Node{"A": {Role: cdn.RoleEdge}, "C": {Role: cdn.RoleEdge}})
			d.Join("C", 0, 0)
		}, ver(1, 11)},
		{"and then by acknowledgement", stale, func(d *desk) {
			d.Register(map[string]cdn.Node{"A": {Role: cdn.RoleEdge}, "C": {Role: cdn.RoleEdge}})
			d.call("C", ver(1, 11))
			d.append(ver(1, 12))
			d.pass(testTerms.Held())
			d.call("A", ver(1, 12))
		}, ver(1, 11)},
	} {
		d := isolated(t)
		if test.then != nil {
			test.then(d)
		}
		d.wantFor(test.i, test.want, test.name)
		d.Sweep(d.now)
		d.wantFor(test.i, test.want, test.name+", swept")
	}
}

func TestALateCallOfAProcessThatGaveUpIsGrantedNothing(t *testing.T) {
	d := isolated(t)
	r := LeaseRequest{Incarnation: 1, Applied: ver(1, 10), Release: true}
	if _, err := d.Lease("B", r, d.now); err != nil {
		t.Fatal(err)
	}
	if d.call("B", ver(1, 11)).Granted {
		t.Error("granted")
	}
	d.wantFor(stale, ver(1, 11), "B has ended")
}

func TestALaterRunRecallsWhoMayBeServing(t *testing.T) {
	before := isolated(t)
	before.Join("A", 0, 1)
	before.callAs("A", 2, ver(1, 11))
	for _, test := range []struct {
		name string
		drop string
		want cdn.Version
	}{
		{"everybody must acknowledge again", "", ver(0, 0)},
		{"but who has ended", "B", ver(1, 11)},
	} {
		d := newDesk(t, 0)
		d.append(ver(1, 11))
		for _, id := range []string{"A", "B"} {
			if id != test.drop {
				d.Recall(id, before.Standing(id, d.now).Incarnation, before.Processes(id))
			}
		}
		d.Recall("unknown", 1, []uint64{1})
		if _, err := d.Lease("A", LeaseRequest{Incarnation: 1}, d.now); !errors.Is(err, ErrSuperseded) {
			t.Errorf("%s: the earlier process of A: %v", test.name, err)
		}
		d.callAs("A", 2, ver(1, 11))
		d.want(Completed, ver(1, 11), test.name)
		d.wantFor(stale, ver(0, 0), test.name+", but A's earlier process")
		if _, err := d.Lease("A", LeaseRequest{Incarnation: 1, Release: true}, d.now); !errors.Is(err, ErrSuperseded) {
			t.Error(err)
		}
		d.wantFor(stale, test.want, test.name)
	}
}

func TestWaitingNamesWhoIsMissingAndForHowLong(t *testing.T) {
	d := isolated(t)
	d.Join("A", 0, 1)
	d.callAs("A", 2, ver(1, 11))
	d.append(ver(1, 12))
	d.callAs("A", 2, ver(1, 12))
	d.pass(time.Second)
	wait := func(id string, n uint64, replaced bool, acked cdn.Version, endless bool) Wait {
		return Wait{Node: id, Incarnation: n, Replaced: replaced, Acked: acked, Endless: endless}
	}
	for _, test := range []struct {
		name string
		i    cdn.Isolation
		want []Wait
	}{
		{"by default", cdn.Isolation{}, []Wait{wait("A", 1, true, ver(1, 11), false)}},
		{"served without a lease", stale, []Wait{wait("A", 1, true, ver(1, 11), true), wait("B", 1, false, ver(1, 10), true)}},
		{"no longer, as A has heard", staleTil(11), []Wait{wait("A", 1, true, ver(1, 11), false), wait("B", 1, false, ver(1, 10), true)}},
	} {
		got := d.Waiting(Completed, test.i, ver(1, 12), d.now)
		if len(got) == 0 || got[0].Left != testTerms.Held()-time.Second {
			t.Errorf("%s: %+v", test.name, got)
		}
		for i := range got {
			got[i].Left = 0
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	r := newDesk(t, time.Second)
	if quiet := r.Quiet(r.now); quiet != time.Second {
		t.Errorf("after a restart: quiet for %v", quiet)
	}
	if quiet := r.Quiet(d.now); quiet != 0 {
		t.Errorf("long after the restart: quiet for %v", quiet)
	}
}
