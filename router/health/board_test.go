package health

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
)

func node(i int) cdn.Node {
	return cdn.Node{
		ID: fmt.Sprintf("N%03d-1", i), Role: cdn.RoleEdge, POP: fmt.Sprintf("N%03d", i), K: 1,
		Addr: netip.AddrFrom4([4]byte{127, byte(i), 0, 1}), HTTPPort: 8080,
	}
}

func failure(ok bool) error {
	if ok {
		return nil
	}
	return errors.New("no answer")
}

func nodes(n int) (out []cdn.Node) {
	for i := range n {
		out = append(out, node(i+1))
	}
	return out
}

// TestBoardRate: every edge is checked once an interval, spread over it, and at once
// when it is new.
func TestBoardRate(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := NewBoard(Default(), start)
	b.Register(nodes(100), start)
	first, _ := b.Start(start)
	if len(first) != 100 {
		t.Fatalf("%d of 100 new edges are due at once", len(first))
	}
	for _, n := range first {
		b.Observe(n, report.Edge{}, nil, start)
	}
	checks, most := 0, 0
	const rounds = 10
	for now := start; now.Before(start.Add(rounds * time.Second)); now = now.Add(10 * time.Millisecond) {
		due, _ := b.Start(now)
		for _, n := range due {
			b.Observe(n, report.Edge{}, nil, now)
		}
		checks += len(due)
		most = max(most, len(due))
	}
	if checks < 100*(rounds-1) || checks > 100*(rounds+1) {
		t.Errorf("%d checks of 100 edges in %d s", checks, rounds)
	}
	if most > 10 {
		t.Errorf("%d checks came within 10 ms", most)
	}
}

func TestBoardLimit(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := NewBoard(Default(), now)
	b.Register(nodes(254), now)
	more := nodes(254)
	for i := range 100 {
		n := node(i + 1)
		n.ID = fmt.Sprintf("M%03d-1", i)
		more = append(more, n)
	}
	b.Register(more, now)
	due, _ := b.Start(now)
	if len(due) != concurrency {
		t.Fatalf("%d checks at a time, want %d", len(due), concurrency)
	}
	if again, _ := b.Start(now.Add(time.Hour)); len(again) != 0 || !b.Next().IsZero() {
		t.Error("more are due although the limit is reached")
	}
	b.Observe(due[0], report.Edge{}, nil, now)
	if again, _ := b.Start(now); len(again) != 1 {
		t.Errorf("%d started when one ended", len(again))
	}
}

func TestBoardRegister(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := NewBoard(Default(), now)
	if !b.Register(nil, now) {
		t.Error("a board that never had edges has lost them")
	}
	b.Register(nodes(2), now)
	due, _ := b.Start(now)
	for _, n := range due {
		b.Observe(n, report.Edge{}, nil, now)
	}

	moved := nodes(2)
	moved[1].Addr = netip.MustParseAddr("127.9.0.1")
	b.Register(moved, now)
	if e := b.Edges(); e[0].Phase != Up || e[1].Phase != Unknown {
		t.Errorf("after one moved: %v", e)
	}
	if due, _ := b.Start(now); len(due) != 1 || due[0] != moved[1] {
		t.Errorf("due: %v, want the one that moved", due)
	}
	// The result of a check at the old address says nothing about the new one.
	if _, after := b.Observe(node(2), report.Edge{}, nil, now); after != Unknown {
		t.Errorf("a stale result counted: %v", after)
	}
	if b.Register(nil, now) {
		t.Error("a lost membership was taken for an empty network")
	}
	if len(b.Edges()) != 2 {
		t.Error("a lost membership took the edges away")
	}
	b.Register(moved[:1], now)
	if e := b.Edges(); len(e) != 1 || e[0].Node != moved[0] || !e[0].Healthy {
		t.Errorf("after one was forgotten: %v", e)
	}
}

func TestBoardHints(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := NewBoard(Default(), now)
	b.Register(nodes(1), now)
	check := func(ok bool) {
		t.Helper()
		due, _ := b.Start(now)
		if len(due) != 1 {
			t.Fatalf("%d due", len(due))
		}
		b.Observe(due[0], report.Edge{}, failure(ok), now)
	}
	id := node(1).ID
	check(true)
	if b.Hint("nobody", HintLeft, now) {
		t.Error("a hint about an unknown node changed something")
	}

	// Dead only brings the check forward, and not without limit.
	now = now.Add(300 * time.Millisecond)
	if b.Hint(id, HintDead, now) || !b.Edges()[0].Healthy {
		t.Error("a hint alone excluded an edge")
	}
	check(true)
	for range 10 {
		b.Hint(id, HintDead, now)
		if due, _ := b.Start(now); len(due) != 0 {
			t.Fatal("hints make checks as often as they like")
		}
	}

	// Left excludes at once, and ends by itself.
	if !b.Hint(id, HintLeft, now) || b.Edges()[0].Healthy {
		t.Error("a clean leave did not exclude")
	}
	now = now.Add(Default().LeaveHold - time.Second)
	check(true)
	if b.Edges()[0].Healthy {
		t.Error("the leave ended early")
	}
	if next := b.Next(); next.After(now.Add(time.Second)) {
		t.Errorf("next is %v, after the end of the leave", next)
	}
	now = now.Add(time.Second)
	if _, changed := b.Start(now); !changed || !b.Edges()[0].Healthy {
		t.Error("the leave did not end")
	}
	b.Hint(id, HintLeft, now)
	if !b.Hint(id, HintAlive, now) || !b.Edges()[0].Healthy {
		t.Error("a node that is alive again stays excluded")
	}
}

// TestBoardDraining: an edge that says that it drains is out at once, and comes back
// as any other does.
func TestBoardDraining(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := NewBoard(Default(), now)
	b.Register(nodes(1), now)
	for i, c := range []struct {
		result            error
		healthy, draining bool
	}{
		{nil, true, false}, {fmt.Errorf("at 127.1.0.1: %w", ErrDraining), false, true}, {ErrDraining, false, true},
		{nil, false, false}, {nil, true, false},
	} {
		due, _ := b.Start(now)
		if len(due) != 1 {
			t.Fatalf("%d due", len(due))
		}
		b.Observe(due[0], report.Edge{}, c.result, now)
		if e := b.Edges()[0]; e.Healthy != c.healthy || e.Draining != c.draining {
			t.Errorf("after check %d: %+v", i, e)
		}
		now = now.Add(time.Second)
	}
}
