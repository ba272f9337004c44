package network

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/gossip"
	"github.com/warmfront/warmfront/journal"
)

func TestWhoMayRelay(t *testing.T) {
	node := func(id string) cdn.Node { return cdn.Node{ID: id, Role: cdn.RoleEdge} }
	registered := map[string]cdn.Node{"FRA-1": node("FRA-1"), "NRT-1": node("NRT-1"), "SYD-1": node("SYD-1")}
	control := cdn.Node{ID: "control-1", Role: cdn.RoleControl}
	ids := func(members ...gossip.Member) string {
		var all []string
		for _, n := range neighbours(registered, members) {
			all = append(all, n.ID)
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	for _, test := range []struct{ name, got, want string }{
		{"without gossip", ids(), "FRA-1 NRT-1 SYD-1"},
		{"control", ids(gossip.Member{Node: control, State: gossip.Alive}), "FRA-1 NRT-1 SYD-1"},
		{"one that joined since", ids(gossip.Member{Node: node("LHR-1"), State: gossip.Alive}), "FRA-1 LHR-1 NRT-1 SYD-1"},
		{"one that is dead", ids(gossip.Member{Node: node("SYD-1"), State: gossip.Dead}), "FRA-1 NRT-1"},
		{"all are dead", ids(gossip.Member{Node: node("SYD-1"), State: gossip.Dead}, gossip.Member{Node: node("NRT-1"), State: gossip.Left}), "FRA-1 NRT-1 SYD-1"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s, want %s", test.name, test.got, test.want)
		}
	}
}

// clientOf is the journal's client of a running node.
func clientOf(t *testing.T, u *Up, id string) *member {
	t.Helper()
	switch p := u.slots[id].current().(type) {
	case *Edge:
		return p.member
	case *Router:
		return p.member
	case *Origin:
		return p.member
	}
	t.Fatalf("%s does not run", id)
	return nil
}

// TestNodesCutOffFromControlFollowTheirNeighbours: an edge, a router and the origin
// are cut off from control, and nothing else is; a change reaches each of them, and
// their leases end.
func TestNodesCutOffFromControlFollowTheirNeighbours(t *testing.T) {
	u, r, _ := running(t)
	core := u.control.Core()
	off := []string{"NRT-1", "router-1", "origin-1"}
	for _, id := range off {
		if _, err := u.fault(t.Context(), operator.Fault{Kind: "partition", Target: id, From: "control"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := u.fault(t.Context(), operator.Fault{Kind: "pause", Target: "NRT-1", From: "control"}); cdn.ErrorCode(err) != "InvalidArgument" {
		t.Errorf("a pause from control: %v", err)
	}
	invalidate := func(n int) cdn.Version {
		t.Helper()
		v, err := core.Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) {
			c, err := cdn.NewChange(cdn.KindInvalidation, cdn.Invalidation{ID: fmt.Sprint("I", n), Distribution: r.Distribution, Paths: []string{"/*"}}, time.Now())
			return []cdn.Change{c}, err
		})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	reach := func(what string, most time.Duration, is func(m *member) bool) {
		t.Helper()
		for _, id := range off {
			m := clientOf(t, u, id)
			for began := time.Now(); !is(m); <-time.After(5 * time.Millisecond) {
				if time.Since(began) > most {
					t.Fatalf("%s: %s is not %s after %v", id, id, what, most)
				}
			}
		}
	}
	began := time.Now()
	v := invalidate(1)
	reach("up to date", 10*time.Second, func(m *member) bool { return m.client.State().Version == v })
	t.Logf("the first change was with all of them after %v", time.Since(began))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := core.WaitSettled(ctx, journal.Completed, v); err != nil {
		t.Fatal(err)
	}
	if m := clientOf(t, u, "NRT-1"); m.client.Lease().Valid(time.Now()) {
		t.Error("completed while an edge that control has not heard from may serve")
	}
	began = time.Now()
	v = invalidate(2)
	reach("up to date", 10*time.Second, func(m *member) bool { return m.client.State().Version == v })
	t.Logf("the second was after %v", time.Since(began))
	reach("without a lease", 20*time.Second, func(m *member) bool { return !m.client.Lease().Valid(time.Now()) && !m.client.Direct() })
	if got := u.faultOf("NRT-1"); got != "cut off from control" {
		t.Errorf("the fault is called %q", got)
	}
	for _, id := range off {
		if _, err := u.fault(t.Context(), operator.Fault{Kind: "heal", Target: id}); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	reach("back with control", 20*time.Second, func(m *member) bool { return m.client.Direct() && m.client.Lease().Valid(time.Now()) })
}
