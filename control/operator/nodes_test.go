package operator

import (
	"slices"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

func TestLeaseText(t *testing.T) {
	for want, n := range map[string]Node{
		"2.3s": {LeaseLeft: 2345 * time.Millisecond}, "fenced": {Fenced: true}, "unknown": {},
	} {
		if got := n.LeaseText(); got != want {
			t.Errorf("%+v: %q, want %q", n, got, want)
		}
	}
}

func TestNodesThatKeepToAnotherJournalAreSaidWithWhatToDo(t *testing.T) {
	follows := Node{Node: cdn.Node{ID: "FRA-1"}}
	keeps := Node{Node: cdn.Node{ID: "NRT-1"}, Applied: cdn.Version{Epoch: 1, Number: 7}, Follows: "OLD", Fenced: true}
	if got := (Nodes{Journal: "NEW", Nodes: []Node{follows}}).Keepers(); len(got) != 0 {
		t.Errorf("where all follow control: %q", got)
	}
	want := []string{
		"NRT-1 keeps to another journal, OLD up to 1.7, and is fenced.",
		"Control has lost its journal, or is another one: restore its data folder from a backup. To give up what only",
		"these nodes still know, start each of them with --adopt-journal NEW",
	}
	if got := (Nodes{Journal: "NEW", Nodes: []Node{follows, keeps}}).Keepers(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
