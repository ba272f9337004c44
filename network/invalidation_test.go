package network

import (
	"reflect"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/journal"
)

func TestDescribeInvalidation(t *testing.T) {
	inv := cdn.Invalidation{ID: "I1", Distribution: "E1", Paths: []string{"/*"}, Version: cdn.Version{Epoch: 1, Number: 9}}
	acked := cdn.Version{Epoch: 1, Number: 8}
	within := func(d time.Duration) *time.Duration { return &d }
	for _, test := range []struct {
		name    string
		how     control.Completion
		status  string
		ends    *time.Duration
		waiting []operator.Waiting
	}{
		{"completed", control.Completion{Completed: true}, operator.Completed, within(0), []operator.Waiting{}},
		{"after a restart", control.Completion{Quiet: 4 * time.Second}, operator.InProgress, within(4 * time.Second), []operator.Waiting{}},
		{
			"leases", control.Completion{Quiet: time.Second, Waiting: []journal.Wait{{Node: "A", Incarnation: 1, Acked: acked, Left: 3 * time.Second}, {Node: "B", Left: 2 * time.Second}}},
			operator.InProgress, within(3 * time.Second),
			[]operator.Waiting{{Node: "A", Incarnation: 1, Applied: acked, LeaseLeft: 3 * time.Second}, {Node: "B", LeaseLeft: 2 * time.Second}},
		},
		{
			"without an end", control.Completion{Waiting: []journal.Wait{{Node: "A", Left: -time.Second, Endless: true, Replaced: true}, {Node: "B", Left: 2 * time.Second}}},
			operator.InProgress, nil,
			[]operator.Waiting{{Node: "A", Endless: true, Replaced: true}, {Node: "B", LeaseLeft: 2 * time.Second}},
		},
	} {
		got := describeInvalidation(inv, cdn.ServeStale, test.how)
		if got.Status != test.status || !reflect.DeepEqual(got.EndsWithin, test.ends) || !reflect.DeepEqual(got.Waiting, test.waiting) {
			t.Errorf("%s: %+v", test.name, got)
		}
		if got.ID != "I1" || got.Distribution != "E1" || got.WhenIsolated != "serve-stale" || got.Version != inv.Version || got.Fenced == nil {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}
