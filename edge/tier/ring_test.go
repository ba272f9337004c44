package tier

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/warmfront/warmfront/cdn"
)

func nodes(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("FRA-", i+1)
	}
	return ids
}

// TestOnlyTheKeysOfANodeMove: when it leaves its keys go to the others, evenly, and
// no other key changes hands.
func TestOnlyTheKeysOfANodeMove(t *testing.T) {
	const keys = 30_000
	for _, n := range []int{2, 3, 10} {
		all := nodes(n)
		left := slices.Delete(slices.Clone(all), 1, 2)
		owned, inherited := map[string]int{}, map[string]int{}
		for i := range keys {
			key := fmt.Sprintf("E1\x00GET\x00/images/%d.jpg\x00", i)
			before, after := Owner(key, all), Owner(key, left)
			owned[before]++
			switch {
			case before == all[1]:
				inherited[after]++
			case before != after:
				t.Fatalf("%q went from %s to %s when %s left", key, before, after, all[1])
			}
		}
		for _, id := range all {
			if want := float64(keys) / float64(n); math.Abs(float64(owned[id])-want) > 0.05*want {
				t.Errorf("of %d nodes %s owns %d keys of %d", n, id, owned[id], keys)
			}
		}
		for _, id := range left {
			if want := float64(owned[all[1]]) / float64(n-1); math.Abs(float64(inherited[id])-want) > 0.1*want+50 {
				t.Errorf("of %d nodes %s inherits %d keys of %d", n, id, inherited[id], owned[all[1]])
			}
		}
	}
}

// TestOwnersAreAgreedOn whatever the order; and by every release: nodes of two may
// run side by side.
func TestOwnersAreAgreedOn(t *testing.T) {
	for key, want := range map[string]string{"": "FRA-1", "E1\x00GET\x00/\x00": "FRA-1", "E1\x00GET\x00/style.css\x00": "FRA-1", "a": "FRA-3", "d": "FRA-1"} {
		all := nodes(3)
		got := Owner(key, all)
		slices.Reverse(all)
		if got != want || Owner(key, all) != want {
			t.Errorf("%q belongs to %s and %s, want %s", key, got, Owner(key, all), want)
		}
	}
	if Owner("a", nil) != "" {
		t.Error("an owner where there are no nodes")
	}
}

func TestPeers(t *testing.T) {
	up := func(string) bool { return true }
	registered := map[string]cdn.Node{}
	for _, id := range nodes(3) {
		registered[id] = cdn.Node{ID: id, Role: cdn.RoleEdge, POP: "FRA", PeerPort: 7947}
	}
	registered["NRT-1"] = cdn.Node{ID: "NRT-1", Role: cdn.RoleEdge, POP: "NRT", PeerPort: 7947}
	registered["router-1"] = cdn.Node{ID: "router-1", Role: cdn.RoleRouter, POP: "FRA", PeerPort: 7947}
	registered["FRA-9"] = cdn.Node{ID: "FRA-9", Role: cdn.RoleEdge, POP: "FRA"} // has no port to ask at
	asked := map[string]int{}
	for i := range 3000 {
		a := Asking{Self: registered["FRA-1"], Nodes: registered, Up: up, Key: fmt.Sprint(i)}
		owner := Owner(a.Key, nodes(3))
		got := Peers(a)
		switch {
		case owner == "FRA-1" && len(got) != 0:
			t.Fatalf("its own key is asked for at %v", got)
		case owner != "FRA-1" && (len(got) != 1 || got[0] != Tier{Peer, registered[owner]}):
			t.Fatalf("%v for a key of %s", got, owner)
		}
		if owner != "FRA-1" {
			asked[owner]++
		}
		a.Up = func(id string) bool { return id != "FRA-2" }
		if got := Peers(a); owner == "FRA-2" && len(got) == 1 && got[0].Node.ID != "FRA-3" || owner == "FRA-3" && len(got) != 1 {
			t.Fatalf("without FRA-2 %v for a key of %s", got, owner)
		}
	}
	if len(asked) != 2 {
		t.Errorf("asked %v", asked)
	}
	if got := Peers(Asking{Self: registered["NRT-1"], Nodes: registered, Up: up, Key: "a"}); got != nil {
		t.Errorf("a node alone in its city asks %v", got)
	}
}

func BenchmarkPeers(b *testing.B) {
	registered := map[string]cdn.Node{}
	for pop := range 100 {
		for k := range 3 {
			id := fmt.Sprintf("P%02d-%d", pop, k+1)
			registered[id] = cdn.Node{ID: id, Role: cdn.RoleEdge, POP: id[:3], PeerPort: 7947}
		}
	}
	a := Asking{Self: registered["P07-1"], Nodes: registered, Up: func(string) bool { return true }, Key: "E1\x00GET\x00/images/logo.png\x00\x00\x00"}
	for b.Loop() {
		Peers(a)
	}
}
