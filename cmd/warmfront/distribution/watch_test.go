package distribution

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/control/operator"
)

// going is an invalidation that two of four edges have.
func going(waiting ...operator.Waiting) operator.Invalidation {
	return operator.Invalidation{ID: "I1", Distribution: "E1", Status: operator.InProgress, Edges: 4, Acknowledged: 2, Waiting: waiting}
}

func atMost(inv operator.Invalidation, d time.Duration) operator.Invalidation {
	inv.EndsWithin = &d
	return inv
}

var (
	leased = operator.Waiting{Node: "FRA-1", LeaseLeft: 3100 * time.Millisecond}
	stale  = operator.Waiting{Node: "NRT-1", LeaseLeft: time.Second, Endless: true}
	lost   = operator.Waiting{Node: "NRT-1", Endless: true}
)

func TestProgressOf(t *testing.T) {
	quiet, fenced, many := going(), going(), going()
	quiet.QuietLeft = time.Millisecond
	fenced.Fenced = []string{"IAD-1"}
	for _, id := range []string{"A", "B", "C", "D", "E", "F"} {
		many.Waiting = append(many.Waiting, operator.Waiting{Node: id})
	}
	for _, test := range []struct {
		inv  operator.Invalidation
		want string
	}{
		{going(), ""},
		{going(leased), "; waiting for FRA-1 (lease ends in 4s)"},
		{atMost(going(leased, leased), 4*time.Second), "; waiting for FRA-1 (lease ends in 4s), FRA-1 (lease ends in 4s); at most 4s more"},
		{going(stale), "; waiting for NRT-1 (lease ends in 1s, then it serves without one)"},
		{going(leased, lost), "; waiting for FRA-1 (lease ends in 4s), NRT-1 (serves without a lease: no end)"},
		{going(operator.Waiting{Node: "A", Replaced: true, Endless: true}), "; waiting for A, an earlier process (serves without a lease: no end)"},
		{many, "; waiting for A, B, C, D and 2 more"},
		{quiet, "; control has started anew and waits for leases from before (1s)"},
		{fenced, "; not waiting for IAD-1 (fenced: without a lease)"},
	} {
		if got := progressOf(test.inv); got != "2 of 4 edges have it"+test.want {
			t.Errorf("%s\nwant …%s", got, test.want)
		}
	}
}

// looks are what a wait sees of an edge that is cut off and comes back.
func looks() []operator.Invalidation {
	later := stale
	later.LeaseLeft /= 2
	done := going()
	done.Status, done.Acknowledged = operator.Completed, 4
	return []operator.Invalidation{going(stale), going(later), going(lost), going(lost), done}
}

func TestWatchSaysWhatChanged(t *testing.T) {
	var out bytes.Buffer
	w := newWatch(&out, false)
	for _, inv := range looks() {
		if err := w.show(inv); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.done(looks()[4]); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	want := []string{
		"I1: 2 of 4 edges have it; waiting for NRT-1 (lease ends in 1s, then it serves without one)",
		"I1: 2 of 4 edges have it; waiting for NRT-1 (serves without a lease: no end)",
		"NRT-1 may be serving E1 without a lease, as it is to be when isolated. If it will not come back: warmfront nodes forget NRT-1",
		"I1: Completed in ",
	}
	if len(lines) != len(want)+1 || lines[4] != "" {
		t.Fatalf("said %q", lines)
	}
	for i, w := range want {
		if !strings.HasPrefix(lines[i], w) {
			t.Errorf("%q, want %q", lines[i], w)
		}
	}
}

func TestWatchDrawsOneLineOnATerminal(t *testing.T) {
	var out bytes.Buffer
	w := newWatch(&out, false)
	w.live = true
	for _, inv := range looks() {
		if err := w.show(inv); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.done(looks()[4]); err != nil {
		t.Fatal(err)
	}
	w.end() // there is nothing left to end
	got := out.String()
	// The hint, and that it is done, are the only lines that stay.
	if strings.Count(got, "\n") != 2 || strings.Count(got, "nodes forget NRT-1\n") != 1 || strings.Count(got, "[############------------] 2 of 4") != 2 {
		t.Errorf("drew %q", got)
	}
	if last := got[strings.LastIndex(got, "\r"):]; !strings.HasPrefix(last, "\r\033[KI1: Completed in ") {
		t.Errorf("ended with %q", last)
	}
}

func TestWatchWritesJSON(t *testing.T) {
	var out bytes.Buffer
	w := newWatch(&out, true)
	for _, inv := range looks() {
		if err := w.show(inv); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.done(looks()[4]); err != nil {
		t.Fatal(err)
	}
	var statuses []string
	for d := json.NewDecoder(&out); d.More(); {
		var inv operator.Invalidation
		if err := d.Decode(&inv); err != nil {
			t.Fatal(err)
		}
		statuses = append(statuses, inv.Status)
	}
	if got := strings.Join(statuses, " "); got != "InProgress InProgress Completed" {
		t.Errorf("wrote %s", got)
	}
}
